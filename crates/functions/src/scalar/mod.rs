//! Scalar functions that are no operators, one file per family.

pub(crate) mod access;
pub(crate) mod collection;
mod conversion;
mod datetime;
pub(crate) mod fields;
mod hash;
mod json;
mod math;
mod misc;
mod random;
mod text;

use crate::registry::Entry;

/// Families that are one file.
const FILES: &[&[Entry]] = &[
    access::ENTRIES,
    conversion::ENTRIES,
    hash::ENTRIES,
    math::DOUBLES,
    math::ENTRIES,
    misc::ENTRIES,
    random::ENTRIES,
];

/// All entries of these families, by folder.
pub(crate) const FAMILIES: &[&[&[Entry]]] =
    &[FILES, collection::FAMILIES, datetime::FAMILIES, json::FAMILIES, text::FAMILIES];
