//! The records of a checkpoint. Adding a field needs a default; anything else a new format number.

use serde::{Deserialize, Serialize};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::{Commit, Offset, Staged};

/// The format of the manifests and state files that are written.
pub(crate) const MANIFEST_FORMAT: u32 = 1;

/// Whose checkpoint this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub id: String,
}

/// Which run a generation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenerationRecord {
    pub run_id: String,
    /// Makes the record of every claim another one, even if two runs have the same id.
    pub nonce: String,
}

/// All that decides what an epoch computes: durable before its first row is read, so that doing it
/// again gives the same. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub epoch: Epoch,
    pub generation: Generation,
    pub start: Option<Offset>,
    pub end: Option<Offset>,
    /// Whether there is anything between start and end. Without, the epoch only moves the watermark.
    pub reads: bool,
    /// Groups up to it are closed at the end of the epoch. 1970 if nothing was seen yet, the highest
    /// number if the query is drained.
    pub watermark_us: i64,
    /// Rows up to it are late: the watermark of the epoch before, as Spark has it.
    pub late_us: i64,
    /// What `current_timestamp()` is all through the epoch.
    pub processing_time_us: i64,
    /// No epoch follows.
    pub last: bool,
}

/// What makes up the state after an epoch, and where to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    pub epoch: Epoch,
    pub generation: Generation,
    pub fingerprint: String,
    /// How keys are hashed into groups; see [`crate::state::KEY_HASH`].
    pub key_hash: String,
    pub offset: Option<Offset>,
    pub watermark_us: i64,
    /// The greatest event time that was seen, in whole milliseconds; none if none was.
    pub event_time_max_ms: Option<i64>,
    pub last: bool,
    pub operators: Vec<OperatorFiles>,
    /// What the sink was told to commit.
    pub staged: Vec<Staged>,
}

impl Manifest {
    pub(crate) fn commit(&self) -> Commit {
        Commit { epoch: self.epoch, generation: self.generation }
    }
}

/// The files of one operator's state: the base, if any, then every delta in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorFiles {
    pub base: Option<FileRef>,
    pub deltas: Vec<FileRef>,
}

impl OperatorFiles {
    pub(crate) fn all(&self) -> impl Iterator<Item = &FileRef> {
        self.base.iter().chain(&self.deltas)
    }
}

/// A state file and how to know that it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
    pub sha256: String,
}

/// Who committed an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    pub generation: Generation,
}
