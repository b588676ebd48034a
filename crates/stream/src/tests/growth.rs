//! Tests that the cost of an epoch depends on what it touches and not on the size of the state.

use super::behaviour::row;
use super::env::*;
use super::kill::Freeze;
use crate::checkpoint::{CheckpointFiles, Manifest};
use crate::{Checkpoint, OperatorSpec, OutputMode, Trigger};
use object_store::path::Path;
use std::sync::Arc;
use thalweg_common::fail_point::FailPoint;

async fn newest_manifest(env: &TestEnv) -> Manifest {
    let checkpoint = Checkpoint { store: Arc::clone(&env.store), prefix: Path::from("q") };
    let files = CheckpointFiles::new(&checkpoint);
    let newest = files.manifests().await.unwrap().into_iter().max_by_key(|m| m.epoch).unwrap();
    files.manifest(newest).await.unwrap().unwrap()
}

async fn bytes_of_state(env: &TestEnv) -> usize {
    use futures::TryStreamExt;
    let found: Vec<_> = env.store.list(Some(&Path::from("q"))).try_collect().await.unwrap();
    found.iter().map(|m| m.size as usize).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_million_keys_in_state_ten_touched_ones_add_less_than_100_kb() {
    const KEYS: usize = 1_000_000;
    let mut rows: Vec<InputRow> = (0..KEYS).map(|i| row(&format!("key-{i}"), 5, i as i64)).collect();
    rows.extend((0..10).map(|i| row(&format!("key-{}", i * 99_999), 6, 1)));
    let env = TestEnv::new(&rows, &[KEYS, 10]);
    let run = RunOptions {
        mode: OutputMode::Update,
        trigger: crate::Trigger::Once,
        bytes: 64 << 20,
        rows_per_chunk: 8192,
        ..RunOptions::new(vec![OperatorSpec::Aggregate(aggregate(false))]).workers(2)
    };
    let query = env.run(&run).await.unwrap();
    let before = bytes_of_state(&env).await;
    assert_eq!(query.last_progress().unwrap().state_operators[0].num_rows_total, KEYS as u64);
    // Another number of workers restores the same keys.
    let query = env.run(&run.clone().workers(3)).await.unwrap();
    let added = bytes_of_state(&env).await - before;
    assert!(added < 100_000, "ten keys added {added} bytes to {before}");
    let progress = query.last_progress().unwrap();
    let state = &progress.state_operators[0];
    assert_eq!((state.num_rows_total, state.num_rows_updated), (KEYS as u64, 10));
    assert_eq!(progress.sink.num_output_rows, 10);
}

/// Every run of the state has several files, and a merge divides the key groups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merged_runs_of_several_files_restore_with_any_number_of_workers() {
    const KEYS: usize = 20_000;
    let epoch =
        |e: usize| (0..KEYS).map(move |i| row(&format!("key-{}", (i + e * 2_000) % 30_000), 5, e as i64));
    let mut rows: Vec<InputRow> = (0..8).flat_map(epoch).collect();
    // Small epochs, during which the merges of the large ones end.
    rows.extend((0..120).map(|i| row(&format!("key-{i}"), 6, 1)));
    let env = TestEnv::new(&rows, &[&[KEYS; 8][..], &[1; 120]].concat());
    let run = RunOptions {
        mode: OutputMode::Update,
        bytes: 64 << 20,
        rows_per_chunk: 8192,
        ..RunOptions::new(vec![OperatorSpec::Aggregate(aggregate(false))])
    };
    env.run(&run.clone().workers(2)).await.unwrap();
    let manifest = newest_manifest(&env).await;
    let groups = manifest.operators.values().next().and_then(|o| o.states.get("groups")).unwrap();
    let of = |kind: &str| groups.all().filter(|file| file.path.contains(kind)).count();
    assert!(of("-merged-") > 2 && groups.runs.len() < 40, "{groups:?}");
    let all: Vec<InputRow> = (0..KEYS).map(|i| row(&format!("key-{i}"), 5, 1)).collect();
    env.source.append(&batch(&all));
    env.run(&run.workers(3)).await.unwrap();
    let mut last = Answer::new();
    env.target.epochs().iter().for_each(|(_, b)| last.extend(b.iter().flat_map(decode)));
    assert_eq!(last, expect(&rows.into_iter().chain(all).collect::<Vec<_>>()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_run_keeps_few_files_and_restores_from_them() {
    let rows = super::behaviour::rows(4, 150);
    let env = TestEnv::new(&rows, &[1; 200]);
    let run = RunOptions {
        mode: OutputMode::Update,
        ..RunOptions::new(vec![OperatorSpec::Aggregate(aggregate(false))])
    };
    env.run(&run).await.unwrap();
    let manifest = newest_manifest(&env).await;
    assert_eq!(manifest.epoch.0, 149);
    let groups = manifest.operators.values().next().and_then(|o| o.states.get("groups")).unwrap();
    assert!((2..40).contains(&groups.runs.len()), "{} runs", groups.runs.len());
    let checkpoint = Checkpoint { store: Arc::clone(&env.store), prefix: Path::from("q") };
    for folder in ["manifests", "plans", "commits"] {
        let count = CheckpointFiles::new(&checkpoint).list(folder).await.unwrap().len();
        assert!(count < 20, "{count} {folder}");
    }
    let files = CheckpointFiles::new(&checkpoint).list("state").await.unwrap();
    assert!(files.len() < 70, "{} state files", files.len());
    let more = super::behaviour::rows(4, 170);
    env.source.append(&batch(&more[150..]));
    let query = env.run(&run.workers(3)).await.unwrap();
    assert_eq!(
        query.last_progress().unwrap().state_operators[0].num_rows_total as usize,
        expect(&more).len()
    );
    let mut last = Answer::new();
    env.target.epochs().iter().for_each(|(_, b)| last.extend(b.iter().flat_map(decode)));
    assert_eq!(last, expect(&more));
}

/// One merge never ends; others go on with the runs that are written meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_slower_than_any_number_of_epochs_lets_nothing_grow() {
    let rows = super::behaviour::rows(4, 400);
    let env = TestEnv::new(&rows, &[1; 400]);
    let freeze = Freeze::new(FailPoint::StateMerge, 0);
    let run = RunOptions {
        mode: OutputMode::Update,
        trigger: Trigger::ProcessingTime { interval: None },
        probe: Some(freeze.clone()),
        ..RunOptions::new(vec![OperatorSpec::Aggregate(aggregate(false))])
    };
    let query = env.start(&run).await.unwrap();
    query.process_all_available().await.unwrap();
    freeze.frozen.acquire().await.unwrap().forget();
    let manifest = newest_manifest(&env).await;
    assert_eq!(manifest.epoch.0, 399);
    let runs = manifest.operators.values().next().and_then(|o| o.states.get("groups")).unwrap().runs.len();
    assert!((6..60).contains(&runs), "{runs} runs");
    let files = CheckpointFiles::new(&Checkpoint { store: Arc::clone(&env.store), prefix: Path::from("q") });
    for folder in ["manifests", "plans", "commits", "state"] {
        let count = files.list(folder).await.unwrap().len();
        assert!(count < 100, "{count} {folder}");
    }
    freeze.thawed.add_permits(1);
    query.stop().await.unwrap();
    env.run(&RunOptions { trigger: Trigger::AvailableNow, probe: None, ..run }.workers(3)).await.unwrap();
    let mut last = Answer::new();
    env.target.epochs().iter().for_each(|(_, b)| last.extend(b.iter().flat_map(decode)));
    assert_eq!(last, expect(&rows));
}

/// Each run has one epoch, as that of a job that runs every night.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_one_epoch_merge_their_state_too() {
    let rows = super::behaviour::rows(4, 120);
    let env = TestEnv::new(&rows, &[1; 120]);
    let run = RunOptions {
        mode: OutputMode::Update,
        trigger: Trigger::Once,
        ..RunOptions::new(vec![OperatorSpec::Aggregate(aggregate(false))])
    };
    for _ in 0..120 {
        env.run(&run).await.unwrap();
    }
    let manifest = newest_manifest(&env).await;
    assert_eq!(manifest.epoch.0, 119);
    let runs = manifest.operators.values().next().and_then(|o| o.states.get("groups")).unwrap().runs.len();
    assert!(runs <= 34, "{runs} runs");
    let mut last = Answer::new();
    env.target.epochs().iter().for_each(|(_, b)| last.extend(b.iter().flat_map(decode)));
    assert_eq!(last, expect(&rows));
}
