//! The runtime: runs one set of timely workers per generation, on threads of its own.
//!
//! This is the only folder that names timely, so that another runtime can replace it. What always holds: a
//! worker never blocks on I/O, never awaits and never reads the clock. It gets chunks and epoch descriptors
//! through a bounded inbox and sends reports, for which it waits for room ([`workers::Reporter::send`]
//! explains why that wait ends). Every failure, a panic included, becomes one [`Report::Failed`]. Fault
//! tolerance is not here: a failed set of workers is dropped, and the next generation starts from the
//! checkpoint.
//!
//! The dataflow of a worker has one timely operator per node of the graph, and one before each exchange by
//! key. The last is the sink.

mod build;
mod chunk;
mod exchange;
mod operator;
mod sink;
mod source;
mod workers;

pub(crate) use build::{Dataflow, RestoredRows};
pub(crate) use chunk::Credits;
pub(crate) use workers::{Inbox, Workers};

use crate::WORKERS_MAX;
use crate::ops::{EpochDescriptor, EventTimes, StateReport};
use arrow::record_batch::RecordBatch;
use chunk::Permit;
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_common::ids::Epoch;

/// Commands that may wait in the inbox of one worker. Credits bound the bytes; this bounds the number of
/// chunks if they are small.
pub(crate) const INBOX_MAX: usize = 64;
/// Reports that may wait for the coordinator. At least one per worker, since all workers may report a failed
/// start before the coordinator receives anything.
pub(crate) const REPORTS_MAX: usize = 4 * WORKERS_MAX;

/// A command to one source on one worker.
#[derive(Debug)]
pub(crate) enum WorkerCommand {
    /// Start the epoch. Epochs start in order.
    StartEpoch(EpochDescriptor),
    /// Process rows of the epoch that was started last.
    Rows(RecordBatch, Arc<Permit>),
    /// The epoch that was started last has no more rows for this worker.
    EndEpoch,
}

/// Identifies a chunk of output within an epoch. Ordered by worker, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OutputChunkId {
    pub worker: usize,
    /// Counts the chunks of the worker from 0.
    pub number: usize,
}

/// A report of one worker to the coordinator.
#[derive(Debug)]
pub(crate) enum Report {
    /// All rows of the epoch have passed the source, which is a node of the graph.
    Read { epoch: Epoch, node: usize, rows: u64 },
    /// All rows of the epoch have passed an operator that observes event times.
    Observed { epoch: Epoch, node: usize, times: EventTimes },
    /// Rows for the sink. The permits are held until the rows are staged.
    Output { epoch: Epoch, id: OutputChunkId, rows: Vec<RecordBatch>, permits: Vec<Arc<Permit>> },
    /// What a stateful operator did in the epoch.
    State { epoch: Epoch, worker: usize, node: usize, state: StateReport },
    /// The worker has closed the epoch after it reported this many chunks of output.
    Closed { epoch: Epoch, chunks: usize },
    /// The worker cannot continue.
    Failed(Error),
}
