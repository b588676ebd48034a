//! Defines the fail points: the named places between two durable effects at which a process can die or stall.
//!
//! The exactly-once tests kill or freeze a process at each of them. Without a hook, hitting a fail point
//! costs one atomic load. The list is complete: the tests iterate over [`FailPoint::ALL`], and only
//! its members can be hit.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

// One list makes the variants, their names and `ALL`, so that no fail point is missing in one of them.
macro_rules! fail_points {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A place between two durable effects.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FailPoint { $($(#[$doc])* $name,)* }

        impl FailPoint {
            /// Every fail point, in the order in which a query and its epochs hit them.
            pub const ALL: &'static [FailPoint] = &[$(FailPoint::$name,)*];

            /// The name used in `THALWEG_FAULT` and in messages.
            pub fn name(self) -> &'static str {
                match self { $(FailPoint::$name => $text,)* }
            }
        }
    };
}

fail_points! {
    /// Before the generation object is created.
    GenerationClaim = "generation.claim",
    /// After it exists, before the sink is fenced.
    GenerationClaimed = "generation.claimed",
    /// Before the sink's fence is written.
    SinkFence = "sink.fence",
    /// After the sink is fenced and has reported its last epoch.
    SinkFenced = "sink.fenced",
    /// After state was restored, before the first epoch starts.
    StateRestored = "state.restored",
    /// Before the plan of an epoch (end offsets, watermark, processing time) is written.
    PlanWrite = "plan.write",
    /// After the plan is durable, before workers start the epoch.
    PlanWritten = "plan.written",
    /// Before an operator's state delta is uploaded.
    SnapshotWrite = "snapshot.write",
    /// After all state deltas of the epoch are durable.
    SnapshotWritten = "snapshot.written",
    /// Before a sink stages the rows of an epoch (Delta: before a Parquet file is written).
    SinkStage = "sink.stage",
    /// After the rows are staged.
    SinkStaged = "sink.staged",
    /// Before the manifest of the epoch is created.
    ManifestWrite = "manifest.write",
    /// After the manifest is durable, before the sink commits.
    ManifestWritten = "manifest.written",
    /// Inside the sink, after it checked that it may commit, before the commit itself.
    SinkCommit = "sink.commit",
    /// After the sink's commit is durable, before the coordinator knows of it.
    SinkCommitted = "sink.committed",
    /// After the commit record is written.
    CommitRecorded = "commit.recorded",
    /// Before the run of state files that replaces several others is written.
    StateMerge = "state.merge",
    /// After it is written, before a manifest names it.
    StateMerged = "state.merged",
    /// Before an object that no manifest needs is deleted.
    GarbageCollect = "garbage.collect",
}

impl FailPoint {
    /// Returns the fail point with this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }
}

/// What a test does when a fail point is hit: it may end or stop the process, or return.
pub type Hook = Box<dyn Fn(FailPoint, u64) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();
static HITS: AtomicU64 = AtomicU64::new(0);

/// Installs the hook of this process. The first hook stays; returns whether this call installed it.
pub fn install(hook: Hook) -> bool {
    HOOK.set(hook).is_ok()
}

/// Calls the hook, if there is one, with the fail point and the number of hits so far.
pub fn hit(point: FailPoint) {
    if let Some(hook) = HOOK.get() {
        hook(point, HITS.fetch_add(1, Ordering::SeqCst));
    }
}
