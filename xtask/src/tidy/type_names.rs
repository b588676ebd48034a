//! Checks that each type that is visible outside its module has a name of its own in the workspace.
//!
//! A reader who finds a name in one crate must not think of the type of another one. Private types are known in one
//! file only and do not count, nor do types of tests.

use super::File;
use super::text::{blank, without_tests};
use std::collections::BTreeMap;

/// The file with the exceptions.
const TABLE: &str = "xtask/src/tidy/type_names.rs";

/// Names that two or more types have, and why.
const SHARED: &[(&str, &str)] = &[
    (
        "Aggregate",
        "one thing on its way: the relation of the IR, the call that is bound, the operator of a stream",
    ),
    ("Call", "one thing before and after: the call that the registry binds, and the bound call of lambdas"),
    (
        "Lines",
        "one reads the lines of files, the other stays inside of regular expressions, which have the word from Java",
    ),
    ("RawRecords", "the same part of two formats of text, each visible in the folder of its format only"),
    ("Rules", "both are the mode and the zone of a conversion: of JSON's values, and of a cast"),
];

/// The keywords before the name of a type.
const KEYWORDS: [&str; 5] = ["struct ", "enum ", "trait ", "union ", "type "];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|f| f.is_rust() && !f.is_test()) {
        let code = without_tests(&blank(&file.text));
        for (n, line) in code.lines().enumerate() {
            if let Some(name) = visible_type(line) {
                places.entry(name).or_default().push(format!("{}:{}", file.path, n + 1));
            }
        }
    }
    let is_shared = |name: &str| SHARED.iter().any(|(shared, _)| *shared == name);
    let repeated = places.iter().filter(|(name, places)| places.len() > 1 && !is_shared(name));
    let mut complaints: Vec<String> =
        repeated.map(|(name, places)| format!("{}: rename a type `{name}`", places.join(", "))).collect();
    // Unit tests check a few texts, in which the exceptions do not occur.
    if files.iter().any(|file| file.path == TABLE) {
        complaints.extend(stale(&places));
    }
    complaints
}

/// Reports the exceptions for names that no longer have several types.
fn stale(places: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_needed = |name: &str| places.get(name).is_some_and(|places| places.len() > 1);
    let unneeded = SHARED.iter().filter(|(name, _)| !is_needed(name));
    unneeded.map(|(name, _)| format!("{TABLE}: no two types are named `{name}`: remove it")).collect()
}

/// Returns the name of the type that the line defines, if the type is not private.
fn visible_type(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("pub")?;
    let rest = match rest.strip_prefix('(') {
        Some(scope) => scope.split_once(") ")?.1,
        None => rest.strip_prefix(' ')?,
    };
    let rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let name = KEYWORDS.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn two_visible_types_with_one_name_are_named() {
        let first = file("crates/a/src/a.rs", "pub struct Key;\n");
        let cases = [
            ("pub enum Key {\n}\n", 1),
            ("pub(crate) type Key = u8;\n", 1),
            ("mod inner {\n    pub(in crate::b) trait Key {}\n}\n", 1),
            ("struct Key;\n", 0),
            ("pub fn key() -> Key {}\n", 0),
            ("pub struct Keys;\n", 0),
            ("// pub struct Key;\n", 0),
            ("#[cfg(test)]\nmod tests {\n    pub struct Key;\n}\n", 0),
        ];
        for (text, expected) in cases {
            let files = [file(&first.path, &first.text), file("crates/b/src/b.rs", text)];
            assert_eq!(super::check(&files).len(), expected, "{text}");
        }
    }

    #[test]
    fn an_exception_that_is_not_needed_is_named() {
        let two = |name: &str| format!("pub struct {name};\npub(crate) struct {name};\n");
        let needed: String = super::SHARED.iter().map(|(name, _)| two(name)).collect();
        let table = || file(super::TABLE, "//! A.\n");
        assert_eq!(super::check(&[table(), file("crates/a/src/a.rs", &needed)]).len(), 0);
        assert_eq!(super::check(&[table()]).len(), super::SHARED.len());
        assert_eq!(super::check(&[]).len(), 0);
    }

    #[test]
    fn every_shared_name_has_a_reason() {
        assert!(super::SHARED.iter().all(|(_, reason)| !reason.is_empty()));
    }
}
