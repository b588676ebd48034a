//! I/O edges: the named places where a process can die or stall between two durable effects.
//!
//! The exactly-once tests kill or freeze a process at every one of them. In normal runs crossing
//! an edge costs one atomic load. The list below is the whole list: a test walks [`Edge::ALL`],
//! so an edge that is not in it can't be crossed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! edges {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A place between two durable effects.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Edge { $($(#[$doc])* $name,)* }

        impl Edge {
            /// Every edge, in the order in which an epoch crosses them.
            pub const ALL: &'static [Edge] = &[$(Edge::$name,)*];

            /// The name used in settings and messages.
            pub fn name(self) -> &'static str {
                match self { $(Edge::$name => $text,)* }
            }
        }
    };
}

edges! {
    /// Before the generation object is created.
    GenerationClaim = "generation.claim",
    /// After it exists, before the sink is fenced.
    GenerationClaimed = "generation.claimed",
    /// Before the sink's fence is written.
    SinkFence = "sink.fence",
    /// After the sink is fenced and has told its last epoch.
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
    /// After the sink's commit is durable, before anyone knows.
    SinkCommitted = "sink.committed",
    /// After the commit record is written.
    CommitRecorded = "commit.recorded",
    /// Before an object that no manifest needs is deleted.
    GarbageCollect = "garbage.collect",
}

impl Edge {
    /// The edge of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }
}

/// What a test does when an edge is crossed. It may end or stop the process, or return.
pub type Hook = Box<dyn Fn(Edge, u64) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();
static CROSSINGS: AtomicU64 = AtomicU64::new(0);

/// Installs the hook for this process. The first one stays; returns whether this was it.
pub fn install(hook: Hook) -> bool {
    HOOK.set(hook).is_ok()
}

/// Crosses an edge: calls the hook, if any, with the edge and the number of crossings so far.
pub fn cross(edge: Edge) {
    if let Some(hook) = HOOK.get() {
        hook(edge, CROSSINGS.fetch_add(1, Ordering::SeqCst));
    }
}
