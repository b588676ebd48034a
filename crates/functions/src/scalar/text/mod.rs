//! Holds the functions of texts.
//!
//! A STRING is UTF-8. Unless a function says otherwise, lengths and positions count characters (Unicode code points),
//! as in Spark.

mod binary;
mod bytes;
mod case;
mod edit;
mod find;
mod format;
mod formatter;
mod mask;
mod pattern;
mod regex;
mod sentences;
mod soundex;
mod url;
mod validate;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[
    binary::ENTRIES,
    bytes::ENTRIES,
    validate::ENTRIES,
    edit::ENTRIES,
    find::ENTRIES,
    format::ENTRIES,
    mask::ENTRIES,
    pattern::ENTRIES,
    regex::ENTRIES,
    sentences::ENTRIES,
    url::ENTRIES,
];

/// Returns the byte offset of character `n`, counted from 0, or the text's length if it has no such character.
fn offset_of(text: &str, n: usize) -> usize {
    // In ASCII texts offsets are characters; the check is much faster than decoding.
    if text.is_ascii() {
        return n.min(text.len());
    }
    text.char_indices().nth(n).map_or(text.len(), |(i, _)| i)
}

/// Returns the number of characters.
fn chars(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}
