//! Measures the share of tests in each crate, and checks that the functions have enough.
//!
//! Lines with a token count: as code outside of test modules, as tests inside of them and in test files. In the `.slt`
//! files of functions each recorded answer to a single call counts as a line of tests, because it is as much as the line
//! of a unit test that compares one value: a row of a query of one column, or an error.

use super::File;
use super::tokens::lines;
use crate::run::say;

const FUNCTIONS: &str = "functions";
const ANSWERS: &str = "tests/slt/functions/";
/// The minimum of the tests of the functions, in hundredths of their code.
const FUNCTIONS_HUNDREDTHS_MIN: usize = 25;

/// The lines of a crate.
#[derive(Default)]
struct Share {
    code: usize,
    tests: usize,
    answers: usize,
}

impl Share {
    fn hundredths(&self) -> usize {
        (self.tests + self.answers) * 100 / self.code.max(1)
    }
}

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let share = share(files, FUNCTIONS);
    let is_enough = share.code == 0 || share.hundredths() >= FUNCTIONS_HUNDREDTHS_MIN;
    let (hundredths, min) = (share.hundredths(), FUNCTIONS_HUNDREDTHS_MIN);
    let text = format!(
        "crates/{FUNCTIONS}: tests are {hundredths} % of the code, want {min} %: record more answers"
    );
    if is_enough { vec![] } else { vec![text] }
}

/// Prints the shares of all crates.
pub(crate) fn print(files: &[File]) {
    let mut names: Vec<&str> = files.iter().filter_map(|f| crate_of(f)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let share = share(files, name);
        let Share { code, tests, answers } = share;
        let hundredths = share.hundredths();
        say(&format!("{name:<12} code {code:>6}  tests {tests:>6}  answers {answers:>6}  {hundredths:>4} %"));
    }
}

fn crate_of(file: &File) -> Option<&str> {
    file.path.strip_prefix("crates/")?.split('/').next()
}

fn share(files: &[File], name: &str) -> Share {
    let mut share = Share::default();
    for file in files.iter().filter(|f| f.is_rust() && crate_of(f) == Some(name)) {
        let (code, tests) = lines(&file.text);
        if file.is_test() {
            // In a file of tests the helpers are tests as well.
            share.tests += code + tests;
        } else {
            share.code += code;
            share.tests += tests;
        }
    }
    if name == FUNCTIONS {
        let records = files.iter().filter(|f| f.path.starts_with(ANSWERS) && f.path.ends_with(".slt"));
        share.answers = records.map(|f| answers(&f.text)).sum();
    }
    share
}

/// Returns the number of answers of the queries of one column, and of errors.
fn answers(records: &str) -> usize {
    // A blank line ends a record of an `.slt` file.
    records.split("\n\n").map(answers_of_one).sum()
}

fn answers_of_one(record: &str) -> usize {
    let mut lines = record.lines().skip_while(|line| line.starts_with('#'));
    let head = lines.next().unwrap_or_default();
    let mut words = head.split(' ');
    match (words.next(), words.next()) {
        (Some("statement" | "query"), Some("error")) => 1,
        (Some("query"), Some(letters)) if letters.len() == 1 => {
            lines.skip_while(|line| *line != "----").skip(1).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn answers_to_single_calls_count() {
        let cases = [
            ("# Head.\n\nquery T\nSELECT f(a)\n----\nx\ny\n", 2),
            ("query TT rowsort\nSELECT f(a), g(a)\n----\nx y\n", 0),
            ("# Why.\nstatement error CLASS\nSELECT f(1)\n\nstatement ok\nSET a = b\n", 1),
        ];
        for (records, expected) in cases {
            assert_eq!(answers(records), expected, "{records}");
        }
    }

    #[test]
    fn too_few_tests_are_named() {
        let code = format!("//! A.\nfn f() {{\n{}}}\n", "x();\n".repeat(38));
        let source = file("crates/functions/src/a.rs", &code);
        let answers = |n: usize| {
            file("tests/slt/functions/a.slt", &format!("query T\nSELECT f()\n----\n{}", "x\n".repeat(n)))
        };
        let path = "crates/functions/src/a.rs";
        assert_eq!(check(&[source, answers(9)]).len(), 1);
        assert_eq!(check(&[file(path, &code), answers(10)]).len(), 0);
    }
}
