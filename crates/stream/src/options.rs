//! How a streaming query runs: its name, checkpoint, trigger, bounds and clock.
//!
//! Everything here may differ between two runs of one checkpoint (another number of workers, another
//! trigger): what must not differ is in [`crate::spec`]. No option is read later than the start.

use crate::clock::{Clock, SystemClock};
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Rows of one chunk, unless the options say otherwise.
pub const ROWS_PER_CHUNK_DEFAULT: usize = 8192;
/// Bytes of input that may be inside the query at once, unless the options say otherwise.
pub const BYTES_IN_FLIGHT_DEFAULT: usize = 256 << 20;
/// Workers of one query at most; there are as many key groups as four times this.
pub const WORKERS_MAX: usize = 64;

/// When an epoch starts and when the query ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// At every multiple of the interval; without one, as soon as there is something new.
    ProcessingTime { interval: Option<Duration> },
    /// What is there at the start, in as many epochs as the source's limits ask for; then ends.
    AvailableNow,
    /// One epoch of what is there at the start; then ends. As Spark ignores rate limits here,
    /// the caller opens the source without any.
    Once,
}

/// Where a query keeps what it must not forget.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Must honour conditional creation (`PutMode::Create`): local disk, S3, GCS, Azure and memory do.
    pub store: Arc<dyn ObjectStore>,
    pub prefix: Path,
}

/// How to run a [`crate::spec::StreamPlan`].
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// Names the query for good: the same for every run of one checkpoint (see [`crate::identify`]).
    pub id: String,
    /// Names this run.
    pub run_id: String,
    pub name: Option<String>,
    pub checkpoint: Checkpoint,
    pub trigger: Trigger,
    /// Input that ended closes all windows: for SQL, scripts and the demo. PySpark's `availableNow`
    /// keeps Spark's rule: windows that the watermark did not reach stay open in state.
    pub drain_at_end: bool,
    pub workers: usize,
    pub rows_per_chunk_max: usize,
    pub bytes_in_flight_max: usize,
    pub clock: Arc<dyn Clock>,
}

impl QueryOptions {
    /// Spark's defaults: as fast as possible, one worker, the system's clock.
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
            clock: Arc::new(SystemClock),
        }
    }
}
