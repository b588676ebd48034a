//! What a query does when nothing goes wrong: answers, triggers, watermarks, progress, handles.

use super::world::*;
use crate::{AggregateSpec, OperatorSpec, OutputMode, Step, Trigger};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_connectors::stream::Guarantee;

pub fn row(k: &str, t: i64, v: i64) -> In {
    (k.to_owned(), t, v)
}

/// Rows of a few keys over some windows, in seeded order with disorder below 5 s.
pub fn rows(seed: u64, count: usize) -> Vec<In> {
    let mut random = fastrand::Rng::with_seed(seed);
    let one =
        |i: usize| (format!("k{}", random.u8(0..7)), i as i64 / 2 + random.i64(0..5), random.i64(-3..10));
    (0..count).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_any_cuts_and_workers_a_windowed_sum_is_the_batch_answer() {
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rows = rows(seed, 150);
        let one_row = seed % 8 == 0;
        let cuts: Vec<_> = (0..200).map(|_| if one_row { 1 } else { random.usize(1..40) }).collect();
        let world = World::new(&rows, &cuts);
        world.run(&Run::new(windowed(5)).workers(1 + seed as usize % 3)).await.unwrap();
        assert_eq!(world.answer().unwrap(), expect(&rows), "seed {seed}");
        assert_eq!(world.target.unfenced_commits(), 0);
        assert_eq!(world.source.released.load(std::sync::atomic::Ordering::SeqCst), 150);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_mode_ends_with_the_batch_answer_and_sends_only_what_was_touched() {
    let rows = rows(5, 100);
    let world = World::new(&rows, &[30, 1, 1, 40]);
    let operators = vec![OperatorSpec::Aggregate(aggregate(false))];
    let run = Run { mode: OutputMode::Update, ..Run::new(operators).workers(3) };
    world.run(&run).await.unwrap();
    let mut last = Answer::new();
    for (epoch, batches) in world.target.epochs() {
        let sent: Vec<_> = batches.iter().flat_map(decode).collect();
        assert!(!(1..=2).contains(&epoch) || sent.len() == 1, "epoch {epoch} of one row sent {sent:?}");
        last.extend(sent);
    }
    assert_eq!(last, expect(&rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_without_an_aggregate_pass_in_order() {
    let rows: Vec<In> = (0..50).map(|i| row("a", i, i)).collect();
    let world = World::new(&rows, &[1, 20, 5]);
    let even = datafusion::physical_expr::expressions::binary(
        datafusion::physical_expr::expressions::col("v", &input_schema()).unwrap(),
        datafusion::logical_expr::Operator::GtEq,
        datafusion::physical_expr::expressions::lit(10i64),
        &input_schema(),
    );
    let keep = OperatorSpec::Stateless(vec![Step::Filter(even.unwrap())]);
    world.run(&Run::new(vec![keep])).await.unwrap();
    assert_eq!(world.values(), (10..50).collect::<Vec<_>>());
}

/// Sliding windows come as a list of window ends that is unnested.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_windows_is_unnested_before_the_aggregate() {
    let rows = rows(6, 60);
    let world = World::new(&rows, &[13, 1, 9]);
    world.run(&Run::new(sliding(5)).workers(2)).await.unwrap();
    let mut twice = Answer::new();
    for later in [0, WINDOW] {
        for ((end, key), (sum, count)) in expect(&rows) {
            let slot = twice.entry((end + later, key)).or_default();
            *slot = (slot.0 + sum, slot.1 + count);
        }
    }
    assert_eq!(world.answer().unwrap(), twice);
}

/// Spark: the watermark of an epoch comes from the epochs before it; a row is late if its group
/// closed at the watermark of the epoch before; an epoch without data follows a watermark that moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_dropped_and_counted_by_sparks_rule() {
    let rows = [row("a", 1, 1), row("a", 25, 1), row("a", 2, 100), row("a", 26, 1), row("a", 3, 1000)];
    let world = World::new(&rows, &[1, 1, 1, 1, 1]);
    let run = Run { drain: false, ..Run::new(windowed(5)) };
    let query = world.run(&run).await.unwrap();
    // Epoch 2 has watermark 20 from epoch 1, but its late rows are those of epoch 1's watermark: the
    // row of second 2 still counts. Epoch 4's row is late.
    assert_eq!(world.answer().unwrap(), Answer::from([((10, "a".to_owned()), (101, 2))]));
    let progress = query.recent_progress();
    let late: Vec<_> = progress.iter().map(|p| p.state_operators[0].num_rows_dropped_by_watermark).collect();
    assert_eq!(late.iter().sum::<u64>(), 1, "{late:?}");
    let marks: Vec<_> = progress.iter().map(|p| p.event_time["watermark"][11..19].to_owned()).collect();
    assert_eq!(marks, ["00:00:00", "00:00:00", "00:00:20", "00:00:20", "00:00:21"]);
    assert_eq!(progress.last().unwrap().state_operators[0].num_rows_total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_has_true_numbers_and_sparks_names() {
    let rows = rows(7, 30);
    let world = World::new(&rows, &[20]);
    let query = world.run(&Run { drain: false, ..Run::new(windowed(5)) }).await.unwrap();
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
    assert_eq!(out as usize, world.answer().unwrap().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_query_takes_what_arrives_and_drains() {
    let all = rows(8, 90);
    let world = World::new(&all[..30], &[]);
    let run = Run { trigger: Trigger::ProcessingTime { interval: None }, ..Run::new(windowed(5)) };
    let query = world.start(&run).await.unwrap();
    query.process_all_available().await.unwrap();
    assert!(query.is_active() && query.last_progress().is_some());
    world.source.append(&batch(&all[30..60]));
    query.process_all_available().await.unwrap();
    assert_eq!(query.recent_progress().iter().map(|p| p.num_input_rows).sum::<u64>(), 60);
    world.source.append(&batch(&all[60..]));
    query.drain().await.unwrap();
    assert!(!query.is_active());
    assert_eq!(world.answer().unwrap(), expect(&all));
    // Draining is for good: new input would open windows that were closed.
    world.run(&Run::new(windowed(5))).await.unwrap();
    let again =
        World { source: Arc::new(super::memory::MemorySource::new(batch(&rows(8, 95)), vec![])), ..world };
    let error = again.run(&Run::new(windowed(5))).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_DRAINED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_query_goes_on_where_it_was() {
    let all = rows(9, 80);
    let world = World::new(&all[..40], &[3, 1, 9]);
    let run = Run {
        trigger: Trigger::ProcessingTime { interval: Some(Duration::from_secs(1)) },
        ..Run::new(windowed(5))
    };
    let query = world.start(&run.clone().workers(3)).await.unwrap();
    query.process_all_available().await.unwrap();
    query.stop().await.unwrap();
    assert_eq!((query.is_active(), query.exception()), (false, None));
    assert_eq!(query.status().message, "Stopped");
    assert!(query.await_termination(Some(Duration::ZERO)).await.unwrap());
    world.source.append(&batch(&all[40..]));
    world.run(&Run::new(windowed(5)).workers(2)).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn available_now_leaves_windows_open_and_a_later_run_closes_them() {
    let all = rows(10, 60);
    let world = World::new(&all[..30], &[8, 8, 8]);
    let run = Run { drain: false, ..Run::new(windowed(5)) };
    world.run(&run.clone().workers(2)).await.unwrap();
    assert!(world.answer().unwrap().len() < expect(&all[..30]).len());
    world.source.append(&batch(&all[30..]));
    let once = Run { trigger: Trigger::Once, ..run.clone() };
    let query = world.run(&once).await.unwrap();
    assert_eq!(query.recent_progress().len(), 1);
    world.run(&Run { drain: true, ..run }).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_start_fences_the_earlier_one() {
    let all = rows(11, 60);
    let world = World::new(&all[..30], &[]);
    let run = Run { trigger: Trigger::ProcessingTime { interval: None }, ..Run::new(windowed(5)) };
    let old = world.start(&run).await.unwrap();
    old.process_all_available().await.unwrap();
    let new = world.start(&run).await.unwrap();
    world.source.append(&batch(&all[30..]));
    let error = old.await_termination(None).await.unwrap_err();
    assert_eq!(error.class(), "STREAM_FENCED");
    assert_eq!(old.exception().unwrap().class(), "STREAM_FENCED");
    new.drain().await.unwrap();
    assert_eq!(world.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_sink_that_cannot_remember_the_checkpoint_arbitrates() {
    let all = rows(12, 60);
    let world = World::new(&all[..30], &[7, 7]);
    let run = Run { guarantee: Guarantee::AtLeastOnce, drain: false, ..Run::new(windowed(5)) };
    let query = world.run(&run).await.unwrap();
    assert_eq!(query.last_progress().unwrap().sink.guarantee, "at-least-once");
    world.source.append(&batch(&all[30..]));
    world.run(&Run { drain: true, ..run.workers(3) }).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_credits_slow_a_query_down_but_never_stop_it() {
    let all = rows(13, 300);
    for bytes in [1, 2048, 8192] {
        let world = World::new(&all, &[100, 1]);
        world.run(&Run { bytes, ..Run::new(windowed(5)).workers(3) }).await.unwrap();
        assert_eq!(world.answer().unwrap(), expect(&all), "{bytes} bytes");
        let world = World::new(&all, &[100, 1]);
        world.run(&Run { bytes, ..Run::new(vec![]) }).await.unwrap();
        assert_eq!(world.values().len(), 300, "{bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_run_is_refused_at_the_start() {
    let world = World::new(&rows(1, 3), &[]);
    let mark = Step::Watermark { column: 1, delay_us: 0 };
    let grouped = || OperatorSpec::Aggregate(aggregate(true));
    let no_time = AggregateSpec { event_time: None, ..aggregate(true) };
    let cases: BTreeMap<&str, Vec<OperatorSpec>> = BTreeMap::from([
        ("more than one aggregation", vec![grouped(), grouped()]),
        ("a watermark after an aggregation", vec![grouped(), OperatorSpec::Stateless(vec![mark.clone()])]),
        ("more than one watermark", vec![OperatorSpec::Stateless(vec![mark.clone(), mark.clone()])]),
        ("no watermark closes", vec![grouped()]),
        (
            "append output of an aggregation",
            vec![OperatorSpec::Stateless(vec![mark]), OperatorSpec::Aggregate(no_time)],
        ),
    ]);
    for (text, operators) in cases {
        let error = world.start(&Run::new(operators)).await.unwrap_err();
        assert_eq!(error.class(), "UNSUPPORTED_FEATURE");
        assert!(error.message().contains(text), "{error} does not say {text}");
    }
    for workers in [0, 65] {
        let error = world.start(&Run::new(windowed(1)).workers(workers)).await.unwrap_err();
        assert_eq!(error.class(), "INVALID_PARAMETER_VALUE");
    }
}
