//! What a query tells about itself: Spark's `StreamingQueryProgress`, with numbers that were measured.
//!
//! Serialises to the JSON that PySpark parses into `lastProgress`. A number that is not known is
//! absent or null, never made up. Extension: `guarantee` in source and sink says what holds.

use serde::Serialize;
use std::collections::BTreeMap;

/// What one epoch did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub id: String,
    pub run_id: String,
    pub name: Option<String>,
    /// When the epoch was triggered: ISO 8601 in UTC with milliseconds.
    pub timestamp: String,
    /// The epoch.
    pub batch_id: u64,
    /// Milliseconds from trigger to commit.
    pub batch_duration: u64,
    pub num_input_rows: u64,
    pub input_rows_per_second: f64,
    pub processed_rows_per_second: f64,
    /// Milliseconds of every phase, under Spark's names.
    pub duration_ms: BTreeMap<String, u64>,
    /// `avg`, `max`, `min`, `watermark` as ISO 8601; empty without a watermark.
    pub event_time: BTreeMap<String, String>,
    pub state_operators: Vec<StateOperatorProgress>,
    pub sources: Vec<SourceProgress>,
    pub sink: SinkProgress,
}

/// What one stateful operator did in an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateOperatorProgress {
    pub operator_name: String,
    pub num_rows_total: u64,
    pub num_rows_updated: u64,
    pub all_updates_time_ms: u64,
    pub num_rows_removed: u64,
    pub all_removals_time_ms: u64,
    pub commit_time_ms: u64,
    pub memory_used_bytes: u64,
    pub num_rows_dropped_by_watermark: u64,
    pub num_shuffle_partitions: u64,
    pub num_state_store_instances: u64,
    pub custom_metrics: BTreeMap<String, u64>,
}

/// What one source gave to an epoch. Offsets are JSON, as the source writes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    pub description: String,
    pub start_offset: Option<serde_json::Value>,
    pub end_offset: Option<serde_json::Value>,
    pub latest_offset: Option<serde_json::Value>,
    pub num_input_rows: u64,
    pub input_rows_per_second: f64,
    pub processed_rows_per_second: f64,
    pub guarantee: &'static str,
}

/// What the sink took of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    pub description: String,
    pub num_output_rows: u64,
    pub guarantee: &'static str,
}

/// What a query does right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub message: String,
    pub is_data_available: bool,
    pub is_trigger_active: bool,
}
