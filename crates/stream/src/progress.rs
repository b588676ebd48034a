//! Defines the progress that a query reports: Spark's `StreamingQueryProgress`.
//!
//! The types serialise to the JSON that PySpark parses into `lastProgress`. A value that is not known is
//! absent or null. `guarantee` in source and sink is an extension of Spark's format.

use serde::Serialize;
use std::collections::BTreeMap;

/// The progress of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Identifies the query.
    pub id: String,
    /// Identifies the run.
    pub run_id: String,
    /// The name that the user gave to the query.
    pub name: Option<String>,
    /// When the epoch was triggered: ISO 8601 in UTC with milliseconds.
    pub timestamp: String,
    /// The epoch.
    pub batch_id: u64,
    /// Milliseconds from trigger to commit.
    pub batch_duration: u64,
    /// Rows that were read.
    pub num_input_rows: u64,
    /// Rows that were read per second since the previous trigger.
    pub input_rows_per_second: f64,
    /// Rows that were read per second of `batch_duration`.
    pub processed_rows_per_second: f64,
    /// Milliseconds of each phase, under Spark's names.
    pub duration_ms: BTreeMap<String, u64>,
    /// `avg`, `max`, `min`, `watermark` as ISO 8601; empty without a watermark.
    pub event_time: BTreeMap<String, String>,
    /// The stateful operators.
    pub state_operators: Vec<StateOperatorProgress>,
    /// The sources.
    pub sources: Vec<SourceProgress>,
    /// The sink.
    pub sink: SinkProgress,
}

/// What one stateful operator did in an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateOperatorProgress {
    /// Spark's name of the operator.
    pub operator_name: String,
    /// Rows of state after the epoch.
    pub num_rows_total: u64,
    /// Rows of state that were inserted or changed.
    pub num_rows_updated: u64,
    /// Milliseconds of updates and removals.
    pub all_updates_time_ms: u64,
    /// Rows of state that were removed.
    pub num_rows_removed: u64,
    /// 0: removals are part of `all_updates_time_ms`.
    pub all_removals_time_ms: u64,
    /// Milliseconds of writing the snapshot.
    pub commit_time_ms: u64,
    /// Bytes of state in memory.
    pub memory_used_bytes: u64,
    /// Late groups.
    pub num_rows_dropped_by_watermark: u64,
    /// Key groups.
    pub num_shuffle_partitions: u64,
    /// Workers.
    pub num_state_store_instances: u64,
    /// Further metrics by name.
    pub custom_metrics: BTreeMap<String, u64>,
}

/// What was read from one source in an epoch. Offsets are JSON, as the source writes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// The name of the source.
    pub description: String,
    /// Where the epoch starts.
    pub start_offset: Option<serde_json::Value>,
    /// Where the epoch ends.
    pub end_offset: Option<serde_json::Value>,
    /// The newest offset of the source when the epoch was planned.
    pub latest_offset: Option<serde_json::Value>,
    /// Rows that were read.
    pub num_input_rows: u64,
    /// Rows that were read per second since the previous trigger.
    pub input_rows_per_second: f64,
    /// Rows that were read per second of the epoch's duration.
    pub processed_rows_per_second: f64,
    /// `at-most-once`, `at-least-once` or `exactly-once`.
    pub guarantee: &'static str,
}

/// What was written to the sink in an epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    /// The name of the sink.
    pub description: String,
    /// Rows that were written.
    pub num_output_rows: u64,
    /// `at-most-once`, `at-least-once` or `exactly-once`.
    pub guarantee: &'static str,
}

/// What a query is doing now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Spark's text of the state.
    pub message: String,
    /// Whether the source has new data.
    pub is_data_available: bool,
    /// Whether an epoch is being processed.
    pub is_trigger_active: bool,
}
