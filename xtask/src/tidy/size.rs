//! Checks that files and functions are small enough to be read at once.
//!
//! Files and functions above the limits are listed in the ratchet file with their sizes, which may only shrink: a
//! recorded size that is too high is a complaint too, so that no improvement is lost.

use super::File;
use super::ratchet::{self, COMMENTS, Numbers};
use super::text::{blank, without_tests};
use super::tokens::{MeasuredFunction, functions};
use crate::run::{Outcome, say};

/// The limit on the lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;
/// The limit on the lines of a function, from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// The limit on the tokens of a function, from `fn` to the closing brace: about a fifth above the 99th percentile.
const FUNCTION_TOKENS_MAX: usize = 600;
/// Ends the name of a size that is a number of tokens.
const TOKENS: &str = " (tokens)";

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut recorded = ratchet::all(files);
    // The minimums of comments have a check of their own.
    recorded.retain(|name, _| !name.ends_with(COMMENTS));
    compare(&measure(files), &recorded)
}

/// Lowers the recorded sizes to the measured ones and removes those that are within the limits.
pub(crate) fn shrink(files: &[File]) -> Outcome {
    let measured = measure(files);
    let lowered = |(name, old): (String, usize)| match measured.get(&name) {
        Some(new) => Some((name, old.min(*new))),
        None => name.ends_with(COMMENTS).then_some((name, old)),
    };
    ratchet::write(&ratchet::all(files).into_iter().filter_map(lowered).collect())
}

/// Prints the distribution of the sizes of functions, from which the limits were chosen.
pub(crate) fn print(files: &[File]) {
    let measured = files.iter().filter(|f| is_measured(f));
    let all: Vec<MeasuredFunction> = measured.flat_map(|f| functions(&f.text)).collect();
    let distribution = |unit: &str, mut sizes: Vec<usize>| {
        sizes.sort_unstable();
        let at =
            |hundredth: usize| sizes.get((sizes.len() * hundredth / 100).min(sizes.len().saturating_sub(1)));
        let [median, p90, p99, max] = [50, 90, 99, 100].map(|h| at(h).copied().unwrap_or_default());
        say(&format!(
            "{unit} of {} functions: median {median}, p90 {p90}, p99 {p99}, max {max}",
            sizes.len()
        ));
    };
    distribution("lines", all.iter().map(|f| f.lines).collect());
    distribution("tokens", all.iter().map(|f| f.tokens).collect());
}

fn is_measured(file: &File) -> bool {
    file.is_rust() && !file.is_test()
}

/// Returns the sizes above the limits, by name.
fn measure(files: &[File]) -> Numbers {
    let mut sizes = Numbers::new();
    for file in files.iter().filter(|f| is_measured(f)) {
        let code = without_tests(&blank(&file.text));
        let lines = file.text.lines().count() - test_lines(&file.text, &code);
        let mut keep = |name: String, size: usize, max: usize| {
            if size > max {
                // Several functions of a file may have one name: the largest one counts.
                let kept = sizes.entry(name).or_default();
                *kept = (*kept).max(size);
            }
        };
        keep(file.path.clone(), lines, FILE_LINES_MAX);
        for function in functions(&file.text) {
            let name = format!("{}::{}", file.path, function.name);
            keep(format!("{name}{TOKENS}"), function.tokens, FUNCTION_TOKENS_MAX);
            keep(name, function.lines, FUNCTION_LINES_MAX);
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

fn compare(measured: &Numbers, recorded: &Numbers) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, size) in measured {
        match recorded.get(name) {
            None => complaints.push(format!(
                "{name}: {size} (files up to {FILE_LINES_MAX} lines, functions up to {FUNCTION_LINES_MAX} lines and \
                 {FUNCTION_TOKENS_MAX} tokens): split it"
            )),
            Some(old) if size > old => {
                complaints.push(format!("{name}: grew from {old} to {size}: it may only shrink"));
            }
            Some(old) if size < old => {
                complaints.push(format!("{name}: shrank from {old} to {size}: run `cargo xtask tidy --shrink`"));
            }
            Some(_) => {}
        }
    }
    for name in recorded.keys().filter(|n| !measured.contains_key(*n)) {
        complaints.push(format!("{name}: is small now: run `cargo xtask tidy --shrink`"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::super::ratchet::parse;
    use super::*;

    #[test]
    fn a_size_may_stay_shrink_by_command_and_never_grow() {
        let recorded = parse("# head\n700 a.rs\n");
        let cases = [(700, 0), (701, 1), (650, 1)];
        for (lines, complaints) in cases {
            let measured = Numbers::from([("a.rs".to_owned(), lines)]);
            assert_eq!(compare(&measured, &recorded).len(), complaints, "{lines}");
        }
        assert_eq!(compare(&Numbers::new(), &recorded).len(), 1);
        assert_eq!(compare(&Numbers::from([("b.rs".to_owned(), 601)]), &Numbers::new()).len(), 1);
    }

    #[test]
    fn tests_do_not_count_and_long_functions_do() {
        let long = format!("//! A.\nfn f() {{\n{}}}\n", "  x();\n".repeat(80));
        let tested = format!("//! B.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "  fn t() {}\n".repeat(700));
        let sizes = measure(&[file("a.rs", &long), file("b.rs", &tested)]);
        assert_eq!(sizes, Numbers::from([("a.rs::f".to_owned(), 82)]));
    }

    #[test]
    fn functions_of_many_tokens_on_few_lines_count() {
        let dense = format!("//! A.\nfn f() {{\n{}\n}}\n", "x(); ".repeat(150));
        let sizes = measure(&[file("a.rs", &dense)]);
        assert_eq!(sizes, Numbers::from([("a.rs::f (tokens)".to_owned(), 606)]));
        assert_eq!(compare(&sizes, &parse("606 a.rs::f (tokens)\n")), Vec::<String>::new());
        assert_eq!(compare(&sizes, &parse("605 a.rs::f (tokens)\n")).len(), 1);
    }
}
