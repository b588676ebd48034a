//! Scalar functions that are no operators, one file per family.

pub(crate) mod access;
pub(crate) mod collection;
mod conversion;
mod datetime;
mod math;
mod misc;
mod text;

use crate::registry::Entry;

/// Families that are one file.
const FILES: &[&[Entry]] =
    &[access::ENTRIES, conversion::ENTRIES, math::DOUBLES, math::ENTRIES, misc::ENTRIES];

/// All entries of these families, by folder.
pub(crate) const FAMILIES: &[&[&[Entry]]] =
    &[FILES, collection::FAMILIES, datetime::FAMILIES, text::FAMILIES];
