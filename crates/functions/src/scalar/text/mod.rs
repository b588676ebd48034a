//! Functions of texts.

mod binary;
mod bytes;
mod case;
mod check;
mod edit;
mod find;
mod format;
mod mask;
mod pattern;
mod regex;
mod sentences;
mod url;

use crate::registry::Entry;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[
    binary::ENTRIES,
    bytes::ENTRIES,
    check::ENTRIES,
    edit::ENTRIES,
    find::ENTRIES,
    format::ENTRIES,
    mask::ENTRIES,
    pattern::ENTRIES,
    regex::ENTRIES,
    sentences::ENTRIES,
    url::ENTRIES,
];

/// The byte offset of character `n`, the text's length if it has no more than `n`.
fn offset_of(text: &str, n: usize) -> usize {
    if text.is_ascii() {
        return n.min(text.len());
    }
    text.char_indices().nth(n).map_or(text.len(), |(i, _)| i)
}

/// How many characters a text has.
fn chars(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}
