//! Tests the file source: plans, replays, limits, the log, and bad files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_files;
mod long_log;

use crate::testing::{connector, ddl, lines, read};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use thalweg_common::Result;
use thalweg_connectors::stream::{Offset, StreamSource, Subtask};
use thalweg_storage::MetadataLog;

const WHOLE: Subtask = Subtask { index: 0, parallelism: 1 };

fn log() -> MetadataLog {
    MetadataLog::new(Arc::new(InMemory::new()), StorePath::from("sources/0"))
}

async fn open(path: &Path, log: &MetadataLog, pairs: &[(&str, &str)]) -> Result<Arc<dyn StreamSource>> {
    connector("csv").source(read(path, Some(ddl("n int, s string")), pairs), log.clone()).await
}

/// Writes a file whose time of change is that many seconds after the epoch.
fn put(dir: &Path, name: &str, seconds: u64, content: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Plans with a look at the folder, as for a caller that waits for all that is available.
async fn plan(source: &Arc<dyn StreamSource>, start: Option<&Offset>) -> Option<Offset> {
    source.look_now();
    source.plan(start).await.unwrap()
}

async fn rows(
    source: &Arc<dyn StreamSource>,
    start: Option<&Offset>,
    end: &Offset,
    subtask: Subtask,
) -> Vec<String> {
    let batches = match source.read(start, end, subtask).await {
        Ok(batches) => batches.try_collect::<Vec<_>>().await,
        Err(e) => Err(e),
    };
    batches.map_or_else(|e| vec![e.class().to_owned()], |b| lines(&b))
}

#[tokio::test]
async fn new_files_become_epochs_in_the_order_of_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    let source = open(dir.path(), &log, &[]).await.unwrap();
    assert_eq!(plan(&source, None).await, None);
    put(dir.path(), "b.csv", 1, "1,b\n");
    put(dir.path(), "a.csv", 2, "2,a\n");
    put(dir.path(), "_writing.csv", 1, "9,x\n");
    put(dir.path(), ".hidden.csv", 1, "9,x\n");
    let first = plan(&source, None).await.unwrap();
    assert_eq!(first, json!({"logOffset": 0}));
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["1|b", "2|a"]);
    assert_eq!(plan(&source, Some(&first)).await, None);

    put(dir.path(), "c.csv", 1, "3,c\n");
    let second = plan(&source, Some(&first)).await.unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["3|c"]);
    assert_eq!(rows(&source, None, &second, WHOLE).await, ["1|b", "2|a", "3|c"]);
    let halves = [Subtask { index: 0, parallelism: 2 }, Subtask { index: 1, parallelism: 2 }];
    assert_eq!(rows(&source, None, &second, halves[0]).await, ["1|b", "3|c"]);
    assert_eq!(rows(&source, None, &second, halves[1]).await, ["2|a"]);

    // A new generation plans the same epochs again and knows what was read.
    let again = open(dir.path(), &log, &[("maxFilesPerTrigger", "1")]).await.unwrap();
    assert_eq!(plan(&again, None).await, Some(first.clone()));
    assert_eq!(rows(&again, None, &first, WHOLE).await, ["1|b", "2|a"]);
    assert_eq!(plan(&again, Some(&second)).await, None);
    assert_eq!(again.latest().await.unwrap(), Some(second));
}

#[tokio::test]
async fn an_epoch_takes_no_more_than_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..4 {
        put(dir.path(), &format!("{n}.csv"), n, &format!("{n},x\n"));
    }
    let source = open(dir.path(), &log(), &[("maxFilesPerTrigger", "3")]).await.unwrap();
    let first = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["0|x", "1|x", "2|x"]);
    source.freeze().await.unwrap();
    put(dir.path(), "5.csv", 9, "5,x\n");
    let second = plan(&source, Some(&first)).await.unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["3|x"]);
    assert_eq!(plan(&source, Some(&second)).await, None);
}

