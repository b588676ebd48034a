//! Implements the functions of CSV texts, each of which is one record.

mod options;
mod read;
pub(super) mod schema;
mod write;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[read::ENTRIES, schema::ENTRIES, write::ENTRIES];
