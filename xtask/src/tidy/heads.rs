//! Does every Rust file begin by saying which question it answers?

use super::File;

pub fn check(files: &[File]) -> Vec<String> {
    let bare = files.iter().filter(|f| f.is_rust() && !f.text.starts_with("//! "));
    bare.map(|f| format!("{}:1: no module head: begin the file with `//! …`", f.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn a_file_without_a_head_is_named() {
        let files = [file("a.rs", "//! Answers.\n"), file("b.rs", "use x;\n"), file("c.md", "hello")];
        let complaints = super::check(&files);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("b.rs:1"));
    }
}
