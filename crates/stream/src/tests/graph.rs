//! Tests graphs with several sources and several stateful operators.

use super::behaviour::{row, rows};
use super::env::*;
use super::kill::Kill;
use super::source_and_sink::TestSource;
use crate::{OperatorSpec, OutputMode, SlidingWindows, SortKey, SortSpec};
use arrow::compute::SortOptions;
use datafusion::physical_expr::expressions::col;
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
pub(super) async fn run_with_kills(env: &TestEnv, operators: Vec<OperatorSpec>, seed: u64) {
    run_in_mode_with_kills(env, (operators, OutputMode::Append), seed).await;
}

async fn run_in_mode_with_kills(
    env: &TestEnv,
    (operators, mode): (Vec<OperatorSpec>, OutputMode),
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..6 {
        let probe = Kill::new(None, random.usize(3..60));
        let workers = random.usize(1..4);
        let run =
            RunOptions { probe: Some(probe), mode, ..RunOptions::new(operators.clone()).workers(workers) };
        match env.run(&run).await {
            Err(error) => assert_eq!(error.class(), "KILLED", "seed {seed}: {error}"),
            Ok(_) => break,
        }
    }
    env.run(&RunOptions { mode, ..RunOptions::new(operators).workers(2) }).await.unwrap();
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
async fn one_row_of_each_key_and_window_passes_whatever_kills_the_query() {
    for seed in 0..20 {
        // The first watermark is 1970, by which a row of that very second is late.
        let all: Vec<InputRow> = rows(seed, 120).into_iter().map(|(k, t, v)| (k, t + 1, v)).collect();
        let env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
        run_with_kills(&env, deduplicated(5, None), seed).await;
        let passed = env.passed();
        let mut keys: Vec<(String, i64)> =
            passed.iter().map(|(k, t, _)| (k.clone(), t.div_euclid(WINDOW))).collect();
        keys.sort_unstable();
        let mut expected: Vec<_> = all.iter().map(|(k, t, _)| (k.clone(), t.div_euclid(WINDOW))).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(keys, expected, "seed {seed}");
        assert!(passed.iter().all(|row| all.contains(row)), "seed {seed}");
    }
}

/// A key is forgotten when the watermark has passed the event time of its first row by the delay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_passes_again_after_its_delay_and_late_rows_do_not_pass() {
    let all = [
        row("a", 100, 1),
        row("a", 103, 2),
        row("b", 108, 3),
        // The watermark is 103, and the key "a" is kept until 105.
        row("a", 109, 4),
        // The watermark is 104, and the key "b" is kept until 113.
        row("b", 120, 5),
        // The watermark of 115 removes both keys, after the rows of its epoch.
        row("b", 121, 6),
        // Late: the watermark of the epoch before is 115.
        row("c", 110, 7),
        row("a", 122, 8),
    ];
    let env = TestEnv::new(&all, &[1; 8]);
    let run = RunOptions { drain: false, ..RunOptions::new(deduplicated(5, Some(5))) };
    let query = env.run(&run).await.unwrap();
    let passed: Vec<i64> = env.passed().iter().map(|row| row.2).collect();
    assert_eq!(passed, [1, 3, 8]);
    let state = |name: &str| -> u64 {
        query.recent_progress().iter().map(|p| p.state_operators[0].custom_metrics[name]).sum()
    };
    assert_eq!(state("numDroppedDuplicateRows"), 4);
    let dropped = |p: &crate::Progress| p.state_operators[0].num_rows_dropped_by_watermark;
    assert_eq!(query.recent_progress().iter().map(dropped).sum::<u64>(), 1);
    let last = &query.last_progress().unwrap().state_operators[0];
    assert_eq!((last.operator_name.as_str(), last.num_rows_total), ("dedupeWithinWatermark", 1));
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

/// The last epoch has all groups, in the order of the sort.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_result_is_emitted_in_order_whatever_kills_the_query() {
    for seed in 0..20 {
        let all = rows(seed, 120);
        let env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
        let aggregate = aggregate(false);
        let schema = Arc::clone(&aggregate.output_schema);
        let key = |name: &str, descending| SortKey {
            expr: col(name, &schema).unwrap(),
            options: SortOptions { descending, nulls_first: true },
        };
        let keys = vec![key("sum", true), key("k", false), key("w", false)];
        let fetch = (seed % 2 == 0).then_some(5);
        let skip = usize::from(seed % 4 == 0);
        let sort = SortSpec { keys, skip, fetch, schema: Arc::clone(&schema) };
        let operators = vec![OperatorSpec::Aggregate(aggregate), OperatorSpec::Sort(sort)];
        run_in_mode_with_kills(&env, (operators, OutputMode::Complete), seed).await;
        let epochs = env.target.epochs();
        let found: Vec<_> = epochs.last().unwrap().1.iter().flat_map(decode).collect();
        let mut expected: Vec<_> = expect(&all).into_iter().collect();
        expected.sort_by_key(|((end, key), (sum, _))| (-sum, key.clone(), *end));
        let expected: Vec<_> = expected.into_iter().skip(skip).take(fetch.unwrap_or(usize::MAX)).collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}

/// Operators that count each row in `count` windows, in panes of [`WINDOW`].
fn in_panes(delay: i64, count: i64) -> Vec<OperatorSpec> {
    let mut operators = windowed(delay);
    if let Some(OperatorSpec::Aggregate(aggregate)) = operators.last_mut() {
        let (size_us, slide_us) = (count * WINDOW * SECOND, WINDOW * SECOND);
        aggregate.windows = Some(SlidingWindows { size_us, slide_us, start_us: 0 });
    }
    operators
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panes_merge_to_the_windows_of_the_batch_answer_whatever_kills_the_query() {
    for seed in 0..20 {
        let mut all = rows(seed, 120);
        // A gap in which no window has rows.
        all.extend(rows(seed + 50, 20).into_iter().map(|(k, t, v)| (k, t + 100_000_000, v)));
        let env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
        run_with_kills(&env, in_panes(5, 3), seed).await;
        let mut expected = Answer::new();
        for ((end, key), (sum, count)) in expect(&all) {
            for later in 0..3 {
                let slot = expected.entry((end + later * WINDOW, key.clone())).or_default();
                *slot = (slot.0 + sum, slot.1 + count);
            }
        }
        assert_eq!(env.answer().unwrap(), expected, "seed {seed}");
    }
}

/// A late row counts in those of its windows that are still open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panes_give_what_a_row_per_window_gives_also_with_late_rows() {
    for seed in 0..20 {
        let mut all = rows(seed, 120);
        let mut random = fastrand::Rng::with_seed(seed);
        all.iter_mut().for_each(|row| row.1 -= random.i64(0..25));
        let answer = async |operators: Vec<OperatorSpec>| {
            let env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
            env.run(&RunOptions::new(operators).workers(2)).await.unwrap();
            env.answer().unwrap()
        };
        assert_eq!(answer(in_panes(0, 2)).await, answer(sliding(0)).await, "seed {seed}");
    }
}
