//! Checks that every Rust file begins with a module head that is a statement, not a question.

use super::File;

pub fn check(files: &[File]) -> Vec<String> {
    files.iter().filter(|f| f.is_rust()).filter_map(complaint).collect()
}

fn complaint(file: &File) -> Option<String> {
    if !file.text.starts_with("//! ") {
        return Some(format!("{}:1: no module head: begin the file with `//! …`", file.path));
    }
    let summary: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let summary = summary.join(" ");
    let is_question = summary.ends_with('?') || summary.contains("? ");
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
            ("a.rs", "//! What is X? It is Y.\n", 1),
            ("c.md", "hello?", 0),
        ];
        for (path, text, expected) in cases {
            assert_eq!(super::check(&[file(path, text)]).len(), expected, "{text}");
        }
    }
}
