//! The coordinator: drives one generation from its claim to its end.
//!
//! ```text
//! recover ─ claim, fence, restore
//! planner ─ cut an epoch, durably
//! feed    ─ source → inboxes of the workers
//! flight  ─ what is known of an epoch on its way
//! finish  ─ snapshot, stage, manifest, commit, record
//! upkeep  ─ compaction and garbage
//! run     ─ the loop that ties them together
//! ```
//!
//! One task decides, one at a time; I/O runs in tasks beside it and comes back as [`Done`]. Every
//! step of the protocol is first asked of [`crate::machine::Machine`]. What always holds: after an
//! error nothing more is written, so that what the checkpoint holds is what a crash would leave.

mod feed;
mod finish;
mod flight;
mod planner;
mod recover;
mod report;
mod run;
mod upkeep;

pub(crate) use recover::recover;
pub(crate) use run::{Command, Coordinator};

/// Pieces of output that are written at once; further ones wait in the workers' reports.
pub(crate) const STAGES_MAX: usize = 16;
/// Callers that may wait until everything is committed.
pub(crate) const CALLERS_MAX: usize = 1024;

use crate::checkpoint::{FileRef, Files, OperatorFiles, Plan};
use crate::hooks::Hooks;
use crate::options::QueryOptions;
use crate::rt::{Credits, Program};
use crate::spec::StreamPlan;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::{Guarantee, Offset, Staged};

/// The watermark before any event time was seen: 1970, as Spark has it. It never lies lower, so what is older
/// is late from the first epoch on.
pub(crate) const NO_WATERMARK: i64 = 0;
/// The watermark that closes everything.
pub(crate) const DRAINED: i64 = i64::MAX;

/// What every task of a generation needs.
#[derive(Debug)]
pub(crate) struct Context {
    pub plan: StreamPlan,
    pub options: QueryOptions,
    pub files: Files,
    pub hooks: Hooks,
    pub program: Program,
    pub credits: Credits,
    pub generation: Generation,
}

impl Context {
    /// Whether the sink remembers its commits; otherwise the checkpoint's record arbitrates.
    pub(crate) fn sink_remembers(&self) -> bool {
        self.plan.sink.guarantee() == Guarantee::ExactlyOnce
    }
}

/// Where the next epoch goes on.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub offset: Option<Offset>,
    pub watermark_us: i64,
    pub event_time_max_ms: Option<i64>,
    /// All windows were closed for good.
    pub last: bool,
}

impl Default for Position {
    fn default() -> Self {
        Self { offset: None, watermark_us: NO_WATERMARK, event_time_max_ms: None, last: false }
    }
}

/// What a task did.
#[derive(Debug)]
pub(crate) enum Done {
    Planned(planner::Planned),
    Fed,
    Staged { epoch: Epoch, place: (usize, usize), staged: Option<Staged>, rows: u64 },
    Snapshot { epoch: Epoch, file: Option<FileRef> },
    Manifest(Epoch),
    Committed { epoch: Epoch, accepted: bool },
    Recorded { epoch: Epoch, by: Generation },
    Compacted { replaced: OperatorFiles, base: Option<FileRef> },
    Collected,
}

/// A plan that was made durable, and how long that took.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub plan: Plan,
    pub latest: Option<Offset>,
    pub plan_ms: u64,
    pub write_ms: u64,
}
