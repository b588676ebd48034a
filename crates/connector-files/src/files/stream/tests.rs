//! Tests the file source: plans, replays, limits, and files that change while the stream reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
    assert_eq!(source.plan(None).await.unwrap(), None);
    put(dir.path(), "b.csv", 1, "1,b\n");
    put(dir.path(), "a.csv", 2, "2,a\n");
    put(dir.path(), "_writing.csv", 1, "9,x\n");
    put(dir.path(), ".hidden.csv", 1, "9,x\n");
    let first = source.plan(None).await.unwrap().unwrap();
    assert_eq!(first, json!({"logOffset": 0}));
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["1|b", "2|a"]);
    assert_eq!(source.plan(Some(&first)).await.unwrap(), None);

    put(dir.path(), "c.csv", 1, "3,c\n");
    let second = source.plan(Some(&first)).await.unwrap().unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["3|c"]);
    assert_eq!(rows(&source, None, &second, WHOLE).await, ["1|b", "2|a", "3|c"]);
    let halves = [Subtask { index: 0, parallelism: 2 }, Subtask { index: 1, parallelism: 2 }];
    assert_eq!(rows(&source, None, &second, halves[0]).await, ["1|b", "3|c"]);
    assert_eq!(rows(&source, None, &second, halves[1]).await, ["2|a"]);

    // A new generation plans the same epochs again and knows what was read.
    let again = open(dir.path(), &log, &[("maxFilesPerTrigger", "1")]).await.unwrap();
    assert_eq!(again.plan(None).await.unwrap(), Some(first.clone()));
    assert_eq!(rows(&again, None, &first, WHOLE).await, ["1|b", "2|a"]);
    assert_eq!(again.plan(Some(&second)).await.unwrap(), None);
    assert_eq!(again.latest().await.unwrap(), Some(second));
}

#[tokio::test]
async fn an_epoch_takes_no_more_than_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..4 {
        put(dir.path(), &format!("{n}.csv"), n, &format!("{n},x\n"));
    }
    let source = open(dir.path(), &log(), &[("maxFilesPerTrigger", "3")]).await.unwrap();
    let first = source.plan(None).await.unwrap().unwrap();
    assert_eq!(rows(&source, None, &first, WHOLE).await, ["0|x", "1|x", "2|x"]);
    source.freeze().await.unwrap();
    put(dir.path(), "5.csv", 9, "5,x\n");
    let second = source.plan(Some(&first)).await.unwrap().unwrap();
    assert_eq!(rows(&source, Some(&first), &second, WHOLE).await, ["3|x"]);
    assert_eq!(source.plan(Some(&second)).await.unwrap(), None);
}

#[tokio::test]
async fn a_long_log_is_summarised() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    let source = open(dir.path(), &log, &[("maxFilesPerTrigger", "1")]).await.unwrap();
    for n in 0..250 {
        put(dir.path(), &format!("{n:03}.csv"), n, &format!("{n},x\n"));
    }
    let mut end = None;
    for n in 0..205u64 {
        end = source.plan(end.as_ref()).await.unwrap();
        assert_eq!(end, Some(json!({"logOffset": n})));
    }
    // The entries before the summary do not exist in the copy, so reading them would fail.
    let store = Arc::new(InMemory::new());
    let copy = MetadataLog::new(Arc::clone(&store) as _, StorePath::from("sources/0"));
    for n in 199..205 {
        copy.create_or_get(n, log.get(n).await.unwrap().unwrap()).await.unwrap();
    }
    let again = open(dir.path(), &copy, &[]).await.unwrap();
    let next = again.plan(end.as_ref()).await.unwrap().unwrap();
    assert_eq!(rows(&again, end.as_ref(), &next, WHOLE).await.len(), 45);
}

#[tokio::test]
async fn two_planners_agree_on_every_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    let old = open(dir.path(), &log, &[]).await.unwrap();
    let new = open(dir.path(), &log, &[]).await.unwrap();
    let planned = old.plan(None).await.unwrap().unwrap();
    put(dir.path(), "b.csv", 2, "2,b\n");
    assert_eq!(new.plan(None).await.unwrap(), Some(planned.clone()));
    assert_eq!(rows(&new, None, &planned, WHOLE).await, ["1|a"]);
    let next = new.plan(Some(&planned)).await.unwrap().unwrap();
    assert_eq!(old.plan(Some(&planned)).await.unwrap(), Some(next.clone()));
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
        let end = source.plan(None).await.unwrap().unwrap();
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
    let end = source.plan(None).await.unwrap().unwrap();
    assert_eq!(rows(&source, None, &end, WHOLE).await, ["1|a|1"]);
    let class =
        async |pairs: &[(&str, &str)]| open(dir.path(), &log(), pairs).await.unwrap_err().class().to_owned();
    assert_eq!(class(&[("maxFilesPerTrigger", "0")]).await, "INVALID_OPTION_VALUE");
    assert_eq!(class(&[("cleanSource", "delete")]).await, "INVALID_OPTION_VALUE");
    assert_eq!(class(&[("maxFileAge", "7d")]).await, "UNSUPPORTED_OPTION");
    assert_eq!(open(&dir.path().join("no"), &log(), &[]).await.unwrap_err().class(), "PATH_NOT_FOUND");
}
