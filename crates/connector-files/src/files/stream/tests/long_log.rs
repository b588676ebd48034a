//! Tests the log of a source over many epochs: its size, what a start reads, and logs of earlier versions.

use super::{WHOLE, open, plan, put, rows};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use thalweg_connectors::stream::Offset;
use thalweg_storage::MetadataLog;

const ONE: [(&str, &str); 1] = [("maxFilesPerTrigger", "1")];

fn store() -> (Arc<InMemory>, MetadataLog) {
    let store = Arc::new(InMemory::new());
    let log = MetadataLog::new(Arc::clone(&store) as _, StorePath::from("sources/0"));
    (store, log)
}

async fn bytes(store: &InMemory) -> u64 {
    let all: Vec<_> = store.list(None).try_collect().await.unwrap();
    all.iter().map(|object| object.size).sum()
}

fn end(entry: u64) -> Offset {
    json!({ "logOffset": entry })
}

/// Writes files and plans, commits and releases an epoch for each.
async fn epochs(dir: &Path, log: &MetadataLog, numbers: std::ops::Range<u64>) {
    for n in numbers.clone() {
        put(dir, &format!("{n:05}.csv"), n, &format!("{n},x\n"));
    }
    let source = open(dir, log, &ONE).await.unwrap();
    let mut start = numbers.start.checked_sub(1).map(end);
    for n in numbers {
        let planned = plan(&source, start.as_ref()).await;
        assert_eq!(planned, Some(end(n)));
        source.release(&end(n)).await.unwrap();
        start = planned;
    }
}

/// A new source finds the files after `last` and no other.
async fn check_resumes(dir: &Path, log: &MetadataLog, last: u64) {
    put(dir, "zzz.csv", 1_000_000, "7,new\n");
    let source = open(dir, log, &[]).await.unwrap();
    let next = plan(&source, Some(&end(last))).await.unwrap();
    assert_eq!(rows(&source, Some(&end(last)), &next, WHOLE).await, ["7|new"], "after {last}");
}

#[tokio::test]
async fn the_log_of_many_epochs_is_small_and_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = store();
    let mut next = 0;
    for until in [1, 31, 32, 33, 64, 100, 1023, 1024, 1056, 1100] {
        epochs(dir.path(), &log, next..until).await;
        next = until;
        // At most two blocks of entries, and one and a half sets of the blocks of each level.
        let names = log.names().await.unwrap();
        assert!(names.len() <= 64 + 31 + 32 + 2, "{until}: {names:?}");
        let copy = copy(&store).await;
        check_resumes(dir.path(), &copy, until - 1).await;
        std::fs::remove_file(dir.path().join("zzz.csv")).unwrap();
    }
    // 24 bytes for each file in two levels, and the entries that are left.
    assert!(bytes(&store).await < 2 * 24 * 1100 + 70 * 250 + 4096, "{}", bytes(&store).await);
}

async fn copy(store: &InMemory) -> MetadataLog {
    let (copy, log) = self::store();
    let all: Vec<_> = store.list(None).try_collect().await.unwrap();
    for object in all {
        let content = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copy.put(&object.location, content.into()).await.unwrap();
    }
    log
}

#[tokio::test]
async fn a_run_that_ended_before_a_summary_was_written_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = store();
    for n in 0..70 {
        put(dir.path(), &format!("{n:05}.csv"), n, "1,x\n");
    }
    let source = open(dir.path(), &log, &ONE).await.unwrap();
    let mut start = None;
    for _ in 0..70 {
        start = plan(&source, start.as_ref()).await;
    }
    assert_eq!(log.names().await.unwrap().len(), 70);
    check_resumes(dir.path(), &copy(&store).await, 69).await;
    std::fs::remove_file(dir.path().join("zzz.csv")).unwrap();
    // The next run commits one epoch more.
    epochs(dir.path(), &log, 70..71).await;
    assert!(log.names().await.unwrap().len() <= 64, "{:?}", log.names().await);
    check_resumes(dir.path(), &log, 70).await;
}

#[tokio::test]
async fn the_log_of_an_earlier_version_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_, log) = store();
    let path = |n: u64| dir.path().join(format!("{n:05}.csv")).display().to_string();
    for n in 0..205u64 {
        put(dir.path(), &format!("{n:05}.csv"), n, &format!("{n},x\n"));
        let file = json!({"path": path(n), "size_bytes": 8, "modified_us": n * 1_000_000, "folders": []});
        let mut entry = json!({ "files": [file] });
        if n % 100 == 99 {
            entry["seen"] = (0..=n).map(path).collect();
        }
        // What is before the last summary is not read.
        let text = if n < 199 { "unread".to_owned() } else { entry.to_string() };
        log.create_or_get(n, text.into()).await.unwrap();
    }
    check_resumes(dir.path(), &log, 204).await;
    assert_eq!(log.names().await.unwrap().len(), 206);
}

#[tokio::test]
async fn the_log_of_an_earlier_version_gets_summaries() {
    let dir = tempfile::tempdir().unwrap();
    let (_, log) = store();
    let path = |n: u64| dir.path().join(format!("{n:05}.csv")).display().to_string();
    for n in 0..105u64 {
        put(dir.path(), &format!("{n:05}.csv"), n, &format!("{n},x\n"));
        let file = json!({"path": path(n), "size_bytes": 8, "modified_us": n * 1_000_000, "folders": []});
        let mut entry = json!({ "files": [file] });
        if n % 100 == 99 {
            entry["seen"] = (0..=n).map(path).collect();
        }
        log.create_or_get(n, entry.to_string().into()).await.unwrap();
    }
    epochs(dir.path(), &log, 105..106).await;
    assert!(log.names().await.unwrap().len() <= 3 + 32 + 32, "{:?}", log.names().await);
    check_resumes(dir.path(), &log, 105).await;
}

#[tokio::test]
async fn the_keys_of_a_log_cannot_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (_, log) = store();
    epochs(dir.path(), &log, 0..40).await;
    let source = open(dir.path(), &log, &[("fileNameOnly", "true")]).await.unwrap();
    let error = source.plan(Some(&end(39))).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_STATE_INCOMPATIBLE");
    assert!(error.message().contains("fileNameOnly=false"), "{error}");
}

#[tokio::test]
async fn damage_of_the_log_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = store();
    epochs(dir.path(), &log, 0..70).await;
    let name = StorePath::from("sources/0/seen-01-00000000000000000000");
    store.put(&name, "thwseen1".into()).await.unwrap();
    let source = open(dir.path(), &log, &[]).await.unwrap();
    assert_eq!(source.plan(Some(&end(69))).await.unwrap_err().class(), "CHECKPOINT_CORRUPT");
}
