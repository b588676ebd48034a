//! Holds the functions of JSON texts, which search them, parse them to typed values, and write values as JSON.
//!
//! A text that is not JSON gives null where it does in Spark; whatever follows the first value of a text is ignored.

mod extract;
mod path;
pub(super) mod read;
mod schema;
pub(crate) mod tuple;
mod write;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[extract::ENTRIES, read::ENTRIES, schema::ENTRIES, write::ENTRIES];
