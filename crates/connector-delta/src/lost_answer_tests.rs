//! Tests commits whose answer is lost or whose sync fails, in batches and in streams.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::log::{FOLDER, Log, LogSteps};
use crate::{Delta, batch, sink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, Result};
use thalweg_connector_testing::{lines, query, read, sink_request, stream_of, write_request};
use thalweg_connectors::stream::{Commit, StreamSink};
use thalweg_connectors::{OutputMode, WriteMode};
use thalweg_storage::durable;

const WRITE_FAILED: &str = "FAILED_WRITE_FILE";

/// What happens to the next entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is created, and the answer is an error: a sync that failed once, or a link whose answer was lost.
    CreatedButFailed,
    /// It is created, and the answer is that there is one: a link that was sent twice.
    CreatedButTaken,
    /// It is created, and its folder can't be synced, now or later.
    NeverSynced,
    /// It is created with other bytes, so that nobody can say whose it is.
    Unreadable,
    /// It is not created.
    NotCreated,
}

#[derive(Debug)]
struct FaultySteps {
    fault: Fault,
    armed: AtomicBool,
}

fn failed(path: &Path) -> Error {
    durable::write_failed(path, &std::io::Error::other("injected"))
}

impl LogSteps for FaultySteps {
    fn create(&self, entry: &Path, bytes: &[u8]) -> Result<bool> {
        if !self.armed.swap(false, Ordering::SeqCst) {
            return durable::create_new(entry, bytes);
        }
        let written = match self.fault {
            Fault::NotCreated => return Err(failed(entry)),
            Fault::Unreadable => b"{\"half".as_slice(),
            _ => bytes,
        };
        assert!(durable::create_new(entry, written).unwrap());
        if self.fault == Fault::CreatedButTaken { Ok(false) } else { Err(failed(entry)) }
    }

    fn sync(&self, folder: &Path) -> Result<()> {
        if self.fault == Fault::NeverSynced { Err(failed(folder)) } else { durable::sync_folder(folder) }
    }
}

/// A log with a fault, which is injected into the entry after those that are created while it is not armed.
fn faulty(path: &Path, fault: Fault) -> (Log, Arc<FaultySteps>) {
    let steps = Arc::new(FaultySteps { fault, armed: AtomicBool::new(false) });
    (Log::with_steps(path.to_owned(), Arc::clone(&steps) as _), steps)
}

fn class<T>(result: &Result<T>) -> &str {
    result.as_ref().err().map_or("", Error::class)
}

fn count(folder: &Path, end: &str) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(end)).count()
}

