//! A folder that receives files, as an unbounded table.
//!
//! Each plan is an entry of the source's log: the files of one epoch by path, size and time of
//! change, in the order of time and path. The entry decides: after a crash the same start yields
//! the same files. An offset is the number of an entry. A file counts once, by its path. When an
//! epoch is read, each file still has to be what was planned; one that changed or vanished is an
//! error that names it, never half an epoch.

mod config;
mod plan;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use config::StreamConfig;
pub(crate) use source::{FileStreamSource, SourceParts};
