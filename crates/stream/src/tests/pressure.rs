//! Tests more output than all queues hold: workers wait for room, nothing is lost, and a stop ends the wait.

use super::behaviour::row;
use super::env::*;
use crate::Trigger;
use crate::coord::{STAGES_MAX, WAITERS_MAX};
use crate::rt::REPORTS_MAX;
use crate::test_hooks::FailPointProbe;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A query in which every group is a report of its own; there are many more of them than may wait.
fn many_groups() -> (TestEnv, RunOptions, Answer) {
    let mut rows: Vec<InputRow> = (0..8 * REPORTS_MAX).map(|i| row(&format!("k{i}"), 1, 1)).collect();
    rows.push(row("last", 100, 1));
    let env = TestEnv::new(&rows, &[rows.len() - 1, 1]);
    (
        env,
        RunOptions { bytes: 1, rows_per_chunk: 1, ..RunOptions::new(windowed(5)).workers(2) },
        expect(&rows),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_reports_do_not_block_a_query() {
    let (env, run, expect) = many_groups();
    env.run(&run).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect);
}

/// Counts the pieces of output that are staged.
#[derive(Debug, Default)]
struct Stages(AtomicUsize);

#[async_trait]
impl FailPointProbe for Stages {
    async fn on_hit(&self, point: FailPoint, _: Epoch) -> Result<()> {
        if point == FailPoint::SinkStage {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_close_at_once_are_few_pieces_of_output() {
    let mut rows: Vec<InputRow> = (0..5000).map(|i| row(&format!("k{i}"), 1, 1)).collect();
    rows.push(row("last", 100, 1));
    let env = TestEnv::new(&rows, &[rows.len() - 1, 1]);
    let stages = Arc::new(Stages::default());
    let run = RunOptions { rows_per_chunk: 100, probe: Some(stages.clone()), ..RunOptions::new(windowed(5)) };
    env.run(&run).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&rows));
    // Each slice shares the buffers of all groups, and is small.
    let stages = stages.0.load(Ordering::SeqCst);
    assert!((1..10).contains(&stages), "{stages}");
}

/// Blocks the sink before it stages anything.
#[derive(Debug)]
struct BlockedSink {
    staging: Semaphore,
    never: Semaphore,
}

#[async_trait]
impl FailPointProbe for BlockedSink {
    async fn on_hit(&self, point: FailPoint, _: Epoch) -> Result<()> {
        if point == FailPoint::SinkStage {
            self.staging.add_permits(1);
            self.never.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_sink_stages_a_bounded_number_of_chunks_and_a_stop_ends_all_waits() {
    let (env, run, expect) = many_groups();
    let blocked = Arc::new(BlockedSink { staging: Semaphore::new(0), never: Semaphore::new(0) });
    let trigger = Trigger::ProcessingTime { interval: None };
    let query =
        env.start(&RunOptions { probe: Some(blocked.clone()), trigger, ..run.clone() }).await.unwrap();
    blocked.staging.acquire_many(STAGES_MAX as u32).await.unwrap().forget();
    let mut callers = JoinSet::new();
    for _ in 0..=WAITERS_MAX {
        let query = query.clone();
        callers.spawn(async move { query.process_all_available().await });
    }
    let first = callers.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(first.class(), "STREAM_TOO_MANY_CALLERS");
    assert_eq!(blocked.staging.available_permits(), 0, "more than {STAGES_MAX} chunks are being written");
    query.stop().await.unwrap();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap().unwrap();
    }
    env.run(&run).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect);
}
