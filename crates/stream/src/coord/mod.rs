//! The coordinator: runs one generation of a query from its claim to its end.
//!
//! ```text
//! recover     claims a generation, fences the sink, finds what it left
//! restore     sends the state to the workers
//! state_match finds the stored state of each operator
//! up_to_date  finds out whether a finite run has anything to do
//! planner     plans an epoch durably
//! feed        reads the source and fills the inboxes of the workers
//! in_flight   tracks an epoch between plan and commit
//! finish      writes snapshot and manifest, stages and commits output
//! maintenance merges state files and deletes garbage
//! retry       repeats a step of the sink whose failure may pass
//! progress    converts a committed epoch to the reported progress
//! run         the loop that decides what starts next, and what it does with what it receives
//! ```
//!
//! One task makes all decisions; I/O runs in other tasks, which return a [`TaskDone`]. Each step of the
//! protocol must be enabled by [`crate::machine::Machine`]. After an error nothing more is written, so that
//! the checkpoint holds exactly what a crash at that moment would leave.

mod feed;
mod finish;
mod in_flight;
mod maintenance;
mod planner;
mod progress;
mod recover;
mod restore;
mod retry;
mod run;
mod state_match;
mod up_to_date;

pub(crate) use recover::recover;
pub(crate) use restore::{RESTORED_MAX, restore};
pub(crate) use run::{Coordinator, QueryCommand};
pub(crate) use up_to_date::is_up_to_date;

/// Chunks of output that are staged at once; further ones wait in the queue of reports.
pub(crate) const STAGES_MAX: usize = 16;
/// Callers of `process_all_available` that may wait at once.
pub(crate) const WAITERS_MAX: usize = 1024;

use crate::checkpoint::{CheckpointFiles, EpochPlan, StateRun};
use crate::options::{QueryOptions, Trigger};
use crate::rt::{Credits, Dataflow, OutputChunkId};
use crate::spec::{OperatorGraph, OperatorId, StreamPlan};
use crate::test_hooks::TestHooks;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::background::Background;
use thalweg_connectors::stream::{Commit, Offset, Staged, StreamSource};

/// The watermark before the first event time was observed: 1970, as in Spark. The watermark is never lower,
/// so rows before 1970 are late from the first epoch on.
pub(crate) const NO_WATERMARK: i64 = 0;
/// The watermark that closes all windows.
pub(crate) const DRAINED: i64 = i64::MAX;

/// What every task of a generation needs.
#[derive(Debug)]
pub(crate) struct GenerationContext {
    pub plan: StreamPlan,
    pub options: QueryOptions,
    pub files: CheckpointFiles,
    pub hooks: TestHooks,
    pub dataflow: Dataflow,
    pub credits: Credits,
    pub generation: Generation,
    /// What was begun in the sink, the sources and the checkpoint. It runs to its end, also if the task that waits for
    /// it is aborted.
    pub effects: Background,
}

impl GenerationContext {
    /// Returns whether the sink remembers its commits; otherwise the commit records of the checkpoint decide.
    pub(crate) fn sink_remembers(&self) -> bool {
        self.plan.sink.decides_where_to_continue()
    }

    /// Returns whether the query ends with the input.
    pub(crate) fn is_finite(&self) -> bool {
        !matches!(self.options.trigger, Trigger::ProcessingTime { .. })
    }

    /// Returns whether the end of the input closes windows that are still open.
    pub(crate) fn drains_at_end(&self) -> bool {
        self.is_finite() && self.options.drain_at_end && self.plan.graph.drains(self.plan.output_mode)
    }

    /// Stages rows in the sink.
    pub(crate) async fn stage(
        &self,
        epoch: Epoch,
        chunk: usize,
        rows: Vec<RecordBatch>,
    ) -> Result<Option<Staged>> {
        let step = || {
            let (sink, rows) = (Arc::clone(&self.plan.sink), rows.clone());
            async move { self.effects.run(async move { sink.stage(epoch, chunk, rows).await }).await? }
        };
        retry::retry(self, "stage", step).await
    }