#[tokio::test]
async fn an_epoch_that_is_the_only_one_takes_everything() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv", 2, "2,b\n");
    for limit in ["maxFilesPerTrigger", "maxBytesPerTrigger"] {
        let source = open(dir.path(), &log(), &[(limit, "1")]).await.unwrap();
        source.ignore_limits();
        let end = plan(&source, None).await.unwrap();
        assert_eq!(rows(&source, None, &end, WHOLE).await, ["1|a", "2|b"], "{limit}");
    }
}

#[tokio::test]
async fn two_planners_agree_on_every_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    let old = open(dir.path(), &log, &[]).await.unwrap();
    let new = open(dir.path(), &log, &[]).await.unwrap();
    let planned = plan(&old, None).await.unwrap();
    put(dir.path(), "b.csv", 2, "2,b\n");
    assert_eq!(plan(&new, None).await, Some(planned.clone()));
    assert_eq!(rows(&new, None, &planned, WHOLE).await, ["1|a"]);
    let next = plan(&new, Some(&planned)).await.unwrap();
    assert_eq!(plan(&old, Some(&planned)).await, Some(next.clone()));
    assert_eq!(rows(&old, Some(&planned), &next, WHOLE).await, ["2|b"]);
}

#[tokio::test]
async fn a_file_that_changes_or_vanishes_is_an_error_that_names_it() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |p| std::fs::remove_file(p).unwrap(),
        |p| std::fs::write(p, "1,a\n2,b\n").unwrap(),
        |p| {
            let file = std::fs::File::options().write(true).open(p).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(99)).unwrap();
        },
    ];
    for change in changes {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "a.csv", 1, "1,a\n");
        let source = open(dir.path(), &log(), &[]).await.unwrap();
        let end = plan(&source, None).await.unwrap();
        change(&dir.path().join("a.csv"));
        let error = source.read(None, &end, WHOLE).await.unwrap().try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.class(), "STREAM_SOURCE_FILE_CHANGED");
        assert!(error.message().contains("a.csv"), "{error}");
    }
}

#[tokio::test]
async fn folders_give_columns_and_options_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "k=1/a.csv", 1, "1,a\n");
    let source = open(dir.path(), &log(), &[]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &end, WHOLE).await, ["1|a|1"]);
    let class =
        async |pairs: &[(&str, &str)]| open(dir.path(), &log(), pairs).await.unwrap_err().class().to_owned();
    assert_eq!(class(&[("maxFilesPerTrigger", "0")]).await, "INVALID_OPTION_VALUE");
    for pairs in [
        &[("cleanSource", "burn")][..],
        &[("cleanSource", "archive")],
        &[("sourceArchiveDir", "/archive")],
        &[("cleanSource", "delete"), ("sourceArchiveDir", "/archive")],
        &[("cleanSource", "archive"), ("sourceArchiveDir", &dir.path().join("below").to_string_lossy())],
    ] {
        assert_eq!(class(pairs).await, "INVALID_OPTION_VALUE", "{pairs:?}");
    }
    assert_eq!(class(&[("minFileAge", "soon")]).await, "INVALID_OPTION_VALUE");
    assert_eq!(class(&[("skipFiles", "[x]")]).await, "INVALID_OPTION_VALUE");
    let newest_first = [("maxFileAge", "7d"), ("latestFirst", "true"), ("maxFilesPerTrigger", "1")];
    assert_eq!(class(&newest_first).await, "INVALID_OPTION_VALUE");
    assert_eq!(open(&dir.path().join("no"), &log(), &[]).await.unwrap_err().class(), "PATH_NOT_FOUND");
}

#[tokio::test]
async fn the_newest_files_come_first_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3 {
        put(dir.path(), &format!("{n}.csv"), n, &format!("{n},x\n"));
    }
    let pairs = [("maxFilesPerTrigger", "2"), ("latestFirst", "true")];
    let source = open(dir.path(), &log(), &pairs).await.unwrap();
    let first = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["2|x", "1|x"]);
    let second = plan(&source, Some(&first)).await.unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["0|x"]);
}

