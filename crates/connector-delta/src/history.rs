//! Checks which versions of a table can be read, by number and by time.
//!
//! A version or time outside of the log is an error that names what the log has. The nearest version is never read in
//! its place.

use crate::log::{FOLDER, Log};
use crate::versions::LogFile;
use chrono::{DateTime, Utc};
use std::time::SystemTime;
use thalweg_common::{Error, ErrorKind, Result};

/// The first and the last entry of a log, each with the time of its commit.
struct Range {
    first: (u64, DateTime<Utc>),
    last: (u64, DateTime<Utc>),
}

/// Refuses a version after the last one.
pub(crate) fn check_version(log: &Log, version: u64) -> Result<()> {
    match range(log) {
        Some(Range { first, last }) if version > last.0 => Err(Error::new(
            ErrorKind::Analysis,
            "DELTA_VERSION_NOT_FOUND",
            "22003",
            format!(
                "Cannot time travel Delta table to version {version}. Available versions: [{}, {}].",
                first.0, last.0
            ),
        )
        .param("userVersion", version.to_string())
        .param("earliest", first.0.to_string())
        .param("latest", last.0.to_string())),
        _ => Ok(()),
    }
}

/// Refuses a time before the first commit or after the last one.
pub(crate) fn check_time(log: &Log, time: DateTime<Utc>) -> Result<()> {
    let Some(Range { first, last }) = range(log) else { return Ok(()) };
    // Users see and write milliseconds, and the time of the first commit is within one.
    if time.timestamp_millis() < first.1.timestamp_millis() {
        let what = "before the earliest version available to this table";
        return Err(outside("DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION", time, what, first.1));
    }
    if time > last.1 {
        let what = "after the latest version available to this table";
        return Err(outside("DELTA_TIMESTAMP_GREATER_THAN_COMMIT", time, what, last.1));
    }
    Ok(())
}

fn outside(class: &str, time: DateTime<Utc>, what: &str, nearest: DateTime<Utc>) -> Error {
    let shown = |t: DateTime<Utc>| t.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string();
    Error::new(
        ErrorKind::Analysis,
        class,
        "42816",
        format!("The provided timestamp ({}) is {what} ({}).", shown(time), shown(nearest)),
    )
    .param("userTimestamp", shown(time))
    .param("commitTs", shown(nearest))
}

/// Reads the range of versions from the names of the entries; none if there are none.
fn range(log: &Log) -> Option<Range> {
    let mut entries = std::fs::read_dir(log.root.join(FOLDER))
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let Some(LogFile::Entry(version)) = LogFile::of_name(&entry.file_name().to_string_lossy()) else {
                return None;
            };
            // As for Delta's own readers, the time of a commit is that of its file.
            let time = entry.metadata().ok()?.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some((version, DateTime::<Utc>::from(time)))
        })
        .collect::<Vec<(u64, DateTime<Utc>)>>();
    entries.sort_unstable();
    Some(Range { first: *entries.first()?, last: *entries.last()? })
}
