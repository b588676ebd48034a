//! Checks that the server calls the catalog and runs no statement to read the text of its rows.

use super::File;
use super::text::{blank, without_tests};

const PLACE: &str = "crates/server/src/";

/// The commands of the IR and the beginnings of SQL texts that list the contents of the catalog.
const COMMANDS: [&str; 2] = ["Command::Show", "Command::Describe"];
const TEXTS: [&str; 2] = ["\"SHOW ", "\"DESCRIBE "];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let server = files.iter().filter(|f| f.is_rust() && f.path.starts_with(PLACE));
    server.flat_map(|f| complaints(f, &without_tests(&blank(&f.text)))).collect()
}

fn complaints(file: &File, blanked: &str) -> Vec<String> {
    let lines = blanked.lines().zip(file.text.lines()).enumerate();
    let scrapes = lines.filter(|(_, (code, line))| {
        // The tests and comments are blank.
        let is_code = !code.trim().is_empty();
        is_code && (COMMANDS.iter().any(|c| code.contains(c)) || TEXTS.iter().any(|t| line.contains(t)))
    });
    let complaint = |n: usize| format!("{}:{}: use the methods of CatalogProvider instead", file.path, n + 1);
    scrapes.map(|(n, _)| complaint(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn a_statement_that_lists_the_catalog_is_named() {
        let cases = [
            ("crates/server/src/a.rs", "let c = Command::ShowTables { database, pattern };", 1),
            ("crates/server/src/a.rs", "let c = Command::DescribeTable { name, extended };", 1),
            ("crates/server/src/a.rs", "session.sql(\"SHOW TABLES\")", 1),
            ("crates/server/src/a.rs", "// session.sql(\"SHOW TABLES\")", 0),
            ("crates/server/src/a.rs", "session.list_tables(None, None)", 0),
            ("crates/engine/src/a.rs", "Command::ShowTables { .. } => {}", 0),
        ];
        for (path, text, expected) in cases {
            assert_eq!(super::check(&[file(path, text)]).len(), expected, "{path}: {text}");
        }
    }
}
