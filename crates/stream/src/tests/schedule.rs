//! Tests when epochs are planned: by the interval while the time of day is set to other times, and not more often than
//! needed for a caller that waits for all data.

use super::behaviour::row;
use super::env::*;
use super::source_and_sink::ManualStreamClock;
use crate::checkpoint::CheckpointFiles;
use crate::test_hooks::FailPointProbe;
use crate::{Checkpoint, Trigger};
use async_trait::async_trait;
use object_store::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use tokio::sync::Semaphore;

const YEAR_US: i64 = 365 * 24 * 3600 * 1_000_000;
const INTERVAL: Duration = Duration::from_secs(1);
const EPOCHS: u64 = 3;

/// Sets the time of day whenever an epoch is planned, and lets the test wait until all epochs are recorded.
#[derive(Debug)]
struct SteppingClock {
    clock: Arc<ManualStreamClock>,
    /// What is added after the plan of each epoch.
    steps_us: [i64; EPOCHS as usize],
    recorded: Semaphore,
}

#[async_trait]
impl FailPointProbe for SteppingClock {
    async fn on_hit(&self, point: FailPoint, epoch: Epoch) -> Result<()> {
        match point {
            FailPoint::PlanWritten => {
                let step = self.steps_us.get(epoch.0 as usize).copied().unwrap_or(0);
                self.clock.0.fetch_add(step, Ordering::SeqCst);
            }
            FailPoint::CommitRecorded if epoch.0 % EPOCHS == EPOCHS - 1 => self.recorded.add_permits(1),
            _ => {}
        }
        Ok(())
    }
}

/// Returns the processing times of epochs that were planned.
async fn processing_times(env: &TestEnv, epochs: std::ops::Range<u64>) -> Vec<i64> {
    let files = CheckpointFiles::new(&Checkpoint { store: Arc::clone(&env.store), prefix: Path::from("q") });
    let mut times = vec![];
    for epoch in epochs {
        times.extend(files.plan(Epoch(epoch)).await.unwrap().map(|plan| plan.processing_time_us));
    }
    times
}

/// Runs one epoch per row with these steps of the time of day; returns how long it took by the monotonic time.
async fn run_stepping(env: &TestEnv, steps_us: [i64; EPOCHS as usize]) -> Duration {
    let clock = Arc::clone(&env.clock);
    let before = clock.1.load(Ordering::SeqCst);
    let probe = Arc::new(SteppingClock { clock: Arc::clone(&clock), steps_us, recorded: Semaphore::new(0) });
    let run = RunOptions {
        trigger: Trigger::ProcessingTime { interval: Some(INTERVAL) },
        probe: Some(probe.clone()),
        ..RunOptions::new(vec![])
    };
    let query = env.start(&run).await.unwrap();
    probe.recorded.acquire().await.unwrap().forget();
    query.stop().await.unwrap();
    Duration::from_micros(clock.1.load(Ordering::SeqCst) - before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_of_day_that_is_set_neither_stalls_nor_floods_a_query() {
    let rows: Vec<InputRow> = (0..2 * EPOCHS as i64).map(|i| row("a", i, i)).collect();
    let cases = [[0; 3], [-YEAR_US, 0, 0], [YEAR_US, 0, 0], [YEAR_US, -2 * YEAR_US, YEAR_US], [-1, -1, 1]];
    for steps in cases {
        let env = TestEnv::new(&rows[..EPOCHS as usize], &[1; 12]);
        env.clock.0.store(2 * YEAR_US, Ordering::SeqCst);
        let took = run_stepping(&env, steps).await;
        // An idle query goes on to poll until its last commit is recorded, so the upper bound is generous.
        assert!(took >= INTERVAL * (EPOCHS as u32 - 1), "{steps:?}: {EPOCHS} epochs within {took:?}");
        assert!(took < Duration::from_secs(24 * 3600), "{steps:?}: {EPOCHS} epochs took {took:?}");
        // The next run begins with a time of day before that of the last epoch.
        env.clock.0.fetch_sub(YEAR_US / 2, Ordering::SeqCst);
        env.source.append(&batch(&rows[EPOCHS as usize..]));
        run_stepping(&env, steps).await;
        let times = processing_times(&env, EPOCHS - 1..2 * EPOCHS).await;
        assert!(
            times.is_sorted() && times.len() == EPOCHS as usize + 1,
            "{steps:?}: processing times {times:?}"
        );
        assert_eq!(env.values().len(), 2 * EPOCHS as usize);
    }
}

/// Holds back the first commit, and tells that it is there.
#[derive(Debug)]
struct HeldCommit {
    there: Semaphore,
    go_on: Semaphore,
}

#[async_trait]
impl FailPointProbe for HeldCommit {
    async fn on_hit(&self, point: FailPoint, epoch: Epoch) -> Result<()> {
        if point == FailPoint::ManifestWrite && epoch.0 == 0 {
            self.there.add_permits(1);
            self.go_on.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

/// Rounds of all tasks in which a query could plan too often.
const ROUNDS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_waits_for_all_data_does_not_make_the_query_plan_again_and_again() {
    let env = TestEnv::new(&[row("a", 1, 1)], &[1]);
    // No poll of the idle query counts: its clock stands still.
    env.clock.2.store(true, Ordering::SeqCst);
    let held = Arc::new(HeldCommit { there: Semaphore::new(0), go_on: Semaphore::new(0) });
    let run = RunOptions {
        trigger: Trigger::ProcessingTime { interval: None },
        probe: Some(held.clone()),
        ..RunOptions::new(vec![])
    };
    let query = env.start(&run).await.unwrap();
    held.there.acquire().await.unwrap().forget();
    let all = tokio::spawn({
        let query = query.clone();
        async move { query.process_all_available().await }
    });
    for _ in 0..ROUNDS {
        tokio::task::yield_now().await;
    }
    assert!(!all.is_finished(), "returned before the commit");
    held.go_on.add_permits(1);
    all.await.unwrap().unwrap();
    assert_eq!(env.values(), [1]);
    // The plan of the epoch, the one of the query after it, and the one for the caller.
    let plans = env.source.plans.load(Ordering::SeqCst);
    assert!(plans <= 3, "{plans} plans for one epoch");
    query.stop().await.unwrap();
}
