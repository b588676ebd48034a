//! Tests that bad input ends in an error that names the fault, its place and a remedy, with the documented exit code.

use std::path::Path;
use std::process::Command;

fn sql(folder: &Path, text: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(["sql", "--format", "csv", "--data-dir", "data", "-c", text]).current_dir(folder);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The one file below a folder that has the ending.
fn file(folder: &Path, ending: &str) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.find(|p| p.to_string_lossy().ends_with(ending)).unwrap()
}

struct Case {
    /// Statements that make what is read.
    before: &'static str,
    /// What breaks it.
    damage: fn(&Path),
    run: &'static str,
    /// The class, the SQLSTATE, the path, and the start of what to do.
    stderr: [&'static str; 4],
}

const PARQUET: &str = "CREATE TABLE p USING parquet AS SELECT id, CAST(id AS STRING) AS s FROM range(1000)";
const DELTA: &str = "CREATE TABLE d USING delta AS SELECT id FROM range(10)";
const P: &str = "data/warehouse/default/p";
const D: &str = "data/warehouse/default/d";

fn nothing(_: &Path) {}

fn cut(path: &Path, bytes: usize) {
    let content = std::fs::read(path).unwrap();
    std::fs::write(path, &content[..bytes]).unwrap();
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    std::fs::write(folder.join(name), content).unwrap();
}

const CASES: &[Case] = &[
    Case {
        before: "",
        damage: nothing,
        run: "SELECT * FROM 'none.csv'",
        stderr: ["PATH_NOT_FOUND", "42K03", "none.csv", "hint: The folder"],
    },
    Case {
        before: "",
        damage: |f| std::fs::create_dir(f.join("empty")).unwrap(),
        run: "SELECT * FROM csv.`empty`",
        stderr: ["UNABLE_TO_INFER_SCHEMA", "42KD9", "CSV", "hint: No data file"],
    },
    Case {
        before: PARQUET,
        damage: |f| cut(&file(&f.join(P), ".parquet"), 500),
        run: "SELECT count(s) FROM p",
        stderr: [
            "FAILED_READ_FILE",
            "KD001",
            "warehouse/default/p/part-",
            "hint: Is it a complete Parquet file?",
        ],
    },
    Case {
        before: PARQUET,
        damage: nothing,
        run: "CREATE TABLE q (id DATE) USING parquet LOCATION 'data/warehouse/default/p'; SELECT * FROM q",
        stderr: [
            "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
            "Expected Spark type date, actual Parquet type bigint",
            "part-",
            "hint: Declare the column as bigint",
        ],
    },
    Case {
        before: DELTA,
        damage: nothing,
        run: "INSERT INTO d SELECT 'x' AS id, 1 AS more",
        stderr: ["INSERT_COLUMN_ARITY_MISMATCH", "21S01", "d", ""],
    },
    Case {
        before: DELTA,
        damage: nothing,
        run: "INSERT INTO d SELECT 'x' AS id",
        stderr: ["CAST_INVALID_INPUT", "22018", "'x'", ""],
    },
    Case {
        before: DELTA,
        damage: |f| std::fs::remove_file(file(&f.join(D), ".parquet")).unwrap(),
        run: "SELECT * FROM d",
        stderr: ["FAILED_READ_FILE", "KD001", "warehouse/default/d/part-", ""],
    },
    Case {
        before: DELTA,
        damage: |f| cut(&f.join(D).join("_delta_log/00000000000000000000.json"), 100),
        run: "SELECT * FROM d",
        stderr: ["DELTA_", "", "warehouse/default/d", ""],
    },
    Case {
        before: "",
        damage: |f| write(f, "a.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c"),
        run: "SELECT * FROM 'a.csv.gz'",
        stderr: ["FAILED_READ_FILE", "KD001", "a.csv.gz", "hint: Is it a complete gzip file?"],
    },
    Case {
        before: "",
        damage: |f| write(f, "a.csv", b"n,s\n1,caf\xe9\n"),
        run: "CREATE TEMPORARY VIEW v (n INT, s STRING) USING csv \
              OPTIONS (path 'a.csv', header 'true', mode 'FAILFAST'); SELECT * FROM v",
        stderr: ["MALFORMED_RECORD_IN_PARSING", "22023", "a.csv, line 2", ""],
    },
    Case {
        before: "",
        damage: |f| write(f, "a.csv", b"n,s\n1,\"caf\xe9\n\"\n"),
        run: "CREATE TEMPORARY VIEW v (n INT, s STRING) USING csv OPTIONS (path 'a.csv', multiLine 'true'); \
              SELECT * FROM v",
        stderr: ["MALFORMED_CHARACTER_CODING", "22021", "a.csv", "hint: Name the file's encoding"],
    },
    Case {
        before: "",
        damage: |f| write(f, "a.csv", b"n\n1\n"),
        run: "CREATE TEMPORARY VIEW v USING csv OPTIONS (path 'a.csv', hedaer 'true'); SELECT * FROM v",
        stderr: ["UNSUPPORTED_OPTION", "0A000", "`hedaer`", "hint: Did you mean header?"],
    },
];

#[test]
fn what_is_wrong_is_named() {
    let mut wrong = Vec::new();
    for case in CASES {
        let dir = tempfile::tempdir().unwrap();
        if !case.before.is_empty() {
            assert_eq!(sql(dir.path(), case.before).0, Some(0), "{}", case.before);
        }
        (case.damage)(dir.path());
        let (code, out, err) = sql(dir.path(), case.run);
        let missing: Vec<_> = case.stderr.iter().filter(|part| !err.contains(**part)).collect();
        if code != Some(1) || !out.is_empty() || !missing.is_empty() {
            wrong.push(format!(
                "{} ended with {code:?}\n  out {out}\n  err {err}\n  without {missing:?}",
                case.run
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
