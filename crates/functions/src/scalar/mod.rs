//! Holds the scalar functions that are not operators, one file or folder per family.

pub(crate) mod access;
mod bitmap;
pub(crate) mod collection;
mod conversion;
mod csv;
mod datetime;
mod doubles;
pub(crate) mod fields;
mod hash;
pub(crate) mod json;
mod math;
mod misc;
mod number_format;
mod random;
mod random_range;
mod text;

use crate::registry::Family;

/// All entries of these families.
pub(crate) const FAMILIES: &[Family] = &[
    ("Conversion", &[conversion::ENTRIES, number_format::ENTRIES]),
    ("Mathematics", &[doubles::ENTRIES, math::ENTRIES]),
    ("Random numbers", &[random::ENTRIES, random_range::ENTRIES]),
    ("Text", text::FAMILIES),
    ("JSON", json::FAMILIES),
    ("CSV", csv::FAMILIES),
    ("Dates and times", datetime::FAMILIES),
    ("Arrays, maps and structs", collection::FAMILIES),
    ("Elements of arrays and maps", &[access::ENTRIES]),
    ("Hashes", &[hash::ENTRIES]),
    ("Other functions", &[misc::ENTRIES, bitmap::ENTRIES]),
];

/// Java's white space: that of Unicode without the blanks at which a line may not be broken.
fn is_java_white_space(c: char) -> bool {
    match c {
        '\u{1C}'..='\u{1F}' => true,
        '\u{85}' | '\u{A0}' | '\u{2007}' | '\u{202F}' => false,
        _ => c.is_whitespace(),
    }
}
