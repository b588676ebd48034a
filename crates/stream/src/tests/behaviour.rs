//! Tests queries without failures: results, triggers, watermarks, progress, handles.

use super::env::*;
use super::kill::Kill;
use crate::{AggregateSpec, OperatorSpec, OutputMode, StatelessStep, Trigger};
use std::collections::BTreeMap;
use std::time::Duration;
use thalweg_common::fail_point::FailPoint;
use thalweg_connectors::stream::Guarantee;

pub(crate) fn row(k: &str, t: i64, v: i64) -> InputRow {
    (k.to_owned(), t, v)
}

/// Random rows of a few keys over several windows, out of order by less than 5 s.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<InputRow> {
    let mut random = fastrand::Rng::with_seed(seed);
    let one =
        |i: usize| (format!("k{}", random.u8(0..7)), i as i64 / 2 + random.i64(0..5), random.i64(-3..10));
    (0..count).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windowed_sum_equals_the_batch_answer_for_any_epochs_and_workers() {
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rows = rows(seed, 150);
        let one_row = seed % 8 == 0;
        let epoch_rows: Vec<_> = (0..200).map(|_| if one_row { 1 } else { random.usize(1..40) }).collect();
        let env = TestEnv::new(&rows, &epoch_rows);
        env.run(&RunOptions::new(windowed(5)).workers(1 + seed as usize % 3)).await.unwrap();
        assert_eq!(env.answer().unwrap(), expect(&rows), "seed {seed}");
        assert_eq!(env.target.unfenced_commits(), 0);
        assert_eq!(env.source.released.load(std::sync::atomic::Ordering::SeqCst), 150);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_mode_emits_only_touched_groups_and_ends_with_the_batch_answer() {
    let rows = rows(5, 100);
    let env = TestEnv::new(&rows, &[30, 1, 1, 40]);
    let operators = vec![OperatorSpec::Aggregate(aggregate(false))];
    let run = RunOptions { mode: OutputMode::Update, ..RunOptions::new(operators).workers(3) };
    env.run(&run).await.unwrap();
    let mut last = Answer::new();
    for (epoch, batches) in env.target.epochs() {
        let sent: Vec<_> = batches.iter().flat_map(decode).collect();
        assert!(!(1..=2).contains(&epoch) || sent.len() == 1, "epoch {epoch} of one row sent {sent:?}");
        last.extend(sent);
    }
    assert_eq!(last, expect(&rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_without_an_aggregate_pass_in_order() {
    let rows: Vec<InputRow> = (0..50).map(|i| row("a", i, i)).collect();
    let env = TestEnv::new(&rows, &[1, 20, 5]);
    let even = datafusion::physical_expr::expressions::binary(
        datafusion::physical_expr::expressions::col("v", &input_schema()).unwrap(),
        datafusion::logical_expr::Operator::GtEq,
        datafusion::physical_expr::expressions::lit(10i64),
        &input_schema(),
    );
    let keep = OperatorSpec::Stateless(vec![StatelessStep::Filter(even.unwrap())]);
    env.run(&RunOptions::new(vec![keep])).await.unwrap();
    assert_eq!(env.values(), (10..50).collect::<Vec<_>>());
}

/// A sliding window is a list of window ends that is unnested.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_windows_is_unnested_before_the_aggregate() {
    let rows = rows(6, 60);
    let env = TestEnv::new(&rows, &[13, 1, 9]);
    env.run(&RunOptions::new(sliding(5)).workers(2)).await.unwrap();
    let mut twice = Answer::new();
    for later in [0, WINDOW] {
        for ((end, key), (sum, count)) in expect(&rows) {
            let slot = twice.entry((end + later, key)).or_default();
            *slot = (slot.0 + sum, slot.1 + count);
        }
    }
    assert_eq!(env.answer().unwrap(), twice);
}

/// Spark's rules: the watermark of an epoch comes from the epochs before it. A row is late if the watermark
/// of the previous epoch closed its group. An epoch without data follows a watermark that advanced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_dropped_and_counted_by_sparks_rule() {
    let rows = [row("a", 1, 1), row("a", 25, 1), row("a", 2, 100), row("a", 26, 1), row("a", 3, 1000)];
    let env = TestEnv::new(&rows, &[1, 1, 1, 1, 1]);
    let run = RunOptions { drain: false, ..RunOptions::new(windowed(5)) };
    let query = env.run(&run).await.unwrap();
    // Epoch 2 has watermark 20 from epoch 1, but rows are late by epoch 1's watermark: the row of second 2
    // still counts. The row of epoch 4 is late.
    assert_eq!(env.answer().unwrap(), Answer::from([((10, "a".to_owned()), (101, 2))]));
    let progress = query.recent_progress();
    let late: Vec<_> = progress.iter().map(|p| p.state_operators[0].num_rows_dropped_by_watermark).collect();
    assert_eq!(late.iter().sum::<u64>(), 1, "{late:?}");
    let watermarks: Vec<_> = progress.iter().map(|p| p.event_time["watermark"][11..19].to_owned()).collect();
    assert_eq!(watermarks, ["00:00:00", "00:00:00", "00:00:20", "00:00:20", "00:00:21"]);
    assert_eq!(progress.last().unwrap().state_operators[0].num_rows_total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_has_measured_values_under_sparks_names() {
    let rows = rows(7, 30);
    let env = TestEnv::new(&rows, &[20]);
    let query = env.run(&RunOptions { drain: false, ..RunOptions::new(windowed(5)) }).await.unwrap();
    let all = query.recent_progress();
    assert_eq!(all.iter().map(|p| p.num_input_rows).collect::<Vec<_>>()[..2], [20, 10]);
    assert_eq!(all.iter().map(|p| p.batch_id).collect::<Vec<_>>(), (0..all.len() as u64).collect::<Vec<_>>());
    let json = serde_json::to_value(&all[0]).unwrap();
    for pointer in [
        "/id",
        "/runId",
        "/timestamp",
        "/batchId",
        "/batchDuration",
        "/numInputRows",
        "/inputRowsPerSecond",
        "/processedRowsPerSecond",
        "/durationMs/triggerExecution",
        "/durationMs/addBatch",
        "/durationMs/walCommit",
        "/eventTime/avg",
        "/eventTime/max",
        "/eventTime/min",
        "/eventTime/watermark",
        "/stateOperators/0/numRowsTotal",
        "/stateOperators/0/numRowsUpdated",
        "/stateOperators/0/numRowsRemoved",
        "/stateOperators/0/numRowsDroppedByWatermark",
        "/stateOperators/0/memoryUsedBytes",
        "/stateOperators/0/allUpdatesTimeMs",
        "/stateOperators/0/allRemovalsTimeMs",
        "/stateOperators/0/commitTimeMs",
        "/stateOperators/0/numShufflePartitions",
        "/stateOperators/0/numStateStoreInstances",
        "/stateOperators/0/customMetrics",
        "/sources/0/description",
        "/sources/0/endOffset/row",
        "/sources/0/latestOffset/row",
        "/sources/0/guarantee",
        "/sink/description",
        "/sink/numOutputRows",
        "/sink/guarantee",
    ] {
        assert!(json.pointer(pointer).is_some(), "{pointer} is not in {json:#}");
    }
    assert_eq!(json["sources"][0]["startOffset"], serde_json::Value::Null);
    assert_eq!(json["timestamp"], "1970-01-01T00:00:00.000Z");
    let out: u64 = all.iter().map(|p| p.sink.num_output_rows).sum();
    assert_eq!(out as usize, env.answer().unwrap().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_query_processes_new_data_and_drains() {
    let all = rows(8, 90);
    let env = TestEnv::new(&all[..30], &[]);
    let run =
        RunOptions { trigger: Trigger::ProcessingTime { interval: None }, ..RunOptions::new(windowed(5)) };
    let query = env.start(&run).await.unwrap();
    query.process_all_available().await.unwrap();
    assert!(query.is_active() && query.last_progress().is_some());
    env.source.append(&batch(&all[30..60]));
    query.process_all_available().await.unwrap();
    assert_eq!(query.recent_progress().iter().map(|p| p.num_input_rows).sum::<u64>(), 60);
    env.source.append(&batch(&all[60..]));
    query.drain().await.unwrap();
    assert!(!query.is_active());
    assert_eq!(env.answer().unwrap(), expect(&all));
    env.run(&RunOptions::new(windowed(5))).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

/// A job that runs every night over the rows of one more day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_goes_on_after_a_drain_and_rows_of_closed_windows_are_late() {
    for workers in [1, 3] {
        let env = TestEnv::new(&[row("a", 1, 1), row("a", 2, 1), row("b", 12, 1)], &[2; 8]);
        let run = RunOptions::new(windowed(5)).workers(workers);
        env.run(&run).await.unwrap();
        let first = Answer::from([((10, "a".to_owned()), (2, 2)), ((20, "b".to_owned()), (1, 1))]);
        assert_eq!(env.answer().unwrap(), first);
        // The window that ends at 20 is written, so a row of it is late, and the next one is open.
        env.source.append(&batch(&[row("c", 19, 100), row("b", 20, 2), row("b", 25, 3), row("a", 31, 4)]));
        let query = env.run(&run).await.unwrap();
        let late = query
            .recent_progress()
            .iter()
            .map(|p| p.state_operators[0].num_rows_dropped_by_watermark)
            .sum::<u64>();
        assert_eq!(late, 1);
        let mut both = first.clone();
        both.extend([((30, "b".to_owned()), (5, 2)), ((40, "a".to_owned()), (4, 1))]);
        assert_eq!(env.answer().unwrap(), both);
        // Killed between two nights, and drained twice: nothing changes.
        env.run(&run).await.unwrap();
        env.source.append(&batch(&[row("a", 100, 1)]));
        env.run(&RunOptions { probe: Some(Kill::new(Some(FailPoint::ManifestWritten), 0)), ..run.clone() })
            .await
            .unwrap_err();
        env.run(&run).await.unwrap();
        both.insert((110, "a".to_owned()), (1, 1));
        assert_eq!(env.answer().unwrap(), both);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_seen_before_a_drain_are_still_known_after_it() {
    let env = TestEnv::new(&[row("a", 1, 1), row("b", 12, 1)], &[2; 8]);
    let mut operators = deduplicated(5, Some(1000));
    operators.push(OperatorSpec::Aggregate(aggregate(true)));
    let run = RunOptions::new(operators);
    env.run(&run).await.unwrap();
    env.source.append(&batch(&[row("a", 25, 1), row("c", 26, 1)]));
    env.run(&run).await.unwrap();
    let wanted =
        [((10, "a".to_owned()), (1, 1)), ((20, "b".to_owned()), (1, 1)), ((30, "c".to_owned()), (1, 1))];
    assert_eq!(env.answer().unwrap(), Answer::from(wanted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_query_continues_where_it_stopped() {
    let all = rows(9, 80);
    let env = TestEnv::new(&all[..40], &[3, 1, 9]);
    let run = RunOptions {
        trigger: Trigger::ProcessingTime { interval: Some(Duration::from_secs(1)) },
        ..RunOptions::new(windowed(5))
    };
    let query = env.start(&run.clone().workers(3)).await.unwrap();
    query.process_all_available().await.unwrap();
    query.stop().await.unwrap();
    assert_eq!((query.is_active(), query.exception()), (false, None));
    assert_eq!(query.status().message, "Stopped");
    assert!(query.await_termination(Some(Duration::ZERO)).await.unwrap());
    env.source.append(&batch(&all[40..]));
    env.run(&RunOptions::new(windowed(5)).workers(2)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn available_now_leaves_windows_open_and_a_later_run_closes_them() {
    let all = rows(10, 60);
    let env = TestEnv::new(&all[..30], &[8, 8, 8]);
    let run = RunOptions { drain: false, ..RunOptions::new(windowed(5)) };
    env.run(&run.clone().workers(2)).await.unwrap();
    assert!(env.answer().unwrap().len() < expect(&all[..30]).len());
    env.source.append(&batch(&all[30..]));
    let once = RunOptions { trigger: Trigger::Once, ..run.clone() };
    let query = env.run(&once).await.unwrap();
    assert_eq!(query.recent_progress().len(), 1);
    env.run(&RunOptions { drain: true, ..run }).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_start_fences_the_earlier_one() {
    let all = rows(11, 60);
    let env = TestEnv::new(&all[..30], &[]);
    let run =
        RunOptions { trigger: Trigger::ProcessingTime { interval: None }, ..RunOptions::new(windowed(5)) };
    let old = env.start(&run).await.unwrap();
    old.process_all_available().await.unwrap();
    let new = env.start(&run).await.unwrap();
    env.source.append(&batch(&all[30..]));
    let error = old.await_termination(None).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_FENCED");
    assert_eq!(old.exception().unwrap().class(), "STREAM_FENCED");
    new.drain().await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_commits_in_the_sink_the_checkpoint_decides() {
    let all = rows(12, 60);
    let env = TestEnv::new(&all[..30], &[7, 7]);
    let run = RunOptions { guarantee: Guarantee::AtLeastOnce, drain: false, ..RunOptions::new(windowed(5)) };
    let query = env.run(&run).await.unwrap();
    assert_eq!(query.last_progress().unwrap().sink.guarantee, "at-least-once");
    env.source.append(&batch(&all[30..]));
    env.run(&RunOptions { drain: true, ..run.workers(3) }).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_credits_do_not_block_a_query() {
    let all = rows(13, 300);
    for bytes in [1, 2048, 8192] {
        let env = TestEnv::new(&all, &[100, 1]);
        env.run(&RunOptions { bytes, ..RunOptions::new(windowed(5)).workers(3) }).await.unwrap();
        assert_eq!(env.answer().unwrap(), expect(&all), "{bytes} bytes");
        let env = TestEnv::new(&all, &[100, 1]);
        env.run(&RunOptions { bytes, ..RunOptions::new(vec![]) }).await.unwrap();
        assert_eq!(env.values().len(), 300, "{bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsupported_plans_are_refused_at_the_start() {
    let env = TestEnv::new(&rows(1, 3), &[]);
    let watermark = || OperatorSpec::Watermark { column: 1, delay_us: 0 };
    let grouped = || OperatorSpec::Aggregate(aggregate(true));
    let no_time = AggregateSpec { event_time: None, ..aggregate(true) };
    let cases: BTreeMap<&str, Vec<OperatorSpec>> = BTreeMap::from([
        ("a watermark after a stateful operator", vec![grouped(), watermark()]),
        ("no watermark closes", vec![grouped()]),
        ("append output of an aggregation", vec![watermark(), OperatorSpec::Aggregate(no_time)]),
    ]);
    for (text, operators) in cases {
        let error = env.start(&RunOptions::new(operators)).await.unwrap_err();
        assert_eq!(error.class(), "UNSUPPORTED_FEATURE");
        assert!(error.message().contains(text), "{error} does not say {text}");
    }
    for workers in [0, 65] {
        let error = env.start(&RunOptions::new(windowed(1)).workers(workers)).await.unwrap_err();
        assert_eq!(error.class(), "INVALID_PARAMETER_VALUE");
    }
}
