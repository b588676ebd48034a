//! Checks the sizes of files and functions.
//!
//! What is larger than the limit is listed in the ratchet file with its size, which may only shrink:
//! a recorded size that is too high is a complaint too, so that no improvement is lost.

use super::File;
use super::text::{blank, functions, without_tests};
use crate::run::{Outcome, root};
use std::collections::BTreeMap;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;
/// Lines of a function, from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;
const RATCHET: &str = "xtask/tidy.ratchet";
const HEAD: &str = "\
# Files and functions that are larger than tidy allows, with their lines. Numbers only go down:
# after making one smaller run `cargo xtask tidy --shrink`.
";

type Sizes = BTreeMap<String, usize>;

pub fn check(files: &[File]) -> Vec<String> {
    let recorded = files.iter().find(|f| f.path == RATCHET).map(|f| parse(&f.text)).unwrap_or_default();
    compare(&measure(files), &recorded)
}

/// Lowers the recorded sizes to the measured ones and forgets what has become small.
pub fn shrink(files: &[File]) -> Outcome {
    let recorded = files.iter().find(|f| f.path == RATCHET).map(|f| parse(&f.text)).unwrap_or_default();
    let measured = measure(files);
    let mut text = HEAD.to_owned();
    for (name, old) in recorded {
        if let Some(new) = measured.get(&name) {
            text.push_str(&format!("{} {name}\n", old.min(*new)));
        }
    }
    std::fs::write(root().join(RATCHET), text).map_err(|e| format!("can't write {RATCHET}: {e}"))
}

/// Everything above its limit, by name.
fn measure(files: &[File]) -> Sizes {
    let mut sizes = Sizes::new();
    for file in files.iter().filter(|f| f.is_rust() && !f.is_test()) {
        let code = without_tests(&blank(&file.text));
        let lines = file.text.lines().count() - test_lines(&file.text, &code);
        if lines > FILE_LINES_MAX {
            sizes.insert(file.path.clone(), lines);
        }
        for function in functions(&code).into_iter().filter(|f| f.lines > FUNCTION_LINES_MAX) {
            let size = sizes.entry(format!("{}::{}", file.path, function.name)).or_default();
            *size = (*size).max(function.lines);
        }
    }
    sizes
}

/// Returns the number of lines inside test modules that are not blank.
fn test_lines(source: &str, code: &str) -> usize {
    let blanked = blank(source);
    let pairs = blanked.lines().zip(code.lines());
    pairs.filter(|(all, kept)| !all.trim().is_empty() && kept.trim().is_empty()).count()
}

fn compare(measured: &Sizes, recorded: &Sizes) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, lines) in measured {
        match recorded.get(name) {
            None => complaints.push(format!(
                "{name}: {lines} lines (files up to {FILE_LINES_MAX}, functions up to {FUNCTION_LINES_MAX}): split it"
            )),
            Some(old) if lines > old => {
                complaints.push(format!("{name}: grew from {old} to {lines} lines: it may only shrink"));
            }
            Some(old) if lines < old => {
                complaints.push(format!("{name}: shrank from {old} to {lines} lines: run `cargo xtask tidy --shrink`"));
            }
            Some(_) => {}
        }
    }
    for name in recorded.keys().filter(|n| !measured.contains_key(*n)) {
        complaints.push(format!("{name}: is small now: run `cargo xtask tidy --shrink`"));
    }
    complaints
}

fn parse(text: &str) -> Sizes {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let entry = |l: &str| l.split_once(' ').and_then(|(n, name)| Some((name.to_owned(), n.parse().ok()?)));
    lines.filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_size_may_stay_shrink_by_command_and_never_grow() {
        let recorded = parse("# head\n700 a.rs\n");
        let cases = [(700, 0), (701, 1), (650, 1)];
        for (lines, complaints) in cases {
            let measured = Sizes::from([("a.rs".to_owned(), lines)]);
            assert_eq!(compare(&measured, &recorded).len(), complaints, "{lines}");
        }
        assert_eq!(compare(&Sizes::new(), &recorded).len(), 1);
        assert_eq!(compare(&Sizes::from([("b.rs".to_owned(), 601)]), &Sizes::new()).len(), 1);
    }

    #[test]
    fn tests_do_not_count_and_long_functions_do() {
        let long = format!("//! A.\nfn f() {{\n{}}}\n", "  x();\n".repeat(80));
        let tested = format!("//! B.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "  fn t() {}\n".repeat(700));
        let sizes = measure(&[file("a.rs", &long), file("b.rs", &tested)]);
        assert_eq!(sizes, Sizes::from([("a.rs::f".to_owned(), 82)]));
    }
}
