//! Counts the comments of each crate, and checks that the share of `//` comments does not fall below a recorded
//! minimum.
//!
//! `//` comments state reasons inside of code, rustdoc describes items. Test modules and files of tests do not count.
//! A minimum is raised by hand, and is a little below the measured share, so that a change of a few lines does not
//! need a comment.

use super::File;
use super::ratchet::{self, COMMENTS};
use crate::run::say;
use std::collections::BTreeMap;

/// The beginning of a test module, which is the end of a file by convention.
const TEST_MODULE: &str = "#[cfg(test)]\nmod tests {";

/// The lines of a crate that are not blank, without tests.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    code: usize,
    reasons: usize,
    docs: usize,
}

impl Counts {
    fn add(&mut self, source: &str) {
        let untested = source.split(TEST_MODULE).next().unwrap_or_default();
        for line in untested.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            let kind = match line {
                _ if line.starts_with("///") || line.starts_with("//!") => &mut self.docs,
                _ if line.starts_with("//") => &mut self.reasons,
                _ => &mut self.code,
            };
            *kind += 1;
        }
    }

    /// Returns the lines of `//` comments for every thousand lines of code.
    fn reasons_per_thousand(&self) -> usize {
        self.reasons * 1000 / self.code.max(1)
    }
}

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let measured = measure(files);
    let recorded = ratchet::recorded(files, COMMENTS);
    let unrecorded = measured.iter().filter(|(path, _)| !recorded.contains_key(**path));
    let mut complaints: Vec<String> = unrecorded
        .map(|(path, counts)| {
            let share = counts.reasons_per_thousand();
            format!("{path}: {} has no minimum for its `//` comments; the share is {share}", ratchet::PATH)
        })
        .collect();
    for (path, minimum) in recorded {
        let share = measured.get(path.as_str()).map(Counts::reasons_per_thousand);
        // A crate that is gone has no share, and its line has to be removed.
        if share.is_none_or(|share| share < minimum) {
            complaints.push(format!(
                "{path}: {} lines of `//` comments for 1000 lines of code, want {minimum}: state the reasons",
                share.unwrap_or_default()
            ));
        }
    }
    complaints
}

/// Prints the comments of each crate for each line of code.
pub(crate) fn print(files: &[File]) {
    for (path, counts) in measure(files) {
        let share = |lines: usize| lines as f64 / counts.code.max(1) as f64;
        let Counts { code, reasons, docs } = counts;
        say(&format!(
            "{path:<26} code {code:>6}  // {reasons:>4} ({:.3})  rustdoc {docs:>4} ({:.3})",
            share(reasons),
            share(docs)
        ));
    }
}

/// Counts the lines of each crate, by its folder.
fn measure(files: &[File]) -> BTreeMap<&str, Counts> {
    let mut crates: BTreeMap<&str, Counts> = BTreeMap::new();
    for file in files.iter().filter(|f| f.is_rust() && !f.is_test()) {
        if let Some((folder, _)) = file.path.split_once("/src/") {
            crates.entry(folder).or_default().add(&file.text);
        }
    }
    crates
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const SOURCE: &str =
        "//! A.\n\n/// B.\nfn f() {\n    // Why.\n    x(); // y\n}\n\n#[cfg(test)]\nmod tests {\n// z\n}\n";

    #[test]
    fn comments_are_counted_by_kind_without_tests() {
        let mut counts = Counts::default();
        counts.add(SOURCE);
        assert_eq!(counts, Counts { code: 3, reasons: 1, docs: 2 });
        assert_eq!(counts.reasons_per_thousand(), 333);
    }

    #[test]
    fn a_share_below_its_minimum_is_named() {
        for (minimum, complaints) in [(333, 0), (334, 1)] {
            let recorded = format!("# Head.\n{minimum} crates/a (comments)\n");
            let files = [file("crates/a/src/a.rs", SOURCE), file(ratchet::PATH, &recorded)];
            assert_eq!(check(&files).len(), complaints, "{minimum}");
        }
    }

    #[test]
    fn a_crate_without_a_minimum_is_named() {
        assert_eq!(check(&[file("crates/a/src/a.rs", SOURCE)]).len(), 1);
    }
}
