//! Tests a disk that is full while a stream runs: the error, the rows that are kept, and that the stream continues.
//!
//! A limit on the size of a file simulates the full disk: it needs no privileges, and the write fails in
//! the same place. The process is started through `ulimit`, with the signal that would kill it ignored.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

/// In units of 512 or 1024 bytes, as the shell counts: less than the large epoch needs either way.
const LIMIT: u32 = 128;
const KEYS_OF_THE_LARGE_EPOCH: u64 = 40_000;

fn thalweg(dir: &Path, limit: Option<u32>, statements: &str) -> Output {
    let start =
        limit.map_or("exec \"$@\"".to_owned(), |n| format!("trap '' XFSZ; ulimit -f {n}; exec \"$@\""));
    let mut command = Command::new("sh");
    command.args(["-c", &start, "sh", env!("CARGO_BIN_EXE_thalweg"), "sql", "--format", "csv", "--data-dir"]);
    command.arg(dir.join("data")).args(["-c", statements]).env("THALWEG_ENGINE__WORKERS", "1");
    command.output().unwrap()
}

/// Two small epochs, one that does not fit, and one more.
fn write_input(folder: &Path) -> u64 {
    std::fs::create_dir(folder).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let mut first = 0;
    for (file, keys) in [10, 10, KEYS_OF_THE_LARGE_EPOCH, 10].into_iter().enumerate() {
        let mut text = "k,v,ts\n".to_owned();
        for key in first..first + keys {
            writeln!(text, "{key}-{:x},{key},2020-01-01T0{file}:00:00Z", random.u128(..)).unwrap();
        }
        first += keys;
        std::fs::write(folder.join(format!("{file}.csv")), text).unwrap();
    }
    first
}

/// Name, query, and what does not fit.
const CASES: [(&str, &str, &str); 2] = [
    ("rows", "SELECT k, v FROM STREAM events", "part-"),
    (
        "state",
        "SELECT k, window.start AS w, sum(v) AS v FROM STREAM events WATERMARK ts DELAY OF INTERVAL 1 DAY \
         GROUP BY k, window(ts, '1 minute')",
        "of the checkpoint in file:",
    ),
];

#[test]
fn a_stream_that_finds_no_room_says_so_loses_nothing_and_goes_on_when_there_is() {
    for (name, query, place) in CASES {
        let dir = tempfile::tempdir().unwrap();
        let keys = write_input(&dir.path().join("in"));
        let create = format!(
            "CREATE TABLE IF NOT EXISTS events (k STRING, v BIGINT, ts TIMESTAMP) USING csv \
             OPTIONS (header 'true', maxFilesPerTrigger '1') LOCATION '{}'; CREATE STREAMING TABLE out AS {query};",
            dir.path().join("in").display()
        );
        let full = thalweg(dir.path(), Some(LIMIT), &create);
        let said = String::from_utf8_lossy(&full.stderr).into_owned();
        assert_eq!(full.status.code(), Some(1), "{name}: {said}");
        for word in ["DISK_FULL", "53100", place, "the limit"] {
            assert!(said.contains(word), "{name}: '{word}' is not in: {said}");
        }
        let sizes = std::fs::read_dir(dir.path().join("data/warehouse/default/out")).unwrap();
        let largest = sizes.map(|f| f.unwrap().metadata().unwrap().len()).max().unwrap();
        assert!(largest < 64 << 10, "{name}: a file of {largest} bytes keeps the disk full");
        let again = thalweg(dir.path(), None, &create);
        assert!(again.status.success(), "{name}: {}", String::from_utf8_lossy(&again.stderr));
        let read = thalweg(dir.path(), None, "SELECT count(*), count(DISTINCT k), sum(v) FROM out");
        let rows = String::from_utf8_lossy(&read.stdout).into_owned();
        let sum = keys * (keys - 1) / 2;
        assert_eq!(rows.lines().nth(1), Some(format!("{keys},{keys},{sum}").as_str()), "{name}: {rows}");
    }
}
