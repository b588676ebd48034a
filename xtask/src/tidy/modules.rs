//! Checks that a module with submodules is `foo/mod.rs`, never `foo.rs` beside a folder `foo`.

use super::File;
use std::collections::BTreeSet;

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let rust = || files.iter().filter(|f| f.is_rust());
    // Git lists no folders, so those that contain Rust files are taken from the paths.
    let folders: BTreeSet<&str> = rust().filter_map(|f| Some(f.path.rsplit_once('/')?.0)).collect();
    let split = rust().filter_map(|f| {
        let folder = f.path.strip_suffix(".rs")?;
        folders.contains(folder).then(|| format!("{}:1: move it to {folder}/mod.rs", f.path))
    });
    split.collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn a_module_beside_its_folder_is_named() {
        let files = [
            file("a/src/b.rs", ""),
            file("a/src/b/c.rs", ""),
            file("a/src/d/mod.rs", ""),
            file("a/src/d/e.rs", ""),
            file("a/tests/f.rs", ""),
        ];
        assert_eq!(super::check(&files), ["a/src/b.rs:1: move it to a/src/b/mod.rs"]);
    }
}
