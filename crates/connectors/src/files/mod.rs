//! What all formats made of files share: paths, listings, partition folders, scans and commits.
//!
//! Only the local disk is served here; a path of another scheme is refused by name. A listing is
//! always sorted by path, so that the same folder yields the same rows in the same order. Names
//! that begin with `_` or `.` are not data: whoever is still writing hides behind such a name.

#[cfg(test)]
mod default_tests;
pub(crate) mod durable;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod partition;
pub(crate) mod path;
pub(crate) mod scan;
pub(crate) mod split;
pub(crate) mod stream;
pub(crate) mod write;
#[cfg(test)]
mod write_tests;

pub(crate) use list::{FileEntry, Listing};
pub(crate) use scan::{Batches, FileReader, FileTable, Split};
