//! Finds the versions of a log by the names of its files, and a version that is missing among them.

use crate::log::{FOLDER, Log, corrupt};
use std::collections::BTreeSet;
use std::ops::Range;
use thalweg_common::{Error, ErrorKind};
use thalweg_storage::path::uri;

/// What the name of a file in the folder of a log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFile {
    /// The entry of a version.
    Entry(u64),
    /// The state of a version, or a part of it: readers need no entry up to this version.
    Checkpoint(u64),
}

impl LogFile {
    /// Returns the meaning of a name; none for other files, such as entries that were not linked.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (version, rest) = name.split_once('.')?;
        let version = version.parse().ok()?;
        match rest {
            "json" => Some(Self::Entry(version)),
            _ => rest.starts_with("checkpoint.").then_some(Self::Checkpoint(version)),
        }
    }
}

/// The versions in the folder of a log.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    entries: BTreeSet<u64>,
    checkpoints: BTreeSet<u64>,
}

impl FromIterator<LogFile> for Versions {
    fn from_iter<I: IntoIterator<Item = LogFile>>(files: I) -> Self {
        let mut versions = Self::default();
        for file in files {
            match file {
                LogFile::Entry(version) => versions.entries.insert(version),
                LogFile::Checkpoint(version) => versions.checkpoints.insert(version),
            };
        }
        versions
    }
}

impl Versions {
    /// Returns the versions whose entries a reader of `wanted`, or of the newest version, needs.
    pub(crate) fn needed(&self, wanted: Option<u64>) -> Range<u64> {
        let Some(wanted) = wanted.or_else(|| self.entries.last().copied()) else { return 0..0 };
        let begin = self.checkpoints.range(..=wanted).next_back().map_or(0, |checkpoint| checkpoint + 1);
        begin..wanted + 1
    }

    /// Returns the first of these versions without an entry.
    pub(crate) fn missing(&self, wanted: Option<u64>) -> Option<u64> {
        self.needed(wanted).find(|version| !self.entries.contains(version))
    }
}

/// Returns the error for an entry without a byte, which is what a loss of power may leave of one that was not synced. Taken
/// for a version without actions it would hide the rows of that version.
pub(crate) fn empty(log: &Log, version: u64) -> Error {
    corrupt(&log.root.join(FOLDER).join(format!("{version:020}.json")), &"it is empty").hint(
        "Bring the file back from a copy of the table, or delete it if it is the newest one and its rows may be lost.",
    )
}

/// Returns the error for a log without the entry of a version that readers need.
pub(crate) fn incomplete(log: &Log, version: u64) -> Error {
    let table = uri(&log.root);
    let file = format!("{FOLDER}/{version:020}.json");
    let error = Error::new(
        ErrorKind::Runtime,
        "DELTA_VERSIONS_NOT_CONTIGUOUS",
        "KD00C",
        format!("The Delta table {table} cannot be read: its log has no version {version} (the file {file} is missing)."),
    )
    .param("path", table)
    .param("missingVersion", version.to_string());
    let restore = "Bring the file back from a copy of the table";
    match version.checked_sub(1) {
        Some(before) => error.hint(format!(
            "{restore}, or read the version before it with the option versionAsOf = {before}. Nothing was changed."
        )),
        None => error.hint(format!("{restore}. Nothing was changed.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_a_reader_needs_is_found_missing() {
        let cases: [(&[&str], Option<u64>, Option<u64>); 8] = [
            (&["0.json", "1.json", "2.json"], None, None),
            (&["0.json", "2.json"], None, Some(1)),
            (&["0.json", "2.json"], Some(0), None),
            (&["1.json", "2.json"], None, Some(0)),
            (&["2.checkpoint.parquet", "2.json", "3.json"], None, None),
            (&["2.checkpoint.parquet", "4.json"], None, Some(3)),
            (&["0.json", "1.json", "3.json", "3.checkpoint.1.2.parquet"], Some(3), None),
            (&["_last_checkpoint", ".0.json.tmp", "0.crc"], None, None),
        ];
        for (names, wanted, expected) in cases {
            let versions: Versions = names.iter().filter_map(|name| LogFile::of_name(name)).collect();
            assert_eq!(versions.missing(wanted), expected, "{names:?} {wanted:?}");
        }
    }
}
