//! Functions of JSON texts: looking into them, reading them as typed values, and writing values as JSON.
//!
//! What is not JSON gives null where Spark gives null; what stands after the first value of a text is not read.

mod look;
mod path;
pub(super) mod read;
mod schema;
pub(crate) mod tuple;
mod write;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[look::ENTRIES, read::ENTRIES, schema::ENTRIES, write::ENTRIES];
