//! Generates the reference page of the functions from their entries and from Spark's recorded answers to their
//! examples.

use super::entry::Entry;
use super::layers::families;
use std::collections::BTreeMap;

const HEAD: &str = "\
# Functions

Generated from the registry in `crates/functions`; tests prove it fresh and run every example.

Each function stands under its first name with its arguments, those in square brackets being optional; other names of
it follow. The rows below an example are Spark's answer to it and ours.
";

/// The statements of all examples.
pub fn examples() -> impl Iterator<Item = &'static str> {
    families()
        .flat_map(|(_, lists)| lists.iter().copied().flatten())
        .flat_map(|e| e.documentation().examples.iter())
        .copied()
}

/// The reference page `docs/functions.md`: `answers` has the table that Spark draws of each example.
pub fn reference(answers: &BTreeMap<String, String>) -> String {
    let mut page = HEAD.to_owned();
    for (title, lists) in families() {
        page.push_str(&format!("\n## {title}\n"));
        lists.iter().copied().flatten().for_each(|entry| page.push_str(&section(entry, answers)));
    }
    page
}

fn section(entry: &Entry, answers: &BTreeMap<String, String>) -> String {
    let doc = entry.documentation();
    let mut names = entry.listed_names();
    // A function that SHOW FUNCTIONS does not list has no section.
    let Some(name) = names.next() else { return String::new() };
    let aliases: Vec<_> = names.map(|alias| format!("`{alias}`")).collect();
    let also = if aliases.is_empty() { String::new() } else { format!(" Also {}.", aliases.join(", ")) };
    let mut text = format!("\n### `{}`\n\n{}{also}\n", signature(name, doc.arguments), doc.about);
    for example in doc.examples {
        text.push_str(&format!("\n```sql\n{example};\n"));
        let rows = answers.get(*example).map(|table| rows(table)).unwrap_or_default();
        rows.iter().for_each(|row| text.push_str(&format!("-- {row}\n")));
        text.push_str("```\n");
    }
    text
}

/// What SHOW FUNCTIONS and the catalog say of a function: its signature and one sentence.
pub(super) fn description(name: &str, entry: &Entry) -> String {
    let doc = entry.documentation();
    format!("{} - {}", signature(name, doc.arguments), doc.about)
}

/// `name(arguments)`, or an operator between or before its operands.
fn signature(name: &str, arguments: &str) -> String {
    let is_operator =
        !name.starts_with(|c: char| c.is_ascii_alphabetic()) || matches!(name, "and" | "or" | "div");
    match arguments.split_once(", ") {
        Some((left, right)) if is_operator => format!("{left} {name} {right}"),
        None if is_operator => format!("{name}{arguments}"),
        _ => format!("{name}({arguments})"),
    }
}

/// The rows of a drawn table, each as its cells between bars. The frame says where the cells end.
fn rows(table: &str) -> Vec<String> {
    let mut lines = table.lines();
    let frame: Vec<char> = lines.next().unwrap_or_default().chars().collect();
    let bars: Vec<usize> = (0..frame.len()).filter(|i| frame.get(*i) == Some(&'+')).collect();
    let cells = |line: &str| {
        let line: Vec<char> = line.chars().collect();
        let cell = |ends: &[usize]| match ends {
            [from, to] => line.get(from + 1..*to).unwrap_or_default().iter().collect::<String>(),
            _ => String::new(),
        };
        // A cell may contain a bar, so cells are cut at the crosses of the frame.
        bars.windows(2).map(|ends| cell(ends).trim().to_owned()).collect::<Vec<_>>().join(" | ")
    };
    lines.skip(2).take_while(|line| !line.starts_with('+')).map(cells).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::registry::Kind;
    use std::collections::BTreeSet;

    fn answers() -> BTreeMap<String, String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reference.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_reference_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/functions.md");
        let made = reference(&answers());
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == made, "write it anew: UPDATE_EXPECT=1 cargo test -p thalweg-functions");
    }

    #[test]
    fn spark_answers_every_example_and_nothing_else_is_recorded() {
        let recorded: BTreeSet<_> = answers().into_keys().collect();
        let all: BTreeSet<_> = examples().map(str::to_owned).collect();
        let differ: Vec<_> = recorded.symmetric_difference(&all).collect();
        assert!(differ.is_empty(), "record them: python tests/spark/functions.py: {differ:?}");
    }

    /// The least and the greatest number of arguments that a signature allows; none: any number.
    fn arity(arguments: &str) -> (usize, Option<usize>) {
        let (mut depth, mut required, mut all) = (0, 0, 0);
        let mut rest = arguments;
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '[' || c == ']' || c == '.')
        {
            let word = rest[at..].chars().take_while(char::is_ascii_alphabetic).count();
            match rest.as_bytes()[at] {
                b'[' => depth += 1,
                b']' => depth -= 1,
                b'.' => return (required, None),
                _ => {
                    all += 1;
                    required += usize::from(depth == 0);
                }
            }
            rest = &rest[at + word.max(1)..];
        }
        (required, Some(all))
    }

    #[test]
    fn every_function_is_documented_with_the_arguments_that_it_takes() {
        let mut wrong = vec![];
        for entry in families().flat_map(|(_, lists)| lists.iter().copied().flatten()) {
            let doc = entry.documentation();
            if entry.listed_names().next().is_none() {
                continue;
            }
            if doc.about.is_empty() || doc.examples.is_empty() {
                wrong.push(format!("{entry:?} is not documented"));
            }
            // An order brings two arguments, a sign has one or two operands, and `dateadd` shows the form with a unit.
            let others = ["percentile_cont", "percentile_disc", "+", "-", "date_add"];
            let said = arity(doc.arguments);
            if said != entry.arity() && !others.contains(&entry.first_name()) {
                wrong.push(format!("{entry:?} takes {:?}, not {said:?}: {}", entry.arity(), doc.arguments));
            }
            if matches!(entry.kind(), Kind::Scalar) && !doc.about.ends_with('.') {
                wrong.push(format!("{entry:?}: {}", doc.about));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn rows_are_cut_at_the_frame() {
        let table = "+---+-----+\n|a  |b    |\n+---+-----+\n|1  ||    |\n|22 |x\u{e4}   |\n+---+-----+\n\n";
        assert_eq!(rows(table), ["1 | |", "22 | x\u{e4}"]);
    }
}
