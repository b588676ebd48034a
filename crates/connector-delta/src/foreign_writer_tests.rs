//! Tests a stream into a table whose log another writer cleans, or which is deleted or replaced under the stream.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::log::{FOLDER, Log, LogSteps};
use crate::{Delta, batch, sink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connector_testing::{lines, query, read, sink_request, stream_of, write_request};
use thalweg_connectors::stream::StreamSink;
use thalweg_connectors::{OutputMode, WriteMode};
use thalweg_storage::durable;

async fn write(path: &Path, n: &str) {
    let request = write_request(path, WriteMode::Append, &[], &[]);
    let rows = thalweg_connector_testing::batch("n int", &[&[n]]);
    batch::write(Log::new(path.to_owned()), request, stream_of(rows)).await.unwrap();
}

/// Writes a checkpoint of the newest version and deletes the entries before and of it, as a cleaner without a
/// retention does.
async fn checkpoint_and_clean(path: &Path) {
    let log = Log::new(path.to_owned());
    let table = log.open(None).await.unwrap().unwrap();
    deltalake_core::checkpoints::create_checkpoint(&table, None).await.unwrap();
    let newest = table.version().unwrap();
    for version in 0..newest {
        let entry = path.join(FOLDER).join(format!("{version:020}.json"));
        std::fs::remove_file(entry).unwrap();
    }
}

async fn open(log: Log) -> Arc<dyn StreamSink> {
    let path = log.root.clone();
    let sink = sink::open(log, sink_request(&path, "n int", OutputMode::Append, &[])).unwrap();
    sink.fence(Generation(1)).await.unwrap();
    sink
}

async fn commit(sink: &Arc<dyn StreamSink>, epoch: u64, n: &str) -> Result<()> {
    let rows = thalweg_connector_testing::batch("n int", &[&[n]]);
    let staged = sink.stage(Epoch(epoch), 0, vec![rows]).await?;
    sink.commit(Epoch(epoch), staged.into_iter().collect()).await
}

async fn numbers(path: &Path) -> Vec<String> {
    lines(&query(&Delta, read(path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_not_committed_beneath_the_checkpoint_of_another_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let sink = open(Log::new(path.clone())).await;
    commit(&sink, 0, "0").await.unwrap();
    for n in ["1", "2", "3", "4", "5"] {
        write(&path, n).await;
    }
    checkpoint_and_clean(&path).await;
    commit(&sink, 1, "6").await.unwrap();
    commit(&sink, 2, "7").await.unwrap();
    assert_eq!(numbers(&path).await, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

/// Another writer commits, writes a checkpoint and cleans the log between the check and the creation of an entry.
#[derive(Debug)]
struct CleanedMeanwhile {
    armed: AtomicBool,
}

impl LogSteps for CleanedMeanwhile {
    fn create(&self, entry: &Path, bytes: &[u8]) -> Result<bool> {
        if self.armed.swap(false, Ordering::SeqCst) {
            let table = entry.parent().and_then(Path::parent).unwrap().to_owned();
            let foreign = async {
                for n in ["1", "2", "3"] {
                    write(&table, n).await;
                }
                checkpoint_and_clean(&table).await;
            };
            std::thread::scope(|s| {
                s.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(foreign));
            });
        }
        durable::create_new(entry, bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_came_beneath_a_checkpoint_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let steps = Arc::new(CleanedMeanwhile { armed: AtomicBool::new(false) });
    let sink = open(Log::with_steps(path.clone(), Arc::clone(&steps) as _)).await;
    commit(&sink, 0, "0").await.unwrap();
    steps.armed.store(true, Ordering::SeqCst);
    commit(&sink, 1, "4").await.unwrap();
    assert_eq!(numbers(&path).await, ["0", "1", "2", "3", "4"]);
    // The next generation finds the epoch, so that it is not committed twice.
    let later =
        sink::open(Log::new(path.clone()), sink_request(&path, "n int", OutputMode::Append, &[])).unwrap();
    assert_eq!(later.fence(Generation(2)).await.unwrap().map(|c| c.epoch), Some(Epoch(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_deleted_or_replaced_under_a_stream_is_an_error() {
    for (replaced_by, what) in [(0, "deleted"), (1, "set back"), (9, "replaced")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let sink = open(Log::new(path.clone())).await;
        commit(&sink, 0, "0").await.unwrap();
        commit(&sink, 1, "1").await.unwrap();
        if what == "set back" {
            std::fs::remove_file(path.join(FOLDER).join(format!("{:020}.json", 2))).unwrap();
        } else {
            std::fs::remove_dir_all(&path).unwrap();
            for n in 0..replaced_by {
                write(&path, &n.to_string()).await;
            }
        }
        let staged = thalweg_connector_testing::batch("n int", &[&["2"]]);
        let staged = sink.stage(Epoch(2), 0, vec![staged]).await.unwrap();
        let error = sink.commit(Epoch(2), staged.into_iter().collect()).await.unwrap_err();
        assert_eq!(error.class(), "STREAM_SINK_LOST_COMMITS");
        assert!(error.message().contains(what), "{error} does not say {what}");
        assert_eq!(path.join(FOLDER).exists(), what != "deleted");
    }
}
