//! What all formats made of files share: paths, listings, partition folders, scans and commits.
//!
//! Only the local disk is served here; a path of another scheme is refused by name. A listing is
//! always sorted by path, so that the same folder yields the same rows in the same order. Names
//! that begin with `_` or `.` are not data: whoever is still writing hides behind such a name.

pub(crate) mod durable;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod open;
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

use crate::parquet::files::ParquetFiles;
use datafusion::catalog::TableProvider;
use std::any::Any;

/// The files behind a table, as URIs; a table that is not made of files has none.
pub fn input_files(table: &dyn TableProvider) -> Vec<String> {
    let table: &dyn Any = table;
    match (table.downcast_ref::<FileTable>(), table.downcast_ref::<ParquetFiles>()) {
        (Some(files), _) => files.paths().map(path::full_uri).collect(),
        (None, Some(files)) => files.paths().iter().map(|p| path::full_uri(p)).collect(),
        (None, None) => vec![],
    }
}
