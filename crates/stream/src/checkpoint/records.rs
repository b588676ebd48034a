//! Defines the records of a checkpoint, which are stored as JSON.
//!
//! A new field needs a default, so that older checkpoints can still be read. Any other change needs a new
//! [`FORMAT`], and a reader of the old one (see [`super::format_1`]).

use crate::spec::{OperatorId, StateMeaning};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::{Commit, Offset, Staged};

/// The format number of plans, manifests and state files.
pub(crate) const FORMAT: u32 = 3;

/// The query that a checkpoint belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub id: String,
}

/// The run that claimed a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenerationRecord {
    pub run_id: String,
    /// Random, so that the records of two claims differ even if two runs have the same id.
    pub nonce: String,
}

/// Everything that determines the result of an epoch. It is durable before the first row is read, so that a
/// replay of the epoch gives the same result. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochPlan {
    pub format: u32,
    pub epoch: Epoch,
    pub generation: Generation,
    pub sources: BTreeMap<OperatorId, SourceRange>,
    /// Groups up to this time are closed at the end of the epoch. 0 before the first event time was observed,
    /// `i64::MAX` if the query is drained.
    pub watermark_us: i64,
    /// Rows up to this time are late. It is the watermark of the previous epoch, as in Spark.
    pub late_us: i64,
    /// The value of `current_timestamp()` throughout the epoch.
    pub processing_time_us: i64,
    /// Whether this is the last epoch of a drained query.
    pub last: bool,
}

impl EpochPlan {
    /// Returns where the sources stand after the epoch.
    pub(crate) fn ends(&self) -> BTreeMap<OperatorId, Offset> {
        let end = |(id, range): (&OperatorId, &SourceRange)| Some((id.clone(), range.end.clone()?));
        self.sources.iter().filter_map(end).collect()
    }
}

/// What an epoch reads from one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceRange {
    pub start: Option<Offset>,
    pub end: Option<Offset>,
    /// Whether there is data between start and end. Without data in any source the epoch only advances the
    /// watermark.
    pub reads: bool,
}

/// The state after an epoch, and the position from which the next epoch continues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    pub epoch: Epoch,
    pub generation: Generation,
    /// Identifies the hash that assigns keys to key groups; see [`crate::state::KEY_HASH`].
    pub key_hash: String,
    /// Where each source stands; a source that has read nothing is absent.
    pub offsets: BTreeMap<OperatorId, Offset>,
    /// What each source reads; empty in manifests of before.
    #[serde(default)]
    pub sources: BTreeMap<OperatorId, StateMeaning>,
    /// The watermark from which the query goes on; `i64::MAX` if it was drained and cannot.
    pub watermark_us: i64,
    /// The greatest event time that each watermark has observed, in whole milliseconds.
    pub event_times_max_ms: BTreeMap<OperatorId, i64>,
    /// The processing time of the epoch, which later epochs do not fall below.
    #[serde(default)]
    pub processing_time_us: i64,
    pub last: bool,
    /// The stateful operators.
    pub operators: BTreeMap<OperatorId, OperatorState>,
    /// What the sink commits with the epoch.
    pub staged: Vec<Staged>,
}

impl Manifest {
    pub(crate) fn commit(&self) -> Commit {
        Commit { epoch: self.epoch, generation: self.generation }
    }

    /// All state files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.operators.values().flat_map(|o| o.states.values()).flat_map(StateFiles::all)
    }
}

/// The state of one operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorState {
    pub meaning: StateMeaning,
    /// The files of each named state.
    pub states: BTreeMap<String, StateFiles>,
}

/// The files of one named state. Restoring applies the runs in order, so that the newest row of a key counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StateFilesOfAnyFormat")]
pub(crate) struct StateFiles {
    /// Oldest first.
    pub runs: Vec<StateRun>,
}

impl StateFiles {
    pub(crate) fn all(&self) -> impl Iterator<Item = &FileRef> {
        self.runs.iter().flat_map(|run| &run.files)
    }
}

/// What an epoch changed in a state, or several such changes merged: each key once, as its state or as deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateRun {
    /// The key groups of each file come after those of the file before.
    pub files: Vec<FileRef>,
}

impl StateRun {
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    /// Identifies the run: names of files are used once.
    pub(crate) fn id(&self) -> &str {
        self.files.first().map_or("", |f| &f.path)
    }
}

/// The files of a state as any format has them: formats 1 and 2 had a base and deltas of one file each.
#[derive(Deserialize)]
struct StateFilesOfAnyFormat {
    #[serde(default)]
    base: Option<FileRef>,
    #[serde(default)]
    deltas: Vec<FileRef>,
    #[serde(default)]
    runs: Vec<StateRun>,
}

impl From<StateFilesOfAnyFormat> for StateFiles {
    fn from(read: StateFilesOfAnyFormat) -> Self {
        let single = |file| StateRun { files: vec![file] };
        let mut runs: Vec<StateRun> = read.base.into_iter().chain(read.deltas).map(single).collect();
        runs.extend(read.runs);
        Self { runs }
    }
}

/// A state file, with size and checksum to verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    /// Of the footer, which has the checksums of the segments; of the whole file if it has no footer.
    pub sha256: String,
    /// 0 if the file has no footer, as in formats 1 and 2.
    #[serde(default)]
    pub footer_bytes: u64,
}

/// The generation that committed an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    pub generation: Generation,
}
