//! Scalar functions that are no operators, one file per family.

pub(crate) mod access;
mod conversion;

use crate::registry::Entry;

/// All entries of these families.
pub(crate) const FAMILIES: &[&[Entry]] = &[access::ENTRIES, conversion::ENTRIES];
