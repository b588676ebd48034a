//! Checks that the log on disk is still the one that a writer has read.
//!
//! A writer that keeps its [`Head`] between commits creates the next version by name. That is wrong once another
//! writer has written a checkpoint and deleted the entries before it, or the table was deleted or replaced: the name
//! is free then, and no reader would ever read the entry. So the entry of the head is compared before each commit,
//! and again after it: whoever deletes the new entry deletes the one before it too.

use crate::log::{FOLDER, Head, Log};
use serde_json::Value;
use std::hash::{DefaultHasher, Hasher};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;

/// What the entry of a version contains; none if only a checkpoint holds the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor(Option<u64>);

impl Anchor {
    /// The anchor of an entry with these bytes.
    pub(crate) fn of(entry: Option<&[u8]>) -> Self {
        let hash = |bytes: &[u8]| {
            // Compared within this process only.
            let mut hasher = DefaultHasher::new();
            hasher.write(bytes);
            hasher.finish()
        };
        Self(entry.map(hash))
    }
}

impl Log {
    /// Returns whether the entry of `head` is still there, and no checkpoint is newer. Newer entries do not matter.
    pub(crate) fn is_current(&self, head: &Head) -> Result<bool> {
        let Some(version) = head.version else { return Ok(self.last_checkpoint()?.is_none()) };
        if Anchor::of(self.entry(version)?.as_deref()) != head.anchor {
            return Ok(false);
        }
        Ok(self.last_checkpoint()?.is_none_or(|checkpoint| checkpoint <= version))
    }

    /// Returns the anchor of the entry of `head`.
    pub(crate) fn anchor(&self, head: &Head) -> Result<Anchor> {
        let entry = head.version.map(|version| self.entry(version)).transpose()?.flatten();
        Ok(Anchor::of(entry.as_deref()))
    }

    /// Returns the version of the newest checkpoint as the log names it; none if it names none.
    fn last_checkpoint(&self) -> Result<Option<i64>> {
        let path = self.root.join(FOLDER).join("_last_checkpoint");
        let Some(bytes) = self.bytes(&path)? else { return Ok(None) };
        // A reader that cannot understand the file lists the log, so it decides nothing.
        let record: Option<Value> = serde_json::from_slice(&bytes).ok();
        Ok(record.and_then(|r| r.get("version")?.as_i64()))
    }
}

/// Refuses to go on from `new` if it is not a later state of the table of `old`.
pub(crate) fn check_same_table(log: &Log, old: &Head, new: &Head) -> Result<()> {
    let id = |head: &Head| head.definition.as_ref().and_then(|d| d.id().map(str::to_owned));
    let lost = |what: &str| {
        Err(Error::new(
            ErrorKind::Runtime,
            "STREAM_SINK_LOST_COMMITS",
            "55000",
            format!("The Delta table {} was {what} while the query was writing to it.", uri(&log.root)),
        )
        .param("path", uri(&log.root))
        .hint("Restore the table, or start the query with a new checkpointLocation."))
    };
    match (old.version, new.version) {
        (Some(_), None) => lost("deleted"),
        (Some(_), Some(_)) if id(old) != id(new) => lost("replaced by another one"),
        (Some(old), Some(new)) if new < old => lost(&format!("set back from version {old} to version {new}")),
        _ => Ok(()),
    }
}