    /// Commits an epoch in the sink.
    pub(crate) async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let step = || {
            let (sink, staged) = (Arc::clone(&self.plan.sink), staged.clone());
            async move { self.effects.run(async move { sink.commit(epoch, staged).await }).await? }
        };
        retry::retry(self, "commit", step).await
    }

    /// Fences the sink for `generation`; returns its last commit.
    pub(crate) async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        retry::retry(self, "fence", || self.plan.sink.fence(generation)).await
    }

    /// Runs a step of a source that may write to its log or to the system that it reads.
    pub(crate) async fn source_step<T, F>(
        &self,
        source: &Arc<dyn StreamSource>,
        step: impl FnOnce(Arc<dyn StreamSource>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.effects.run(step(Arc::clone(source))).await?
    }

    /// Waits until nothing of the generation can happen any more: no commit, no file, no read.
    pub(crate) async fn close(&self) {
        self.effects.ended().await;
        self.plan.sink.close().await;
        for (_, source) in self.plan.graph.sources() {
            source.close().await;
        }
    }
}

/// The position from which the next epoch continues.
#[derive(Debug, Clone)]
pub(crate) struct StreamPosition {
    /// Where each source stands; a source that has read nothing is absent.
    pub offsets: BTreeMap<OperatorId, Offset>,
    pub watermark_us: i64,
    /// The greatest event time that each watermark has observed.
    pub event_times_max_ms: BTreeMap<OperatorId, i64>,
    pub processing_time_us: i64,
    /// Whether the query was drained, so that all windows are closed for good.
    pub last: bool,
}

impl StreamPosition {
    /// Computes the watermark after this position by Spark's rule: the greatest event time of all epochs so far, less
    /// the delay; the least of several watermarks. It never decreases.
    pub(crate) fn watermark(&self, graph: &OperatorGraph) -> i64 {
        let observed = graph.watermarks().map(|(id, delay_us)| {
            let max_ms = self.event_times_max_ms.get(id);
            // Without an event time the watermark holds back the others.
            max_ms.map_or(NO_WATERMARK, |max| max.saturating_mul(1000).saturating_sub(delay_us))
        });
        // A watermark that decreased would reopen groups that are already emitted and removed.
        let least = self.watermark_us.max(NO_WATERMARK);
        observed.min().map_or(least, |w| w.max(least))
    }
}

impl Default for StreamPosition {
    fn default() -> Self {
        Self {
            offsets: BTreeMap::new(),
            watermark_us: NO_WATERMARK,
            event_times_max_ms: BTreeMap::new(),
            processing_time_us: 0,
            last: false,
        }
    }
}

/// Names a state: the operator that keeps it, and the operator's name of it.
pub(crate) type StateName = (OperatorId, String);
/// The runs of state files of an epoch.
pub(crate) type SnapshotRuns = Vec<(StateName, StateRun)>;

/// The result of a task.
#[derive(Debug)]
pub(crate) enum TaskDone {
    Planned(planner::PlanOutcome),
    /// A worker has got its share of one source in an epoch.
    Fed,
    Staged {
        epoch: Epoch,
        id: OutputChunkId,
        staged: Option<Staged>,
        rows: u64,
    },
    Snapshot {
        epoch: Epoch,
        runs: SnapshotRuns,
    },
    Manifest(Epoch),
    Committed {
        epoch: Epoch,
        accepted: bool,
    },
    Recorded {
        epoch: Epoch,
        by: Generation,
    },
    Merged {
        request: maintenance::MergeRequest,
        run: StateRun,
    },
    Collected,
}

/// A durable plan, and how long planning and writing it took.
#[derive(Debug, Clone)]
pub(crate) struct PlannedEpoch {
    pub plan: EpochPlan,
    /// The newest offset of each source when the epoch was planned.
    pub latest: BTreeMap<OperatorId, Offset>,
    pub plan_ms: u64,
    pub write_ms: u64,
}
