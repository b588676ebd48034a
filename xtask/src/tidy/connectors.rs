//! Checks that a connector is named only where connectors are written and registered: everything else uses their
//! descriptors.
//!
//! The names are those of the descriptors in the connectors' own crates, so that a new connector is covered too.

use super::File;
use super::text::{blank, literals, without_tests};

/// The folders in which connectors are written and registered.
const PLACES: [&str; 3] = ["crates/connector", "crates/thalweg/", "xtask/src/tidy/"];
/// The beginning of a descriptor.
const DESCRIPTOR: &str = "ConnectorDescriptor::new(\"";
/// The crate of the traits, which others may use; the names of the other crates begin with it.
const TRAITS: &str = "thalweg_connectors::";
const CONNECTORS: [&str; 2] = ["thalweg_connector_", "thalweg_connectors_all"];

/// File, literal and reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("crates/engine/src/settings/works.rs", "parquet", "is the value that Spark documents for a setting"),
    ("crates/stream/src/coord/finish.rs", "delta", "is the name of a file with changes of a state"),
];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let names: Vec<&str> =
        files.iter().filter(|f| f.path.starts_with(PLACES[0])).flat_map(described).collect();
    let places =
        |f: &&File| f.is_rust() && !f.is_test() && !PLACES.iter().any(|place| f.path.starts_with(place));
    files.iter().filter(places).flat_map(|f| complaints(f, &names)).collect()
}

/// Returns the names of the connectors that a file describes.
fn described(file: &File) -> Vec<&str> {
    let code = without_tests(&blank(&file.text));
    // Comments are blank there, and tests are empty.
    let lines = file.text.lines().zip(code.lines()).filter(|(_, code)| !code.trim().is_empty());
    lines.filter_map(|(line, _)| line.split_once(DESCRIPTOR)?.1.split('"').next()).collect()
}

fn complaints(file: &File, names: &[&str]) -> Vec<String> {
    let code = without_tests(&blank(&file.text));
    // A line of a test is empty there; one of a literal alone is blank.
    let in_test = |n: usize| code.lines().nth(n).is_none_or(str::is_empty);
    let excepted = |name: &str| EXCEPTIONS.iter().any(|(path, n, _)| *path == file.path && *n == name);
    let named = literals(&file.text)
        .into_iter()
        .filter(|(n, literal)| names.contains(literal) && !in_test(*n) && !excepted(literal));
    let complaint = |n: usize, what: &str| {
        format!("{}:{}: {what} names a connector: ask its descriptor instead", file.path, n + 1)
    };
    let mut found: Vec<_> = named.map(|(n, literal)| complaint(n, &format!("\"{literal}\""))).collect();
    for prefix in CONNECTORS {
        found.extend(code.match_indices(prefix).map(|(at, _)| complaint(line_of(&code, at), prefix)));
    }
    for (at, _) in code.match_indices(TRAITS) {
        // A list of imports may take several lines, up to its semicolon.
        let path = code[at + TRAITS.len()..].split(';').next().unwrap_or_default();
        let mut words = path.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| names.contains(word)) {
            found.push(complaint(line_of(&code, at), &format!("{TRAITS}{word}")));
        }
    }
    found
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::super::file;

    const CSV: &str = "// ConnectorDescriptor::new(\"empty\")\n..ConnectorDescriptor::new(\"csv\", \"Text.\")\n\
                       #[cfg(test)]\nmod tests {\n    ..ConnectorDescriptor::new(\"other\", \"\")\n}\n";

    #[test]
    fn a_connector_is_named_only_where_it_is_written_and_registered() {
        let tests = "#[cfg(test)]\nmod tests {\n    fn f() {\n        g(\"csv\")\n    }\n}\n";
        let cases = [
            ("crates/engine/src/a.rs", "if format == \"csv\" {}", 1),
            ("crates/engine/src/a.rs", "f(\n    \"csv\"\n)", 1),
            ("crates/engine/src/a.rs", "// \"csv\"\n\"csvs\" \"empty\" \"other\"", 0),
            ("crates/engine/src/a.rs", tests, 0),
            ("crates/engine/tests/a.rs", "f(\"csv\")", 0),
            ("crates/thalweg/src/a.rs", "f(\"csv\")", 0),
            ("crates/connector-files/src/a.rs", "f(\"csv\")", 0),
            ("crates/stream/src/a.rs", "use thalweg_connectors::{Connector, csv::connector};", 1),
            ("crates/stream/src/a.rs", "use thalweg_connectors::{Connector, OptionMap};\nlet csv = 1;", 0),
            ("crates/stream/src/a.rs", "use thalweg_connector_delta::Delta;", 1),
            ("crates/stream/src/a.rs", "let registry = thalweg_connectors_all::standard_registry();", 1),
        ];
        for (path, text, expected) in cases {
            let files = [file("crates/connectors/src/csv/descriptor.rs", CSV), file(path, text)];
            let complaints = super::check(&files);
            assert_eq!(complaints.len(), expected, "{path}: {text}: {complaints:?}");
        }
    }
}
