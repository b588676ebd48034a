//! A bad file ends a streaming job, and the next process goes on once the file was repaired, removed or skipped, or has
//! stopped growing: each row of the other files is there once.

use std::path::Path;
use std::process::{Command, Output};

fn thalweg(dir: &Path, fault: Option<&str>, statements: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(["sql", "--format", "csv", "--data-dir"]).arg(dir.join("data")).args(["-c", statements]);
    command.env_remove("THALWEG_FAULT").env("THALWEG_ENGINE__WORKERS", "2");
    if let Some(fault) = fault {
        command.env("THALWEG_FAULT", fault);
    }
    command.output().unwrap()
}

fn put(dir: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(dir.join("in")).unwrap();
    std::fs::write(dir.join("in").join(name), text).unwrap();
}

/// Reads one file in an epoch, oldest first, into the table `out`.
fn job(dir: &Path, more: &str) -> String {
    format!(
        "DROP TABLE IF EXISTS events; CREATE TABLE events (n INT) USING csv \
         OPTIONS (mode 'FAILFAST', maxFilesPerTrigger '1'{more}) LOCATION '{}'; \
         CREATE STREAMING TABLE out AS SELECT n FROM STREAM events;",
        dir.join("in").display()
    )
}

fn rows(dir: &Path) -> Vec<i64> {
    let read = thalweg(dir, None, "SELECT n FROM out ORDER BY n");
    let text = String::from_utf8(read.stdout).unwrap();
    text.lines().skip(1).map(|line| line.parse().unwrap()).collect()
}

/// Three files, of which the second cannot be read; the first run has failed at it.
fn failed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("0.csv", "0\n10\n"), ("1.csv", "1\nbad\n"), ("2.csv", "2\n")] {
        put(dir.path(), name, text);
        let file = std::fs::File::options().write(true).open(dir.path().join("in").join(name)).unwrap();
        let hour = name[..1].parse::<u64>().unwrap() + 1;
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(hour * 3600)).unwrap();
    }
    let run = thalweg(dir.path(), None, &job(dir.path(), ""));
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success(), "{told}");
    assert!(told.contains("1.csv") && told.contains("skipFiles"), "{told}");
    // The epoch before may have been committed or not.
    let found = rows(dir.path());
    assert!(found.is_empty() || found == [0, 10], "{found:?}");
    dir
}

type Change = fn(&Path);

#[test]
fn a_job_goes_on_when_its_bad_file_was_repaired_removed_or_skipped() {
    let cases: [(&str, Change, &str, &[i64]); 3] = [
        ("repaired", |dir| put(dir, "1.csv", "1\n11\n"), "", &[0, 1, 2, 10, 11]),
        ("removed", |dir| std::fs::remove_file(dir.join("in/1.csv")).unwrap(), "", &[0, 2, 10]),
        ("skipped", |_| (), ", skipFiles '1.csv'", &[0, 2, 10]),
    ];
    for (name, change, more, wanted) in cases {
        let dir = failed();
        let again = thalweg(dir.path(), None, &job(dir.path(), ""));
        assert!(!again.status.success(), "{name}: the file is as bad as before");
        change(dir.path());
        // A process that dies in the epoch of the file changes nothing about what the next one reads.
        for fault in ["kill@sink.staged:2", "kill@manifest.written:2", "kill@sink.committed:2"] {
            let run = thalweg(dir.path(), Some(fault), &job(dir.path(), more));
            let told = String::from_utf8_lossy(&run.stderr).into_owned();
            assert!(run.status.success() || run.status.code().is_none(), "{name} {fault}: {told}");
        }
        let done = thalweg(dir.path(), None, &job(dir.path(), more));
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(rows(dir.path()), wanted, "{name}");
    }
}

#[test]
fn a_file_that_grows_after_it_was_planned_is_read_as_a_whole() {
    for fault in ["kill@plan.written:1", "kill@sink.staged:1", "kill@manifest.written:1"] {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "0.csv", "0\n1\n");
        let killed = thalweg(dir.path(), Some(fault), &job(dir.path(), ""));
        assert_eq!(killed.status.code(), None, "{fault}: {}", String::from_utf8_lossy(&killed.stderr));
        put(dir.path(), "0.csv", "0\n1\n2\n3\n");
        let done = thalweg(dir.path(), None, &job(dir.path(), ""));
        assert!(done.status.success(), "{fault}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(rows(dir.path()), [0, 1, 2, 3], "{fault}");
    }
}
