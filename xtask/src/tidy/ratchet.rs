//! Reads and writes the ratchet file, which records numbers that may only get better.

use super::File;
use crate::run::{Outcome, root};
use std::collections::BTreeMap;

/// The path of the file.
pub(crate) const PATH: &str = "xtask/tidy.ratchet";
/// Ends the name of a minimum of comments.
pub(crate) const COMMENTS: &str = " (comments)";

const HEAD: &str = "\
# Files and functions that are larger than tidy allows, with their lines or tokens, and the least lines of `//`
# comments for 1000 lines of code of each crate. Sizes only go down: after making one smaller run
# `cargo xtask tidy --shrink`. The numbers of comments only go up, by hand: see `cargo xtask tidy --sizes`.
";

/// The recorded numbers by name.
pub(crate) type Numbers = BTreeMap<String, usize>;

/// Returns the numbers whose names end with `suffix`, without it.
pub(crate) fn recorded(files: &[File], suffix: &str) -> Numbers {
    let all = all(files).into_iter();
    all.filter_map(|(name, number)| Some((name.strip_suffix(suffix)?.to_owned(), number))).collect()
}

/// Returns all recorded numbers.
pub(crate) fn all(files: &[File]) -> Numbers {
    files.iter().find(|file| file.path == PATH).map(|file| parse(&file.text)).unwrap_or_default()
}

/// Parses the text of the file: lines of a number and a name, and comments.
pub(crate) fn parse(text: &str) -> Numbers {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        let (number, name) = line.split_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    lines.filter_map(entry).collect()
}

/// Replaces the file.
pub(crate) fn write(numbers: &Numbers) -> Outcome {
    // The numbers are sorted by name, so a change of one is a change of one line.
    let lines = numbers.iter().map(|(name, number)| format!("{number} {name}\n"));
    let text = std::iter::once(HEAD.to_owned()).chain(lines).collect::<String>();
    std::fs::write(root().join(PATH), text).map_err(|e| format!("can't write {PATH}: {e}"))
}
