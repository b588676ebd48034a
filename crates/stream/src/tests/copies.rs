//! Runs a query over its checkpoint and over a copy of it, into the same target.
//!
//! Whatever they do, the target must hold each row at most once, and the run that goes on must complete it.

use super::behaviour::rows;
use super::env::*;
use super::kill::Kill;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_common::fail_point::FailPoint;

/// Copies the checkpoint. The copy has the same rows and target, but plans epochs of other lengths, as a run does
/// that finds other files at another time.
async fn copy(env: &TestEnv, all: &[InputRow]) -> TestEnv {
    let copied = InMemory::new();
    let objects: Vec<_> = env.store.list(None).try_collect().await.unwrap();
    for object in objects {
        let bytes = env.store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copied.put(&object.location, bytes.into()).await.unwrap();
    }
    let mut other = TestEnv::new(all, &[3, 7, 1, 12, 5, 1, 1, 20]);
    (other.store, other.target) = (Arc::new(copied), Arc::clone(&env.target));
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_checkpoint_beside_the_original_loses_and_repeats_nothing() {
    for seed in 0..30 {
        let all = rows(seed, 90);
        let original = TestEnv::new(&all, &[3, 7, 1, 12, 2, 9, 4]);
        let run = |probe| RunOptions { probe, ..RunOptions::new(windowed(5)).workers(2) };
        original.run(&run(Some(Kill::new(None, 40 + seed as usize)))).await.unwrap_err();
        let copied = copy(&original, &all).await;
        // Killed, so that a manifest may be left whose epoch the other one commits.
        let of_copy = run(Some(Kill::new(None, 10 + seed as usize)));
        let options = run(Some(Kill::new(None, 10 + (seed as usize * 7) % 30)));
        let (first, second) = tokio::join!(original.run(&options), copied.run(&of_copy));
        for error in [&first, &second].into_iter().filter_map(|r| r.as_ref().err()) {
            let class = error.class();
            assert!(
                ["STREAM_FENCED", "STREAM_SNAPSHOT_CORRUPT", "KILLED"].contains(&class),
                "seed {seed}: {error}"
            );
        }
        // One of the two can go on, with the next generations if the other one has fenced it; the other one says why it
        // cannot.
        let mut again = vec![];
        for env in [&original, &original, &copied, &copied, &copied, &copied] {
            again.push(env.run(&run(None)).await);
        }
        assert!(again.iter().any(Result::is_ok), "seed {seed}: {again:?}");
        assert_eq!(original.answer().unwrap(), expect(&all), "seed {seed}");
    }
}

/// Runs a query until it fails with `class`. A run whose generation has the same count as one of the other copy, and a
/// lower tag, is fenced; the next one is not.
async fn fail_with(env: &TestEnv, run: &RunOptions, class: &str) -> Error {
    for _ in 0..4 {
        let error = env.run(run).await.unwrap_err();
        if error.class() == class {
            return error;
        }
        assert_eq!(error.class(), "STREAM_FENCED");
    }
    panic!("the run was fenced by nobody");
}

/// Both runs have the second generation by count. The copy writes a manifest, and the original commits that epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_of_a_copy_is_not_taken_for_the_one_that_was_committed() {
    let all = rows(3, 90);
    let original = TestEnv::new(&all, &[3, 7, 1, 12, 2, 9, 4]);
    let until = |point| RunOptions {
        probe: Some(Kill::new(Some(point), 0)),
        ..RunOptions::new(windowed(5)).workers(2)
    };
    let third = RunOptions {
        probe: Some(Kill::new(Some(FailPoint::CommitRecorded), 2)),
        ..until(FailPoint::SinkFence)
    };
    original.run(&third).await.unwrap_err();
    let copied = copy(&original, &all).await;
    copied.run(&until(FailPoint::ManifestWritten)).await.unwrap_err();
    fail_with(&original, &until(FailPoint::CommitRecorded), "KILLED").await;
    let error = fail_with(&copied, &RunOptions::new(windowed(5)), "STREAM_SNAPSHOT_CORRUPT").await;
    assert!(error.hint_text().unwrap_or_default().contains("another copy"), "{error}");
    for _ in 0..4 {
        if original.run(&RunOptions::new(windowed(5))).await.is_ok() {
            break;
        }
    }
    assert_eq!(original.answer().unwrap(), expect(&all));
}
