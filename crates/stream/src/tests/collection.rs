//! Tests that a checkpoint does not grow with the number of runs, and that a run without input leaves no trace.

use super::behaviour::{row, rows};
use super::env::*;
use crate::checkpoint::CheckpointFiles;
use crate::machine::EPOCHS_IN_FLIGHT;
use crate::{Checkpoint, Trigger};
use futures::TryStreamExt;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use thalweg_connectors::stream::Guarantee;

/// Runs of a job that is started again and again.
const RUNS: usize = 40;
/// What a collection leaves: it runs with every eighth epoch.
const OBJECTS_MAX: usize = 8 + EPOCHS_IN_FLIGHT as usize;

async fn objects(env: &TestEnv) -> Vec<(String, u64)> {
    let found: Vec<_> = env.store.list(None).try_collect().await.unwrap();
    let mut all: Vec<_> = found.iter().map(|m| (m.location.to_string(), m.size)).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_started_again_and_again_keeps_few_objects() {
    let all = rows(3, RUNS);
    let env = TestEnv::new(&[], &[1; RUNS]);
    let run = RunOptions { drain: false, ..RunOptions::new(windowed(5)) };
    for one in &all {
        env.source.append(&batch(std::slice::from_ref(one)));
        env.run(&run).await.unwrap();
    }
    let files = CheckpointFiles::new(&Checkpoint { store: Arc::clone(&env.store), prefix: Path::from("q") });
    let mut counts = BTreeMap::new();
    for folder in ["generations", "plans", "manifests", "commits"] {
        counts.insert(folder, files.list(folder).await.unwrap().len());
    }
    assert_eq!(counts.remove("generations"), Some(1));
    assert!(counts.values().all(|count| (1..=OBJECTS_MAX).contains(count)), "{counts:?}");
    env.run(&RunOptions { drain: true, ..run }).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

/// The run that is drained closes the windows first; after that there is nothing to do for it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_finds_nothing_changes_neither_checkpoint_nor_sink() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        for drain in [false, true] {
            let all = rows(3, 60);
            let env = TestEnv::new(&all[..50], &[20, 30]);
            let run = RunOptions { drain, guarantee, ..RunOptions::new(windowed(5)) };
            env.run(&run).await.unwrap();
            let before = (objects(&env).await, env.target.epochs().len());
            for trigger in [Trigger::AvailableNow, Trigger::Once] {
                let query = env.run(&RunOptions { trigger, ..run.clone().workers(2) }).await.unwrap();
                assert_eq!((query.is_active(), query.last_progress()), (false, None));
                assert_eq!(
                    (objects(&env).await, env.target.epochs().len()),
                    before,
                    "{guarantee:?} {trigger:?}"
                );
            }
            env.source.append(&batch(&all[50..]));
            // What arrives later is something to do.
            env.run(&run).await.unwrap();
            assert!(env.target.epochs().len() > before.1, "{guarantee:?} {drain}");
        }
    }
}

/// What the checkpoint and the sink say must agree; otherwise a recovery finds out what happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_finds_nothing_still_finds_a_target_that_lost_commits() {
    let env = TestEnv::new(&rows(3, 50), &[20, 30]);
    let run = RunOptions { drain: false, ..RunOptions::new(windowed(5)) };
    env.run(&run).await.unwrap();
    let last = env.target.last().unwrap();
    env.target.roll_back();
    assert_eq!(env.run(&run).await.unwrap_err().class(), "STREAM_SINK_LOST_COMMITS");
    env.target.set_last(last);
    env.run(&run).await.unwrap();
    let other = RunOptions { fingerprint: "something else".to_owned(), ..run };
    assert_eq!(env.run(&other).await.unwrap_err().class(), "STREAM_STATE_INCOMPATIBLE");
}

/// The watermark of the last epoch closes windows, although nothing new has arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watermark_that_advanced_is_something_to_do() {
    let env = TestEnv::new(&[row("a", 1, 1), row("a", 50, 1)], &[2]);
    let once = RunOptions { drain: false, trigger: Trigger::Once, ..RunOptions::new(windowed(5)) };
    env.run(&once).await.unwrap();
    assert_eq!(env.answer().unwrap(), Answer::new());
    let again = env.run(&once).await.unwrap();
    assert_eq!(again.recent_progress().len(), 1);
    assert_eq!(env.answer().unwrap(), Answer::from([((10, "a".to_owned()), (1, 1))]));
    assert_eq!(env.source.released.load(Ordering::SeqCst), 2);
}
