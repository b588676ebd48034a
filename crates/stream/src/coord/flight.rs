//! An epoch on its way: what the coordinator has heard of it so far.

use super::Cut;
use crate::checkpoint::FileRef;
use crate::ops::EventTimes;
use crate::rt::StateReport;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Staged;

/// Where the snapshot of an epoch stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Snapshot {
    Waiting,
    Writing,
    /// None if no state changed.
    Written(Option<FileRef>),
}

/// An epoch that is planned and not yet committed.
#[derive(Debug)]
pub(crate) struct Flight {
    pub cut: Cut,
    workers: usize,
    stateful: bool,
    /// When it was triggered and started, when its state was known, its snapshot written, and all
    /// of it ready to be committed; microseconds.
    pub triggered_us: i64,
    pub started_us: i64,
    pub state_known_us: i64,
    pub snapshot_us: i64,
    pub processed_us: i64,
    pub rows: u64,
    pub times: EventTimes,
    /// The greatest event time of all epochs up to this one.
    pub event_time_max_ms: Option<i64>,
    read_by: usize,
    closed_by: usize,
    pieces: usize,
    pub staged: BTreeMap<(usize, usize), Option<Staged>>,
    pub rows_out: u64,
    pub state: BTreeMap<usize, StateReport>,
    pub snapshot: Snapshot,
}

impl Flight {
    pub(crate) fn new(cut: Cut, workers: usize, stateful: bool, (triggered_us, now_us): (i64, i64)) -> Self {
        Self {
            cut,
            workers,
            stateful,
            triggered_us,
            started_us: now_us,
            processed_us: now_us,
            state_known_us: now_us,
            snapshot_us: now_us,
            rows: 0,
            times: EventTimes::default(),
            event_time_max_ms: None,
            read_by: 0,
            closed_by: 0,
            pieces: 0,
            staged: BTreeMap::new(),
            rows_out: 0,
            state: BTreeMap::new(),
            snapshot: Snapshot::Waiting,
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.cut.plan.epoch
    }

    /// One worker has read its part.
    pub(crate) fn read(&mut self, rows: u64, times: &EventTimes) {
        self.read_by += 1;
        self.rows += rows;
        self.times.merge(times);
    }

    /// All rows passed the sources, so their event times are known.
    pub(crate) fn is_read(&self) -> bool {
        self.read_by == self.workers
    }

    /// One worker has handed over all its output.
    pub(crate) fn closed(&mut self, pieces: usize) {
        self.closed_by += 1;
        self.pieces += pieces;
    }

    /// All state changes are known, so the snapshot can be written.
    pub(crate) fn state_is_known(&self) -> bool {
        if self.stateful { self.state.len() == self.workers } else { self.is_read() }
    }

    /// Everything that the manifest names is durable.
    pub(crate) fn is_processed(&self) -> bool {
        self.closed_by == self.workers
            && self.staged.len() == self.pieces
            && matches!(self.snapshot, Snapshot::Written(_))
    }

    /// The state changes of all workers, in the order of workers, which is that of key groups.
    pub(crate) fn take_delta(&mut self) -> Vec<RecordBatch> {
        self.state.values_mut().flat_map(|s| std::mem::take(&mut s.delta)).collect()
    }
}
