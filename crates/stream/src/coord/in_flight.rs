//! Tracks an epoch between its plan and its commit: what workers and tasks have reported of it.

use super::{PlannedEpoch, SnapshotRuns};
use crate::ops::{EventTimes, StateDeltas, StateReport};
use crate::rt::OutputChunkId;
use crate::spec::{OperatorGraph, OperatorId};
use std::collections::BTreeMap;
use std::time::Duration;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Staged;

/// Progress of the snapshot of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SnapshotStatus {
    Waiting,
    Writing,
    /// No files if no state changed.
    Written(SnapshotRuns),
}

/// When an epoch was triggered: by the time of day, in microseconds since 1970, and by the monotonic time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TriggerTime {
    pub wall_us: i64,
    pub monotonic: Duration,
}

/// When an epoch reached each phase, by the monotonic time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseTimes {
    pub triggered: TriggerTime,
    pub started: Duration,
    /// All workers had reported their state changes.
    pub state_known: Duration,
    pub snapshot_written: Duration,
    /// Everything that the manifest names was durable.
    pub processed: Duration,
}

/// How many reports of each kind an epoch gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedReports {
    workers: usize,
    /// Sources and watermarks of all workers.
    reads: usize,
    /// Stateful operators of all workers.
    states: usize,
}

impl ExpectedReports {
    pub(crate) fn of(graph: &OperatorGraph, workers: usize) -> Self {
        let reads = workers * (graph.sources().count() + graph.watermarks().count());
        Self { workers, reads, states: workers * graph.stateful().count() }
    }
}

/// An epoch that is planned and not yet committed.
#[derive(Debug)]
pub(crate) struct InFlightEpoch {
    pub planned: PlannedEpoch,
    expected: ExpectedReports,
    pub phases: PhaseTimes,
    /// Rows that were read, by source. Sources are nodes of the graph, as all operators here.
    pub rows: BTreeMap<usize, u64>,
    /// Event times by watermark.
    pub times: BTreeMap<usize, EventTimes>,
    /// The greatest event times of all epochs up to this one.
    pub event_times_max_ms: BTreeMap<OperatorId, i64>,
    reads: usize,
    workers_closed: usize,
    /// Chunks of output that the workers have announced.
    chunks: usize,
    pub staged: BTreeMap<OutputChunkId, Option<Staged>>,
    pub rows_out: u64,
    /// State changes by operator and worker.
    pub state: BTreeMap<(usize, usize), StateReport>,
    pub snapshot: SnapshotStatus,
}

impl InFlightEpoch {
    /// Starts to track an epoch with the times at which it was triggered and started.
    pub(crate) fn new(
        planned: PlannedEpoch,
        expected: ExpectedReports,
        (triggered, started): (TriggerTime, Duration),
    ) -> Self {
        let phases = PhaseTimes {
            triggered,
            started,
            state_known: started,
            snapshot_written: started,
            processed: started,
        };
        Self {
            planned,
            expected,
            phases,
            rows: BTreeMap::new(),
            times: BTreeMap::new(),
            event_times_max_ms: BTreeMap::new(),
            reads: 0,
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

    /// Records that one worker has read its share of a source.
    pub(crate) fn worker_read(&mut self, source: usize, rows: u64) {
        // Every worker reads a part of each epoch, if only an empty one.
        self.reads += 1;
        *self.rows.entry(source).or_default() += rows;
    }

    /// Records what a watermark has observed on one worker.
    pub(crate) fn worker_observed(&mut self, watermark: usize, times: &EventTimes) {
        self.reads += 1;
        self.times.entry(watermark).or_default().merge(times);
    }

    /// Returns whether all rows have passed the sources and watermarks, so that the event times are complete.
    pub(crate) fn is_read(&self) -> bool {
        self.reads == self.expected.reads
    }

    /// Returns the number of rows that all sources have read.
    pub(crate) fn rows_read(&self) -> u64 {
        self.rows.values().sum()
    }

    /// Records that one worker has closed the epoch after it sent `chunks` chunks of output.
    pub(crate) fn worker_closed(&mut self, chunks: usize) {
        self.workers_closed += 1;
        // Staging is slower than closing, so the number tells how many results are still to come.
        self.chunks += chunks;
    }

    /// Returns whether all state changes are known, so that the snapshot can be written.
    pub(crate) fn is_state_known(&self) -> bool {
        // The manifest contains the event times as well.
        self.is_read() && self.state.len() == self.expected.states
    }

    /// Returns whether everything that the manifest names is durable.
    pub(crate) fn is_processed(&self) -> bool {
        // A worker that has closed sends no more output, so the number of chunks is final.
        self.workers_closed == self.expected.workers
            && self.staged.len() == self.chunks
            && matches!(self.snapshot, SnapshotStatus::Written(_))
    }

    /// Takes the state changes of all workers, by operator. Workers own ascending ranges of key groups, so the
    /// order of workers is the order of key groups.
    pub(crate) fn take_deltas(&mut self) -> BTreeMap<usize, StateDeltas> {
        let mut all: BTreeMap<usize, StateDeltas> = BTreeMap::new();
        for ((operator, _), report) in &mut self.state {
            let of = all.entry(*operator).or_default();
            for (name, rows) in std::mem::take(&mut report.deltas) {
                match of.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, before)) => before.extend(rows),
                    None => of.push((name, rows)),
                }
            }
        }
        all
    }

    /// Returns the watermark from which a query goes on after this epoch, which has closed all windows: the rows of these
    /// are late.
    pub(crate) fn watermark_after_drain(&self) -> i64 {
        let closed = self.state.values().filter_map(|report| report.closed_until_us).max();
        closed.unwrap_or(i64::MIN).max(self.planned.plan.late_us)
    }

    /// Returns what the sink commits, in the order of workers.
    pub(crate) fn staged(&self) -> Vec<Staged> {
        // A chunk without rows stages nothing.
        self.staged.values().flatten().cloned().collect()
    }
}
