//! Streams into a table while any one sync of its folder fails: the epoch fails, or it is durable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::log::Log;
use crate::{Delta, sink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connector_testing::{batch, lines, query, read, sink_request};
use thalweg_connectors::OutputMode;
use thalweg_connectors::stream::StreamSink;
use thalweg_storage::durable::SyncFault;
use thalweg_storage::is_transient;

const EPOCHS: u64 = 3;

fn open(path: &Path, by: &[&str]) -> Arc<dyn StreamSink> {
    let mut request = sink_request(path, "n int, p int", OutputMode::Append, &[]);
    request.partition_by = by.iter().map(|column| (*column).to_owned()).collect();
    sink::open(Log::new(path.to_owned()), request).unwrap()
}

/// Runs one generation until it fails or has written all epochs.
async fn run(path: &Path, by: &[&str], generation: u64) -> Result<()> {
    let sink = open(path, by);
    let last = sink.fence(Generation(generation)).await?;
    for epoch in last.map_or(0, |commit| commit.epoch.0 + 1)..EPOCHS {
        let n = epoch.to_string();
        let rows = batch("n int, p int", &[&[&n, &n]]);
        let staged = sink.stage(Epoch(epoch), 0, vec![rows]).await?;
        sink.commit(Epoch(epoch), staged.into_iter().collect()).await?;
    }
    Ok(())
}

/// Repeats a step after an I/O error, as a query does.
async fn repeated<T, F: Future<Output = Result<T>>>(step: impl Fn() -> F) -> T {
    for _ in 0..10 {
        match step().await {
            Err(error) if is_transient(&error) => {}
            done => return done.unwrap(),
        }
    }
    panic!("a step failed ten times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_repeated_after_syncs_that_failed_is_in_the_table_once() {
    for times in 1..5 {
        for before in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            let fault = SyncFault::repeated(dir.path(), before, times);
            let sink = open(&path, &[]);
            repeated(|| sink.fence(Generation(1))).await;
            for epoch in 0..EPOCHS {
                let n = epoch.to_string();
                let rows = || vec![batch("n int, p int", &[&[&n, &n]])];
                let staged = repeated(|| sink.stage(Epoch(epoch), 0, rows())).await;
                let staged: Vec<_> = staged.into_iter().collect();
                repeated(|| sink.commit(Epoch(epoch), staged.clone())).await;
            }
            let rows = query(&Delta, read(&path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap();
            assert_eq!(lines(&rows), ["0", "1", "2"], "{times} failures after sync {before}");
            assert_eq!(fault.never_synced().unwrap(), Vec::<PathBuf>::new());
            if !fault.has_failed() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sync_that_failed_the_next_generation_depends_on_nothing_that_was_not_synced() {
    for by in [&[] as &[&str], &["p"]] {
        for before in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("lake/t");
            let fault = SyncFault::new(dir.path(), before);
            let ended = run(&path, by, 1).await;
            if !fault.has_failed() {
                ended.unwrap();
                assert!(before > 10, "only {before} syncs");
                break;
            }
            // A commit whose sync failed is synced again, so that it may have succeeded.
            let class = ended.err().map(|e| e.class().to_owned()).unwrap_or_default();
            assert!(["", "FAILED_WRITE_FILE"].contains(&class.as_str()), "{by:?}, sync {before}: {class}");
            run(&path, by, 2).await.unwrap();
            let rows = query(&Delta, read(&path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap();
            assert_eq!(lines(&rows), ["0", "1", "2"], "{by:?}, sync {before}");
            assert_eq!(fault.never_synced().unwrap(), Vec::<PathBuf>::new(), "{by:?}, sync {before}");
        }
    }
}
