//! Does the lock file hold one version of what has to be one?
//!
//! Two versions of arrow are two types with one name: nothing of one fits the other.

use super::File;

const ONE: &[&str] =
    &["arrow", "arrow-array", "arrow-schema", "datafusion", "parquet", "object_store", "tonic"];

pub fn check(files: &[File]) -> Vec<String> {
    let Some(lock) = files.iter().find(|f| f.path == "Cargo.lock") else {
        return vec!["Cargo.lock: is not there".to_owned()];
    };
    let versions = |name: &str| {
        let line = format!("name = \"{name}\"");
        lock.text.lines().filter(|l| *l == line).count()
    };
    let wrong = ONE.iter().map(|name| (name, versions(name))).filter(|(_, n)| *n != 1);
    wrong.map(|(name, n)| format!("Cargo.lock: {n} versions of {name}, want one")).collect()
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
