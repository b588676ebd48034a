//! The runtime: one private set of timely workers per generation, on threads of their own.
//!
//! The only folder that names timely, so that another runtime could take its place. What always
//! holds: workers never block on I/O, never await, never read the clock; they get chunks and epoch
//! descriptors through bounded inboxes and answer with reports, for which they wait for room (see
//! [`workers::Outlet::send`] why that ends); every failure, a panic included, becomes one [`Report::Failed`]. Fault tolerance is not here: a failed set of workers is thrown
//! away, and the next generation starts from the checkpoint.
//!
//! Dataflow of every worker: source and first stateless steps, in one operator → exchange by key →
//! aggregate and last stateless steps → sink. Without an aggregate: source → sink.

mod aggregate;
mod build;
mod chunk;
mod exchange;
mod sink;
mod source;
mod workers;

pub(crate) use build::Program;
pub(crate) use chunk::Credits;
pub(crate) use workers::{Inbox, Workers};

use crate::WORKERS_MAX;
use crate::ops::EventTimes;
use arrow::record_batch::RecordBatch;
use chunk::Permit;
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_common::ids::Epoch;

/// Chunks and marks that may wait in one worker's inbox.
pub(crate) const INBOX_MAX: usize = 64;
/// Reports that may wait for the coordinator. No less than there are workers, so that each of them can tell why
/// it did not start before anybody listens.
pub(crate) const REPORTS_MAX: usize = 4 * WORKERS_MAX;

/// What decides an epoch, as workers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub epoch: Epoch,
    pub watermark_us: i64,
    pub late_us: i64,
    pub processing_time_us: i64,
}

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Order {
    Start(Descriptor),
    /// Rows of the epoch that was started last.
    Rows(RecordBatch, Arc<Permit>),
    /// The epoch that was started last has no more rows for this worker.
    End,
}

/// What one stateful operator of one worker did in an epoch.
#[derive(Debug, Default)]
pub(crate) struct StateReport {
    pub delta: Vec<RecordBatch>,
    pub rows_total: u64,
    pub rows_updated: u64,
    pub rows_removed: u64,
    /// Groups that were too late, and the rows that they had.
    pub groups_late: u64,
    pub rows_late: u64,
    pub memory_bytes: u64,
}

/// What a worker tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// All rows of the epoch passed the source.
    Read { epoch: Epoch, rows: u64, times: EventTimes },
    /// Rows for the sink. The permits live until they are staged.
    Output { epoch: Epoch, worker: usize, piece: usize, rows: Vec<RecordBatch>, permits: Vec<Arc<Permit>> },
    /// The state after the epoch.
    State { epoch: Epoch, worker: usize, state: StateReport },
    /// The epoch left this worker in so many pieces of output.
    Closed { epoch: Epoch, pieces: usize },
    /// The worker can't go on.
    Failed(Error),
}
