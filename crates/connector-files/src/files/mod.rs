//! Implements what all formats of files share: paths, listings, partition folders, scans, streams and commits.
//!
//! Only the local disk is served; a path of another scheme is refused by name. A listing is sorted by path, so that the
//! same folder yields the same rows in the same order. Names that begin with `_` or `.` are not data: files that are
//! still being written have such names.

#[cfg(test)]
mod default_tests;
pub(crate) mod format;
pub(crate) mod io;
pub(crate) mod lines;
pub mod list;
pub(crate) mod options;
pub mod partition;
pub mod scan;
pub mod split;
pub(crate) mod stream;
pub(crate) mod tolerance;
pub mod write;
#[cfg(test)]
mod write_tests;

pub use list::FileEntry;
pub(crate) use list::Listing;
pub(crate) use scan::{Batches, FileReader, FileTable, Split};
