//! More output than fits anywhere: workers wait for room, nothing is lost, and a stop ends the waiting.

use super::behaviour::row;
use super::world::*;
use crate::Trigger;
use crate::coord::{CALLERS_MAX, STAGES_MAX};
use crate::hooks::Probe;
use crate::rt::REPORTS_MAX;
use async_trait::async_trait;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Every group is a report of its own, and there are many times more of them than may wait.
fn many() -> (World, Run, Answer) {
    let mut rows: Vec<In> = (0..8 * REPORTS_MAX).map(|i| row(&format!("k{i}"), 1, 1)).collect();
    rows.push(row("last", 100, 1));
    let world = World::new(&rows, &[rows.len() - 1, 1]);
    (world, Run { bytes: 1, rows_per_chunk: 1, ..Run::new(windowed(5)).workers(2) }, expect(&rows))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_reports_wait_for_room() {
    let (world, run, expect) = many();
    world.run(&run).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect);
}

/// A sink that takes nothing.
#[derive(Debug)]
struct Stuck {
    staging: Semaphore,
    never: Semaphore,
}

#[async_trait]
impl Probe for Stuck {
    async fn at(&self, point: FailPoint, _: Epoch) -> Result<()> {
        if point == FailPoint::SinkStage {
            self.staging.add_permits(1);
            self.never.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_stuck_gets_no_more_than_its_share_and_a_stop_ends_all_waiting() {
    let (world, run, expect) = many();
    let stuck = Arc::new(Stuck { staging: Semaphore::new(0), never: Semaphore::new(0) });
    let trigger = Trigger::ProcessingTime { interval: None };
    let query = world.start(&Run { probe: Some(stuck.clone()), trigger, ..run.clone() }).await.unwrap();
    stuck.staging.acquire_many(STAGES_MAX as u32).await.unwrap().forget();
    let mut callers = JoinSet::new();
    for _ in 0..=CALLERS_MAX {
        let query = query.clone();
        callers.spawn(async move { query.process_all_available().await });
    }
    let first = callers.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(first.class(), "STREAM_TOO_MANY_CALLERS");
    assert_eq!(stuck.staging.available_permits(), 0, "more than {STAGES_MAX} pieces are being written");
    query.stop().await.unwrap();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap().unwrap();
    }
    world.run(&run).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect);
}
