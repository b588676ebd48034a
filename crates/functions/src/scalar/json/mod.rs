//! Functions of JSON texts: looking into them, reading them as typed values, and writing values as JSON.
//!
//! A text is read once into a tree. What is no JSON gives null where Spark gives null; what stands behind the
//! first value of a text is not read.

mod look;
mod path;
mod read;
mod tree;
mod write;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[look::ENTRIES, read::ENTRIES, write::ENTRIES];
