//! Reads a folder that receives files as an unbounded table.
//!
//! Each plan is an entry of the source's log ([`log`]): the files of one epoch with path, size and modification time,
//! ordered by time and path. An offset is the number of an entry. The entry determines the epoch: after a crash the same
//! start yields the same files. A file is identified by its path, or its name with `fileNameOnly`, and read once.
//!
//! When an epoch is read, each file must be unchanged since the plan; a file that was changed or deleted is an error that
//! names it. The next run of the query continues the epoch with the files as they are then, so that a bad file blocks a
//! query only until it was repaired, removed or skipped.

mod clean;
mod config;
mod discovery;
mod log;
mod plan;
mod read;
mod seen;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use config::StreamConfig;
pub(crate) use read::FileRows;
pub(crate) use source::{FileSourceArgs, FileStreamSource};
