//! Decides which files a read may leave out (`ignoreMissingFiles`, `ignoreCorruptFiles`).

use std::path::Path;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;

/// Which files a read leaves out instead of ending with an error. Rows that were read before the error stay, as in Spark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tolerance {
    missing: bool,
    corrupt: bool,
}

impl Tolerance {
    /// Reads the options.
    pub(crate) fn from_options(options: &OptionMap) -> Result<Self> {
        Ok(Self {
            missing: options.flag("ignoreMissingFiles", false)?,
            corrupt: options.flag("ignoreCorruptFiles", false)?,
        })
    }

    /// Returns whether any file may be left out.
    pub(crate) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Returns whether the file that failed with that error is left out, and logs it then.
    pub(crate) fn leaves_out(self, file: &Path, error: &Error) -> bool {
        let gone = || matches!(std::fs::metadata(file), Err(e) if e.kind() == std::io::ErrorKind::NotFound);
        let is_left_out = (self.missing && gone()) || (self.corrupt && is_corruption(file, error));
        if is_left_out {
            tracing::warn!(file = %file.display(), %error, "a file is left out of a read");
        }
        is_left_out
    }
}

/// Returns whether an error is about the content of a file. Records that do not fit are a matter of the mode.
fn is_corruption(file: &Path, error: &Error) -> bool {
    let of_content = ["MALFORMED_CHARACTER_CODING", "RECORD_TOO_LARGE"].contains(&error.class())
        || (error.class().starts_with("FAILED_READ_FILE")
            && error.class() != "FAILED_READ_FILE.FILE_NOT_EXIST");
    // A file that may not be read is not corrupt, as in Spark.
    of_content && std::fs::File::open(file).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::testing::{connector, ddl, inferred, lines, read, stream_of, write_request};
    use datafusion::prelude::SessionContext;
    use std::path::Path;
    use thalweg_connectors::WriteMode;

    const CORRUPT: &[(&str, &str)] = &[("ignoreCorruptFiles", "true")];
    const MISSING: &[(&str, &str)] = &[("ignoreMissingFiles", "true")];

    /// A folder of two files of one row each.
    async fn folder(format: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for n in ["1", "2"] {
            let rows = crate::testing::batch("n int", &[&[n]]);
            let path = dir.path().join(format!("written-{n}"));
            let options: &[_] = if format == "parquet" { &[] } else { &[("compression", "gzip")] };
            let request = write_request(&path, WriteMode::ErrorIfExists, &[], options);
            connector(format).write(request, stream_of(rows)).await.unwrap();
            let files = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path());
            let file = files.into_iter().find(|p| p.to_string_lossy().contains("part-")).unwrap();
            let extension = file.extension().unwrap().to_string_lossy().into_owned();
            std::fs::rename(&file, dir.path().join(format!("{n}.{extension}"))).unwrap();
            std::fs::remove_dir_all(&path).unwrap();
        }
        dir
    }

    /// The rows of the folder after `change` has changed the first file of the table, or the class of the error.
    async fn check(format: &str, pairs: &[(&str, &str)], change: fn(&Path), wanted: &str) {
        let dir = folder(format).await;
        let request = read(dir.path(), Some(ddl("n int")), pairs);
        let table = connector(format).table(request).await.unwrap();
        change(&std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).min().unwrap());
        let rows = SessionContext::new().read_table(table).unwrap().collect().await;
        let found = rows.map_or_else(|e| e.to_string(), |rows| lines(&rows).join(","));
        assert!(found.contains(wanted) && !found.is_empty(), "{format} {pairs:?}: {found}");
    }

    #[tokio::test]
    async fn a_file_that_vanishes_is_left_out_only_if_asked_for() {
        let remove: fn(&Path) = |path| std::fs::remove_file(path).unwrap();
        for format in ["csv", "json", "parquet"] {
            check(format, MISSING, remove, "2").await;
            check(format, CORRUPT, remove, "reading file").await;
        }
        check("csv", &[], remove, "vanished after the query had listed it").await;
    }

    #[tokio::test]
    async fn a_corrupt_file_is_left_out_only_if_asked_for() {
        for format in ["csv", "json", "parquet"] {
            for (pairs, wanted) in [(CORRUPT, Some("2")), (MISSING, None), (&[][..], None)] {
                let dir = folder(format).await;
                let first = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).min().unwrap();
                let bytes = std::fs::read(&first).unwrap();
                // The ends of the file stay as they are.
                let damaged = [&bytes[..4], &vec![0xff; bytes.len() - 8], &bytes[bytes.len() - 4..]].concat();
                std::fs::write(&first, damaged).unwrap();
                let found = crate::testing::rows(format, read(dir.path(), Some(ddl("n int")), pairs)).await;
                match wanted {
                    Some(row) => assert_eq!(found, [row], "{format}"),
                    None => {
                        assert!(found[0].starts_with("FAILED_READ_FILE"), "{format} {pairs:?}: {found:?}")
                    }
                }
                let options = [pairs, &[("header", "false"), ("inferSchema", "true")][..]].concat();
                let options = if format == "csv" { &options[..] } else { pairs };
                let names = inferred(format, read(dir.path(), None, options)).await;
                assert_eq!(
                    names.starts_with("FAILED_READ_FILE"),
                    wanted.is_none(),
                    "{format} {pairs:?}: {names}"
                );
            }
        }
    }
}
