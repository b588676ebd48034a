//! The handle of a running query: what a client may ask and tell it.
//!
//! A handle is a clone of shared state; dropping it changes nothing about the query, since a
//! vanished client must not stop a stream.

use crate::options::{Checkpoint, QueryOptions};
use crate::progress::{Progress, Status};
use crate::spec::StreamPlan;
use std::time::Duration;
use thalweg_common::{Error, Result};

/// A streaming query that was started. Clones are the same query.
#[derive(Debug, Clone)]
pub struct StreamingQuery {}

/// Starts a query over its checkpoint: claims the next generation, fences the sink, restores what
/// the sink says was committed last, and goes on from there. Returns when recovery is done and the
/// first epoch may start; what fails later is told by [`StreamingQuery::exception`].
///
/// # Errors
/// `STREAM_FENCED` if a later start won meanwhile, `STREAM_STATE_INCOMPATIBLE` if the checkpoint
/// belongs to another query, `STREAM_SNAPSHOT_CORRUPT` naming the file, `CHECKPOINT_IO`, and what
/// source and sink report.
pub async fn start(_plan: StreamPlan, _options: QueryOptions) -> Result<StreamingQuery> {
    Err(Error::internal("streams don't run yet"))
}

/// The id of the query that owns `checkpoint`: the one stored there, or `proposed`, which is then
/// stored for good.
pub async fn identify(_checkpoint: &Checkpoint, _proposed: &str) -> Result<String> {
    Err(Error::internal("streams don't run yet"))
}

/// What every method answers on a query that has ended: the last state it had.
impl StreamingQuery {
    pub fn id(&self) -> String {
        String::new()
    }
    pub fn run_id(&self) -> String {
        String::new()
    }
    pub fn name(&self) -> Option<String> {
        None
    }
    pub fn status(&self) -> Status {
        Status { message: String::new(), is_data_available: false, is_trigger_active: false }
    }
    pub fn is_active(&self) -> bool {
        false
    }
    /// The newest progress, if an epoch was committed.
    pub fn last_progress(&self) -> Option<Progress> {
        None
    }
    /// The newest progresses, oldest first; at most [`crate::RECENT_PROGRESS_MAX`].
    pub fn recent_progress(&self) -> Vec<Progress> {
        Vec::new()
    }
    /// The error that ended the query; none while it runs or after a stop.
    pub fn exception(&self) -> Option<Error> {
        None
    }
    /// Ends the query; what is not committed is done again by the next start. Returns when no
    /// thread or task of the query is left.
    pub async fn stop(&self) -> Result<()> {
        Ok(())
    }
    /// Waits for the end: true if it ended (its error, if any, is returned), false after `timeout`.
    pub async fn await_termination(&self, _timeout: Option<Duration>) -> Result<bool> {
        Ok(true)
    }
    /// Waits until everything that is in the source now is committed in the sink.
    pub async fn process_all_available(&self) -> Result<()> {
        Ok(())
    }
    /// Takes no input beyond what is there now, closes all windows, commits, and ends the query.
    pub async fn drain(&self) -> Result<()> {
        Ok(())
    }
}
