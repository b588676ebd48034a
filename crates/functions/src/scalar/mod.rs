//! Holds the scalar functions that are not operators, one file or folder per family.

pub(crate) mod access;
pub(crate) mod collection;
mod conversion;
mod datetime;
mod doubles;
pub(crate) mod fields;
mod hash;
mod json;
mod math;
mod misc;
mod random;
mod text;

use crate::registry::Family;

/// All entries of these families.
pub(crate) const FAMILIES: &[Family] = &[
    ("Conversion", &[conversion::ENTRIES]),
    ("Mathematics", &[doubles::ENTRIES, math::ENTRIES]),
    ("Random numbers", &[random::ENTRIES]),
    ("Text", text::FAMILIES),
    ("JSON", json::FAMILIES),
    ("Dates and times", datetime::FAMILIES),
    ("Arrays, maps and structs", collection::FAMILIES),
    ("Elements of arrays and maps", &[access::ENTRIES]),
    ("Hashes", &[hash::ENTRIES]),
    ("Other functions", &[misc::ENTRIES]),
];
