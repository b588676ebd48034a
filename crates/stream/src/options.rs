//! Defines how a streaming query runs: its name, checkpoint, trigger, bounds and clock.
//!
//! All options except the id may differ between two runs of one checkpoint (another number of workers,
//! another trigger). What must stay the same is in [`crate::spec`].

use crate::clock::{StreamClock, SystemStreamClock};
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Rows of one chunk by default.
const ROWS_PER_CHUNK_DEFAULT: usize = 8192;
/// Bytes of input that may be in flight by default.
const BYTES_IN_FLIGHT_DEFAULT: usize = 256 << 20;
/// The most workers of one query. There are four times as many key groups, so that each worker owns several.
pub const WORKERS_MAX: usize = 64;

/// When epochs start, and whether the query ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An epoch starts at every multiple of the interval, or without an interval as soon as there is new
    /// data.
    ProcessingTime {
        /// Time between two epochs.
        interval: Option<Duration>,
    },
    /// Processes what is available at the start, in as many epochs as the source's limits require, then ends.
    AvailableNow,
    /// Processes what is available at the start in one epoch, then ends. As in Spark, the sources' limits do not apply.
    Once,
}

/// Where a query stores what it needs to recover.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The object store. It must support conditional creation (`PutMode::Create`), as local disk, S3, GCS,
    /// Azure and memory do.
    pub store: Arc<dyn ObjectStore>,
    /// The folder of the checkpoint.
    pub prefix: Path,
}

/// How to run a [`crate::spec::StreamPlan`].
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// Identifies the query. It is the same for every run of one checkpoint (see [`crate::identify`]).
    pub id: String,
    /// Identifies this run.
    pub run_id: String,
    /// The name that the user gave to the query.
    pub name: Option<String>,
    /// Where the query stores what it needs to recover.
    pub checkpoint: Checkpoint,
    /// When epochs start.
    pub trigger: Trigger,
    /// Whether the end of the input closes all windows. By Spark's rule for `availableNow` it does not:
    /// windows that the watermark has not reached stay open in state.
    pub drain_at_end: bool,
    /// Worker threads, from 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// The most rows of one chunk.
    pub rows_per_chunk_max: usize,
    /// The most bytes of input in flight.
    pub bytes_in_flight_max: usize,
    /// The clock of triggers, processing time and progress.
    pub clock: Arc<dyn StreamClock>,
}

impl QueryOptions {
    /// Returns options with defaults: no trigger interval, one worker, the clock of the system.
    pub fn new(id: impl Into<String>, run_id: impl Into<String>, checkpoint: Checkpoint) -> Self {
        Self {
            id: id.into(),
            run_id: run_id.into(),
            name: None,
            checkpoint,
            trigger: Trigger::ProcessingTime { interval: None },
            drain_at_end: false,
            workers: 1,
            rows_per_chunk_max: ROWS_PER_CHUNK_DEFAULT,
            bytes_in_flight_max: BYTES_IN_FLIGHT_DEFAULT,
            clock: Arc::new(SystemStreamClock::default()),
        }
    }
}
