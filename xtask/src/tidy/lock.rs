//! Checks that the lock file has one version of each package that must not be duplicated.
//!
//! Two versions of arrow have two sets of types with the same names, which are not compatible.

use super::File;

const ONE: &[&str] =
    &["arrow", "arrow-array", "arrow-schema", "datafusion", "parquet", "object_store", "tonic"];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let Some(lock) = files.iter().find(|f| f.path == "Cargo.lock") else {
        return vec!["Cargo.lock: is not there".to_owned()];
    };
    let versions = |name: &str| {
        // With its quotes the name `arrow` does not match `arrow-array`.
        let line = format!("name = \"{name}\"");
        lock.text.lines().filter(|l| *l == line).count()
    };
    let wrong = ONE.iter().map(|name| (name, versions(name))).filter(|(_, n)| *n != 1);
    wrong.map(|(name, n)| format!("Cargo.lock: {n} versions of {name}, expected one")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::ONE;

    #[test]
    fn a_second_version_is_named() {
        let once: String = ONE.iter().map(|n| format!("name = \"{n}\"\n")).collect();
        let twice = format!("{once}name = \"arrow\"\n");
        assert!(super::check(&[file("Cargo.lock", &once)]).is_empty());
        assert_eq!(super::check(&[file("Cargo.lock", &twice)]).len(), 1);
    }
}
