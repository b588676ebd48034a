//! Selects the files of an epoch, and encodes them as an entry of the source's log.
//!
//! The selection is a pure function of the existing files, the files that were planned before, and the
//! limits.

use crate::files::FileEntry;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::checkpoint_corrupt;

/// A file of an epoch, as it was when the epoch was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    pub modified_us: i64,
    #[serde(default)]
    pub folders: Vec<(String, String)>,
}

/// An entry of the log, which is one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogEntry {
    pub files: Vec<PlannedFile>,
    /// All files up to and including this entry; present in every [`SUMMARY_EVERY`]th entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<BTreeSet<PathBuf>>,
}

/// Every entry of this number contains the files of all entries before it, so that a start reads at most this
/// many entries.
pub(super) const SUMMARY_EVERY: u64 = 100;

impl LogEntry {
    pub(super) fn to_bytes(&self) -> Result<Bytes> {
        let json = serde_json::to_vec(self)
            .map_err(|e| Error::internal(format!("encoding an entry of a file source's log: {e}")))?;
        Ok(json.into())
    }

    pub(super) fn from_bytes(bytes: &[u8], number: u64) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| {
            checkpoint_corrupt(format!("Entry {number} of a file source's log is corrupt: {e}."))
                .param("entry", number.to_string())
        })
    }
}

/// Returns the last entry below `until` that contains the files of all entries before it.
pub(super) fn last_summary(until: u64) -> Option<u64> {
    (until / SUMMARY_EVERY * SUMMARY_EVERY).checked_sub(1)
}

/// The limits of one epoch, and the order in which it reads files.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadLimits {
    pub files_max: Option<u64>,
    pub bytes_max: Option<u64>,
    pub latest_first: bool,
}

/// Selects the next files: those that were not read before, ordered by time and path, within the limits. A
/// file that is larger than the limit of bytes is selected alone, since the stream could not continue
/// otherwise.
pub(super) fn select_files(
    there: Vec<FileEntry>,
    seen: &BTreeSet<PathBuf>,
    limits: ReadLimits,
) -> Vec<PlannedFile> {
    let mut new: Vec<FileEntry> = there.into_iter().filter(|f| !seen.contains(&f.path)).collect();
    // The path decides between files of one time, so that every selection has one order.
    new.sort_by(|a, b| (a.modified_us, &a.path).cmp(&(b.modified_us, &b.path)));
    if limits.latest_first {
        new.reverse();
    }
    let (mut chosen, mut bytes) = (Vec::new(), 0u64);
    for file in new {
        bytes = bytes.saturating_add(file.size_bytes);
        // The first file is taken whatever its size: the stream would never pass it otherwise.
        let full = limits.files_max.is_some_and(|max| chosen.len() as u64 >= max)
            || limits.bytes_max.is_some_and(|max| bytes > max && !chosen.is_empty());
        if full {
            break;
        }
        chosen.push(PlannedFile {
            path: file.path,
            size_bytes: file.size_bytes,
            modified_us: file.modified_us,
            folders: file.folders,
        });
    }
    chosen
}

/// Checks that a file is unchanged since it was planned.
pub(super) fn check_unchanged(planned: &PlannedFile) -> Result<()> {
    let change = crate::files::list::change(&planned.path, planned.size_bytes, planned.modified_us);
    change.map_or(Ok(()), |what| Err(changed(&planned.path, &what)))
}

fn changed(path: &Path, what: &str) -> Error {
    let shown = thalweg_storage::path::uri(path);
    Error::new(
        ErrorKind::Runtime,
        "STREAM_SOURCE_FILE_CHANGED",
        "55000",
        format!("The file {shown} {what} after the stream had planned to read it."),
    )
    .param("path", shown)
    .hint(
        "Nothing of its epoch was written. Restore the file and start the query again. Write files under a \
         name that begins with '_' or '.' and rename them when they are complete.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, modified_us: i64, size_bytes: u64) -> FileEntry {
        FileEntry { path: path.into(), size_bytes, modified_us, folders: vec![] }
    }

    fn check(limits: ReadLimits, seen: &[&str], wanted: &[&str]) {
        let there = vec![entry("/c", 1, 10), entry("/a", 2, 10), entry("/b", 2, 30), entry("/d", 9, 5)];
        let seen = seen.iter().map(PathBuf::from).collect();
        let chosen: Vec<_> = select_files(there, &seen, limits).into_iter().map(|f| f.path).collect();
        assert_eq!(chosen, wanted.iter().map(PathBuf::from).collect::<Vec<_>>(), "{limits:?} {seen:?}");
    }

    #[test]
    fn the_oldest_files_come_first_within_the_limits() {
        let all = ReadLimits::default();
        check(all, &[], &["/c", "/a", "/b", "/d"]);
        check(all, &["/a", "/c"], &["/b", "/d"]);
        check(all, &["/a", "/b", "/c", "/d"], &[]);
        check(ReadLimits { files_max: Some(2), ..all }, &[], &["/c", "/a"]);
        check(ReadLimits { files_max: Some(2), ..all }, &["/c"], &["/a", "/b"]);
        check(ReadLimits { bytes_max: Some(20), ..all }, &[], &["/c", "/a"]);
        check(ReadLimits { bytes_max: Some(20), ..all }, &["/c", "/a"], &["/b"]);
        check(ReadLimits { latest_first: true, files_max: Some(1), ..all }, &[], &["/d"]);
    }
}