async fn numbers(path: &Path) -> Vec<String> {
    lines(&query(&Delta, read(path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap())
}

async fn write(log: &Log, mode: WriteMode, n: &str) -> Result<u64> {
    let request = write_request(&log.root, mode, &[], &[]);
    let rows = thalweg_connector_testing::batch("n int", &[&[n]]);
    batch::write(log.clone(), request, stream_of(rows)).await.map(|report| report.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_write_is_committed_once_and_keeps_the_files_of_its_version() {
    // The class of the error; the rows after an append and after an overwrite; files and entries.
    let cases = [
        (Fault::CreatedButFailed, "", Some((&["0", "1"] as &[&str], &["1"] as &[&str])), (2, 2)),
        (Fault::CreatedButTaken, "", Some((&["0", "1"], &["1"])), (2, 2)),
        (Fault::NeverSynced, WRITE_FAILED, Some((&["0", "1"], &["1"])), (2, 2)),
        (Fault::Unreadable, WRITE_FAILED, None, (2, 2)),
        (Fault::NotCreated, WRITE_FAILED, Some((&["0"], &["0"])), (1, 1)),
    ];
    for (fault, error, rows, (files, entries)) in cases {
        for mode in [WriteMode::Append, WriteMode::Overwrite] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            let (log, steps) = faulty(&path, fault);
            write(&log, WriteMode::Append, "0").await.unwrap();
            steps.armed.store(true, Ordering::SeqCst);
            let written = write(&log, mode, "1").await;
            assert_eq!(class(&written), error, "{fault:?} {mode:?}");
            let found = (count(&path, ".parquet"), count(&path.join(FOLDER), ".json"));
            assert_eq!(found, (files, entries), "{fault:?} {mode:?}");
            let Some((appended, overwritten)) = rows else { continue };
            let wanted = if mode == WriteMode::Append { appended } else { overwritten };
            assert_eq!(numbers(&path).await, wanted, "{fault:?} {mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_write_that_may_be_committed_says_so() {
    for (fault, is_unsure) in
        [(Fault::NeverSynced, true), (Fault::Unreadable, true), (Fault::NotCreated, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let (log, steps) = faulty(&dir.path().join("t"), fault);
        steps.armed.store(true, Ordering::SeqCst);
        let error = write(&log, WriteMode::Append, "1").await.unwrap_err();
        let hint = error.hint_text().unwrap_or_default();
        assert_eq!(hint.contains("before writing them again"), is_unsure, "{fault:?}: {hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_below_a_file_is_not_written_and_does_not_seem_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let log = Log::new(file.join("t"));
    let request = write_request(&log.root, WriteMode::ErrorIfExists, &[], &[]);
    let columns = thalweg_connector_testing::ddl("n int");
    let error = batch::create(log, request, &columns).await.unwrap_err();
    assert_eq!(error.class(), "PATH_NOT_WRITABLE");
    assert!(!error.hint_text().unwrap_or_default().contains("may hold"), "{error}");
}

fn sink(log: &Log) -> Arc<dyn StreamSink> {
    sink::open(log.clone(), sink_request(&log.root, "n int", OutputMode::Append, &[])).unwrap()
}

async fn put(sink: &Arc<dyn StreamSink>, epoch: u64) -> Result<()> {
    let rows = thalweg_connector_testing::batch("n int", &[&[&epoch.to_string()]]);
    let staged = sink.stage(Epoch(epoch), 0, vec![rows]).await?;
    sink.commit(Epoch(epoch), staged.into_iter().collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_committed_once_and_found_by_the_next_generation() {
    // The class of the error; the epoch that the next generation finds.
    let cases = [
        (Fault::CreatedButFailed, "", Some(0)),
        (Fault::CreatedButTaken, "", Some(0)),
        (Fault::NeverSynced, WRITE_FAILED, Some(0)),
        (Fault::NotCreated, WRITE_FAILED, None),
    ];
    for (fault, error, last) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let (log, steps) = faulty(&path, fault);
        let first = sink(&log);
        assert_eq!(first.fence(Generation(1)).await.unwrap(), None);
        steps.armed.store(true, Ordering::SeqCst);
        let committed = put(&first, 0).await;
        assert_eq!(class(&committed), error, "{fault:?}");
        if committed.is_ok() {
            assert_eq!(class(&put(&first, 0).await), "STREAM_EPOCH_COMMITTED", "{fault:?}");
        }
        let second = sink(&Log::new(path.clone()));
        let found = second.fence(Generation(2)).await.unwrap();
        let wanted = last.map(|epoch| Commit { epoch: Epoch(epoch), generation: Generation(1) });
        assert_eq!(found, wanted, "{fault:?}");
        for epoch in found.map_or(0, |commit| commit.epoch.0 + 1)..2 {
            put(&second, epoch).await.unwrap();
        }
        assert_eq!(numbers(&path).await, ["0", "1"], "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_holds_although_its_answer_is_lost() {
    for (fault, error) in [
        (Fault::CreatedButFailed, ""),
        (Fault::CreatedButTaken, ""),
        (Fault::NeverSynced, WRITE_FAILED),
        (Fault::NotCreated, WRITE_FAILED),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let old = sink(&Log::new(path.clone()));
        old.fence(Generation(1)).await.unwrap();
        put(&old, 0).await.unwrap();
        let (log, steps) = faulty(&path, fault);
        steps.armed.store(true, Ordering::SeqCst);
        let fenced = sink(&log).fence(Generation(2)).await;
        assert_eq!(class(&fenced), error, "{fault:?}");
        // The fence is in the log, whatever its writer was told; one that was not written shuts nobody out.
        let late = class(&put(&old, 1).await).to_owned();
        assert_eq!(late, if fault == Fault::NotCreated { "" } else { "STREAM_FENCED" }, "{fault:?}");
        assert_eq!(count(&path.join(FOLDER), ".json"), 3, "{fault:?}");
    }
}
