//! Tests that a write to a full disk leaves tables unchanged and removes its incomplete files.
//!
//! The disk is full for a child process whose files may not grow beyond a limit: the system refuses
//! its writes as it does on a full disk.

use std::path::Path;
use std::process::{Command, Output};

/// In blocks of 512 bytes.
const FILE_BLOCKS_MAX: u32 = 256;
const ROWS: &str = "SELECT id, md5(CAST(id AS STRING)) AS s FROM range(50000)";

fn sql(data: &Path, limit: bool, text: &str) -> Output {
    let limit = if limit { format!("trap '' XFSZ; ulimit -f {FILE_BLOCKS_MAX}; ") } else { String::new() };
    let script = format!("{limit}exec \"$0\" sql --format csv --data-dir \"$1\" -c \"$2\"");
    let program = env!("CARGO_BIN_EXE_thalweg");
    Command::new("sh").args(["-c", &script, program]).arg(data).arg(text).output().unwrap()
}

fn succeeds(data: &Path, text: &str, wanted: &str) {
    let output = sql(data, false, text);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{text}: {err}");
    assert_eq!(output.status.code(), Some(0), "{text}: {err}");
}

fn fails(data: &Path, text: &str, path: &str) {
    let output = sql(data, true, text);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}: {err}");
    for part in ["error[DISK_FULL] SQLSTATE 53100", path, "hint:"] {
        assert!(err.contains(part), "{text}: no {part} in {err}");
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn a_write_that_fails_leaves_tables_as_they_were() {
    for format in ["csv", "json", "parquet", "delta"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        succeeds(&data, &format!("CREATE TABLE t USING {format} AS SELECT id, 'x' AS s FROM range(10)"), "");
        let before = files(&data.join("warehouse"));
        fails(&data, &format!("INSERT INTO t {ROWS}"), "/t/");
        fails(&data, &format!("INSERT OVERWRITE t {ROWS}"), "/t/");
        assert_eq!(files(&data.join("warehouse")), before, "{format}");
        succeeds(&data, "SELECT count(*) AS n FROM t", "n\n10\n");

        let create = format!("CREATE TABLE u USING {format} AS {ROWS}");
        fails(&data, &create, "/u/");
        assert_eq!(files(&data.join("warehouse")), before, "{format}");
        succeeds(&data, "SHOW TABLES LIKE 'u'", "namespace,tableName,isTemporary\n");
        // The hint of the error works.
        succeeds(&data, &create, "");
        succeeds(&data, "SELECT count(*) AS n FROM u", "n\n50000\n");
        succeeds(&data, &format!("INSERT OVERWRITE t {ROWS}"), "");
        succeeds(&data, "SELECT count(*) AS n FROM t", "n\n50000\n");
    }
}
