//! Checks that every Rust file begins with a module head that is a statement, not a direct or indirect question.

use super::File;

/// The first words of indirect questions, such as "What is shared by …" and "Whether each …".
const QUESTION_WORDS: [&str; 8] = ["How", "What", "When", "Where", "Whether", "Which", "Who", "Why"];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    files.iter().filter(|f| f.is_rust()).filter_map(complaint).collect()
}

fn complaint(file: &File) -> Option<String> {
    if !file.text.starts_with("//! ") {
        return Some(format!("{}:1: no module head: begin the file with `//! …`", file.path));
    }
    // The summary may take several lines, and ends at the first one without text.
    let summary: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let summary = summary.join(" ");
    let first_word = summary.split([' ', ',', '\'']).next().unwrap_or_default();
    let is_question =
        QUESTION_WORDS.contains(&first_word) || summary.ends_with('?') || summary.contains("? ");
    is_question.then(|| {
        format!(
            "{}:1: the module head asks a question: write what the file does, `Converts X to Y.`",
            file.path
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn a_file_without_a_head_or_with_a_question_as_head_is_named() {
        let cases = [
            ("a.rs", "//! Converts X to Y.\n//!\n//! Why? For Z.\n", 0),
            ("a.rs", "//! Replaces `?` and `:name` markers.\n", 0),
            ("a.rs", "use x;\n", 1),
            ("a.rs", "//! What is Y?\n", 1),
            ("a.rs", "//! What is X,\n//! and what is Y?\n", 1),
            ("a.rs", "//! X. Is it Y? It is.\n", 1),
            ("a.rs", "//! What the formats share.\n", 1),
            ("a.rs", "//! Whether Y holds.\n", 1),
            ("a.rs", "//! How's X.\n", 1),
            ("a.rs", "//! Whichever X is first.\n", 0),
            ("c.md", "hello?", 0),
        ];
        for (path, text, expected) in cases {
            assert_eq!(super::check(&[file(path, text)]).len(), expected, "{text}");
        }
    }
}
