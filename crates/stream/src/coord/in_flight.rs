//! Tracks an epoch between its plan and its commit: what workers and tasks have reported of it.

use super::PlannedEpoch;
use crate::checkpoint::FileRef;
use crate::ops::EventTimes;
use crate::rt::{OutputChunkId, StateReport};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Staged;

/// Progress of the snapshot of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SnapshotStatus {
    Waiting,
    Writing,
    /// `None` if no state changed.
    Written(Option<FileRef>),
}

/// When an epoch reached each phase, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseTimes {
    pub triggered_us: i64,
    pub started_us: i64,
    /// All workers had reported their state changes.
    pub state_known_us: i64,
    pub snapshot_written_us: i64,
    /// Everything that the manifest names was durable.
    pub processed_us: i64,
}

/// An epoch that is planned and not yet committed.
#[derive(Debug)]
pub(crate) struct InFlightEpoch {
    pub planned: PlannedEpoch,
    workers: usize,
    stateful: bool,
    pub phases: PhaseTimes,
    pub rows: u64,
    pub times: EventTimes,
    /// The greatest event time of all epochs up to this one.
    pub event_time_max_ms: Option<i64>,
    workers_read: usize,
    workers_closed: usize,
    /// Chunks of output that the workers have announced.
    chunks: usize,
    pub staged: BTreeMap<OutputChunkId, Option<Staged>>,
    pub rows_out: u64,
    /// State changes by worker.
    pub state: BTreeMap<usize, StateReport>,
    pub snapshot: SnapshotStatus,
}

impl InFlightEpoch {
    /// Starts to track an epoch that was triggered at `triggered_us` and started at `started_us`.
    pub(crate) fn new(
        planned: PlannedEpoch,
        workers: usize,
        stateful: bool,
        (triggered_us, started_us): (i64, i64),
    ) -> Self {
        let phases = PhaseTimes {
            triggered_us,
            started_us,
            state_known_us: started_us,
            snapshot_written_us: started_us,
            processed_us: started_us,
        };
        Self {
            planned,
            workers,
            stateful,
            phases,
            rows: 0,
            times: EventTimes::default(),
            event_time_max_ms: None,
            workers_read: 0,
            workers_closed: 0,
            chunks: 0,
            staged: BTreeMap::new(),
            rows_out: 0,
            state: BTreeMap::new(),
            snapshot: SnapshotStatus::Waiting,
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.planned.plan.epoch
    }

    /// Records that one worker has read its share of the input.
    pub(crate) fn worker_read(&mut self, rows: u64, times: &EventTimes) {
        // Every worker reads a part of each epoch, if only an empty one.
        self.workers_read += 1;
        self.rows += rows;
        self.times.merge(times);
    }

    /// Returns whether all rows have passed the sources, so that the event times are complete.
    pub(crate) fn is_read(&self) -> bool {
        self.workers_read == self.workers
    }

    /// Records that one worker has closed the epoch after it sent `chunks` chunks of output.
    pub(crate) fn worker_closed(&mut self, chunks: usize) {
        self.workers_closed += 1;
        // Staging is slower than closing, so the number tells how many results are still to come.
        self.chunks += chunks;
    }

    /// Returns whether all state changes are known, so that the snapshot can be written.
    pub(crate) fn is_state_known(&self) -> bool {
        // Without state there is nothing to wait for but the event times, which the manifest contains.
        if self.stateful { self.state.len() == self.workers } else { self.is_read() }
    }

    /// Returns whether everything that the manifest names is durable.
    pub(crate) fn is_processed(&self) -> bool {
        // A worker that has closed sends no more output, so the number of chunks is final.
        self.workers_closed == self.workers
            && self.staged.len() == self.chunks
            && matches!(self.snapshot, SnapshotStatus::Written(_))
    }

    /// Takes the state changes of all workers. Workers own ascending ranges of key groups, so the order of
    /// workers is the order of key groups.
    pub(crate) fn take_delta(&mut self) -> Vec<RecordBatch> {
        self.state.values_mut().flat_map(|s| std::mem::take(&mut s.delta)).collect()
    }

    /// Returns what the sink commits, in the order of workers.
    pub(crate) fn staged(&self) -> Vec<Staged> {
        // A chunk without rows stages nothing.
        self.staged.values().flatten().cloned().collect()
    }
}
