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

/// Copies the checkpoint; the copy has the same source and target.
async fn copy(env: &TestEnv) -> TestEnv {
    let copied = InMemory::new();
    let all: Vec<_> = env.store.list(None).try_collect().await.unwrap();
    for object in all {
        let bytes = env.store.get(&object.location).await.unwrap().bytes().await.unwrap();
        copied.put(&object.location, bytes.into()).await.unwrap();
    }
    let mut other = TestEnv::new(&[], &[]);
    (other.store, other.source, other.target) =
        (Arc::new(copied), Arc::clone(&env.source), Arc::clone(&env.target));
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_checkpoint_beside_the_original_loses_and_repeats_nothing() {
    let mut ended_both = 0;
    for seed in 0..30 {
        let all = rows(seed, 90);
        let original = TestEnv::new(&all, &[3, 7, 1, 12]);
        let run = |probe| RunOptions { probe, ..RunOptions::new(windowed(5)).workers(2) };
        original.run(&run(Some(Kill::new(None, 40 + seed as usize)))).await.unwrap_err();
        let copied = copy(&original).await;
        let (options, of_copy) = (run(None), run(None));
        let (first, second) = tokio::join!(original.run(&options), copied.run(&of_copy));
        for error in [&first, &second].into_iter().filter_map(|r| r.as_ref().err()) {
            let class = error.class();
            assert!(["STREAM_FENCED", "STREAM_SNAPSHOT_CORRUPT"].contains(&class), "seed {seed}: {error}");
        }
        ended_both += usize::from(first.is_err() && second.is_err());
        // One of the two can go on, with the next generations if the other one has fenced it; the other one says why it
        // cannot.
        let mut again = vec![];
        for env in [&original, &original, &copied, &copied, &copied, &copied] {
            again.push(env.run(&run(None)).await);
        }
        assert!(again.iter().any(Result::is_ok), "seed {seed}: {again:?}");
        assert_eq!(original.answer().unwrap(), expect(&all), "seed {seed}");
    }
    assert!(ended_both < 30, "no run ever completed beside the other");
}
