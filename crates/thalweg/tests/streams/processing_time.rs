//! The current time of an epoch that was planned by a process that died: the plan's, not the clock's.

use std::path::Path;
use std::process::{Command, Output};

fn thalweg(dir: &Path, fault: Option<&str>, statements: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(["sql", "--format", "csv", "--data-dir"]).arg(dir.join("data")).args(["-c", statements]);
    command.env_remove("THALWEG_FAULT").env("THALWEG_ENGINE__WORKERS", "3");
    if let Some(fault) = fault {
        command.env("THALWEG_FAULT", fault);
    }
    command.output().unwrap()
}

/// The processing time in the plan of an epoch, in microseconds: the record's first line is its checksum.
fn planned_us(dir: &Path, epoch: u64) -> Option<i64> {
    let path = dir.join(format!("data/checkpoints/default/out/plans/{epoch:020}"));
    let text = std::fs::read_to_string(path).ok()?;
    let plan: serde_json::Value = serde_json::from_str(text.split_once('\n')?.1).unwrap();
    plan["processing_time_us"].as_i64()
}

/// Rows of (file, microseconds, seconds, whether the other functions agree), each once.
fn times(dir: &Path) -> Vec<String> {
    let read = thalweg(
        dir,
        None,
        "SELECT DISTINCT f, unix_micros(at), unix_micros(at) div 1000000 = u AND d = to_date(at) AND l = at FROM out",
    );
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let mut lines: Vec<_> =
        String::from_utf8_lossy(&read.stdout).lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn an_epoch_that_is_done_again_by_another_process_has_the_time_of_its_plan() {
    for fault in ["kill@plan.written:2", "kill@sink.staged:4", "kill@sink.commit:2"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        for file in 0..4 {
            let rows: String = (0..50).map(|_| format!("{file}\n")).collect();
            std::fs::write(dir.path().join(format!("in/{file}.csv")), format!("f\n{rows}")).unwrap();
        }
        let job = format!(
            "CREATE TABLE IF NOT EXISTS events (f INT) USING csv \
             OPTIONS (header 'true', maxFilesPerTrigger '1') LOCATION '{}'; \
             CREATE STREAMING TABLE out AS SELECT f, current_timestamp() AS at, current_date() AS d, \
             localtimestamp() AS l, unix_timestamp() AS u FROM STREAM events;",
            dir.path().join("in").display()
        );
        let killed = thalweg(dir.path(), Some(fault), &job);
        assert_eq!(killed.status.code(), None, "{fault}: {}", String::from_utf8_lossy(&killed.stderr));
        let planned: Vec<i64> = (0..4).map_while(|epoch| planned_us(dir.path(), epoch)).collect();
        assert!(!planned.is_empty(), "{fault}: nothing was planned");
        let again = thalweg(dir.path(), None, &job);
        assert!(again.status.success(), "{fault}: {}", String::from_utf8_lossy(&again.stderr));
        let found = times(dir.path());
        assert_eq!(found.len(), 4, "{fault}: one time for each file: {found:?}");
        for (file, us) in planned.iter().enumerate() {
            assert_eq!(found[file], format!("{file},{us},true"), "{fault}");
        }
    }
}