#[tokio::test]
async fn a_file_is_known_by_its_name_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "k=1/a.csv", 1, "1,a\n");
    put(dir.path(), "k=2/a.csv", 2, "2,a\n");
    let log = log();
    let source =
        open(dir.path(), &log, &[("fileNameOnly", "true"), ("maxFilesPerTrigger", "1")]).await.unwrap();
    let first = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["1|a|1"]);
    assert_eq!(plan(&source, Some(&first)).await, None);
}

#[tokio::test]
async fn files_that_are_much_older_than_the_newest_one_are_left_out() {
    const DAY: u64 = 24 * 3600;
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.csv", 10 * DAY, "1,a\n");
    put(dir.path(), "old.csv", DAY, "0,old\n");
    let log = log();
    let source = open(dir.path(), &log, &[("maxFileAge", "7d")]).await.unwrap();
    // As in Spark, all files of the first epoch count.
    let first = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["0|old", "1|a"]);
    put(dir.path(), "older.csv", 2 * DAY, "2,older\n");
    put(dir.path(), "late.csv", 4 * DAY, "3,late\n");
    let second = plan(&source, Some(&first)).await.unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["3|late"]);
    assert_eq!(plan(&source, Some(&second)).await, None);
}

#[tokio::test]
async fn all_subtasks_read_a_large_file() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..2_000_000).map(|n| format!("{n},some text that is not short\n")).collect();
    assert!(lines.len() > 3 * (16 << 20));
    put(dir.path(), "large.csv", 1, &lines);
    put(dir.path(), "small.csv", 2, "-1,small\n");
    let source = open(dir.path(), &log(), &[]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    let mut all = vec![];
    for index in 0..2 {
        let subtask = Subtask { index, parallelism: 2 };
        let own = rows(&source, None, &end, subtask).await;
        assert!(own.len() > 500_000, "{index}: {}", own.len());
        assert_eq!(rows(&source, None, &end, subtask).await, own, "a replay has another order");
        all.extend(own);
    }
    let number = |row: &String| row.split('|').next().unwrap().parse::<i64>().unwrap();
    all.sort_by_key(number);
    assert!(all.iter().map(number).eq(-1..2_000_000));
}

#[tokio::test]
async fn committed_files_are_deleted_or_archived_if_asked_for() {
    let archive = tempfile::tempdir().unwrap();
    let folder = archive.path().to_string_lossy().into_owned();
    let to_archive = [("cleanSource", "archive"), ("sourceArchiveDir", folder.as_str())];
    for (pairs, is_archived) in [(&[("cleanSource", "delete")][..], false), (&to_archive, true)] {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.csv", "k/b.csv", "changed.csv"] {
            put(dir.path(), name, 1, "1,a\n");
        }
        let pairs = [pairs, &[("recursiveFileLookup", "true")]].concat();
        let source = open(dir.path(), &log(), &pairs).await.unwrap();
        let first = plan(&source, None).await.unwrap();
        assert_eq!(rows(&source, None, &first, WHOLE).await.len(), 3);
        put(dir.path(), "changed.csv", 2, "not read\n");
        put(dir.path(), "new.csv", 2, "2,b\n");
        source.release(&first).await.unwrap();
        let exists =
            ["a.csv", "k/b.csv", "changed.csv", "new.csv"].map(|name| dir.path().join(name).exists());
        assert_eq!(exists, [false, false, true, true], "{pairs:?}");
        let archived = archive.path().join(dir.path().strip_prefix("/").unwrap());
        let exists = ["a.csv", "k/b.csv", "changed.csv"].map(|name| archived.join(name).exists());
        assert_eq!(exists, [is_archived, is_archived, false], "{pairs:?}");
        // The next epochs clean theirs.
        let second = plan(&source, Some(&first)).await.unwrap();
        assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["2|b"]);
        source.release(&second).await.unwrap();
        assert!(!dir.path().join("new.csv").exists());
    }
}
