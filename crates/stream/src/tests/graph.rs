//! Tests graphs with several sources and several stateful operators.

use super::behaviour::rows;
use super::env::*;
use super::kill::Kill;
use super::source_and_sink::TestSource;
use std::sync::Arc;

/// Splits the rows between three sources, whose epochs are of different lengths.
fn three_sources(all: &[InputRow], seed: u64) -> TestEnv {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut shares: [Vec<InputRow>; 3] = Default::default();
    all.iter().for_each(|row| shares[random.usize(0..3)].push(row.clone()));
    let [first, second, third] = shares;
    let mut env = TestEnv::new(&first, &[7, 1, 20, 3]);
    env.more = vec![
        Arc::new(TestSource::new(batch(&second), vec![1; 10])),
        Arc::new(TestSource::new(batch(&third), vec![4, 30])),
    ];
    env
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_union_of_sources_gives_the_batch_answer_whatever_kills_it() {
    for seed in 0..20 {
        let all = rows(seed, 90);
        // The sources are at different times, so the rows are out of order by as much as the epochs differ.
        let delay = 100;
        let env = three_sources(&all, seed);
        run_with_kills(&env, windowed(delay), seed).await;
        assert_eq!(env.answer().unwrap(), expect(&all), "seed {seed}");
    }
}

/// Runs a query until it completes, killing it at random.
async fn run_with_kills(env: &TestEnv, operators: Vec<crate::OperatorSpec>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..6 {
        let probe = Kill::new(None, random.usize(3..60));
        let workers = random.usize(1..4);
        let run = RunOptions { probe: Some(probe), ..RunOptions::new(operators.clone()).workers(workers) };
        match env.run(&run).await {
            Err(error) => assert_eq!(error.class(), "KILLED", "seed {seed}: {error}"),
            Ok(_) => break,
        }
    }
    env.run(&RunOptions::new(operators).workers(2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_windows_in_a_chain_give_the_batch_answer_whatever_kills_them() {
    for seed in 0..20 {
        let all = rows(seed, 120);
        let mut twice = Answer::new();
        for ((end, key), (sum, count)) in expect(&all) {
            let long = ((end - 1).div_euclid(2 * WINDOW) + 1) * 2 * WINDOW;
            let slot = twice.entry((long, key)).or_default();
            *slot = (slot.0 + sum, slot.1 + count);
        }
        let env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
        run_with_kills(&env, two_windows(5), seed).await;
        assert_eq!(env.answer().unwrap(), twice, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_progress_has_every_source_and_a_source_more_or_less_is_refused() {
    let all = rows(5, 60);
    let mut env = three_sources(&all, 5);
    let query = env.run(&RunOptions { drain: false, ..RunOptions::new(windowed(5)) }).await.unwrap();
    let progress = query.recent_progress();
    let read: Vec<u64> =
        (0..3).map(|source| progress.iter().map(|p| p.sources[source].num_input_rows).sum()).collect();
    assert!(read.iter().all(|rows| *rows > 5), "{read:?}");
    assert_eq!(read.iter().sum::<u64>(), 60);
    let removed = env.more.pop();
    let error = env.run(&RunOptions::new(windowed(5))).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_STATE_INCOMPATIBLE");
    assert!(error.message().contains("source-2"), "{error}");
    env.more.extend(removed);
    env.run(&RunOptions::new(windowed(5))).await.unwrap();
}
