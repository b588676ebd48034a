//! Kills generations at every fail point, and freezes them while the next generation runs.
//!
//! The result must be the batch answer, with each row once.

use super::behaviour::rows;
use super::env::*;
use crate::injected_bugs::InjectedBugs;
use crate::test_hooks::FailPointProbe;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;

fn killed() -> Error {
    Error::new(ErrorKind::Internal, "KILLED", "XX000", "the test killed this generation")
}

/// Kills a generation at the n-th hit of one fail point, or of all fail points together.
#[derive(Debug)]
pub(crate) struct Kill {
    point: Option<FailPoint>,
    left: AtomicUsize,
    dead: AtomicBool,
    seen: Mutex<BTreeSet<FailPoint>>,
}

impl Kill {
    pub(crate) fn new(point: Option<FailPoint>, hit: usize) -> Arc<Self> {
        let (left, dead, seen) = (AtomicUsize::new(hit), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { point, left, dead, seen })
    }
    /// Kills nothing and records the fail points that are hit.
    fn never() -> Arc<Self> {
        Self::new(None, usize::MAX)
    }
}

#[async_trait]
impl FailPointProbe for Kill {
    async fn on_hit(&self, point: FailPoint, _: Epoch) -> Result<()> {
        lock(&self.seen).insert(point);
        if self.dead.load(Ordering::SeqCst) {
            return Err(killed());
        }
        if self.point.is_none_or(|p| p == point) && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.dead.store(true, Ordering::SeqCst);
            return Err(killed());
        }
        Ok(())
    }
}

/// Freezes a generation at the n-th hit of a fail point until it is thawed.
#[derive(Debug)]
pub(crate) struct Freeze {
    point: FailPoint,
    left: AtomicUsize,
    pub frozen: Semaphore,
    pub thawed: Semaphore,
}

impl Freeze {
    pub(crate) fn new(point: FailPoint, hit: usize) -> Arc<Self> {
        let (frozen, thawed) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { point, left: AtomicUsize::new(hit), frozen, thawed })
    }
}

#[async_trait]
impl FailPointProbe for Freeze {
    async fn on_hit(&self, point: FailPoint, _: Epoch) -> Result<()> {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.frozen.add_permits(1);
            self.thawed.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

const EPOCH_ROWS: [usize; 12] = [7, 1, 1, 20, 3, 1, 9, 30, 2, 1, 5, 11];

fn env() -> (TestEnv, Answer) {
    let rows = rows(3, 120);
    (TestEnv::new(&rows, &EPOCH_ROWS), expect(&rows))
}

/// Returns the fail points that an undisturbed run hits.
async fn points_of_a_run() -> BTreeSet<FailPoint> {
    let (env, _) = env();
    let probe = Kill::never();
    let run = RunOptions { probe: Some(probe.clone()), ..RunOptions::new(windowed(5)) };
    env.run(&run).await.unwrap();
    lock(&probe.seen).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_hits_every_fail_point() {
    let seen = points_of_a_run().await;
    let missing: Vec<_> = FailPoint::ALL.iter().filter(|p| !seen.contains(p)).collect();
    assert!(missing.is_empty(), "not hit: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_every_fail_point_lose_and_repeat_nothing() {
    let mut kills = 0;
    for point in FailPoint::ALL {
        for hit in [0, 1, 4, 9] {
            let (env, expect) = env();
            for (generation, workers) in [2, 3, 1].into_iter().enumerate() {
                let probe = Kill::new(Some(*point), hit);
                let run = RunOptions {
                    probe: Some(probe.clone()),
                    ..RunOptions::new(windowed(5)).workers(workers)
                };
                match env.run(&run).await {
                    Err(error) => assert_eq!(error.class(), "KILLED", "{point:?} {generation}: {error}"),
                    Ok(_) => assert!(!probe.dead.load(Ordering::SeqCst), "{point:?}: a dead run ended well"),
                }
                kills += usize::from(probe.dead.load(Ordering::SeqCst));
            }
            env.run(&RunOptions::new(windowed(5)).workers(2)).await.unwrap();
            assert_eq!(env.answer().as_ref(), Ok(&expect), "{point:?} hit {hit}");
        }
    }
    assert!(kills > 100, "only {kills} kills");
}

/// Kills generations at random hits until one completes the input.
async fn random_kills(seed: u64, injected: InjectedBugs) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let rows = rows(seed, 60 + random.usize(0..120));
    let epoch_rows: Vec<usize> =
        (0..60).map(|_| if random.bool() { 1 } else { random.usize(1..25) }).collect();
    let env = TestEnv::new(&rows, &epoch_rows);
    for _ in 0..12 {
        let probe = Kill::new(None, random.usize(3..90));
        let run = RunOptions {
            probe: Some(probe),
            injected,
            ..RunOptions::new(windowed(5)).workers(random.usize(1..4))
        };
        match env.run(&run).await {
            Err(error) if error.class() == "KILLED" => {}
            Err(error) => return Err(error.to_string()),
            Ok(_) => break,
        }
    }
    env.run(&RunOptions { injected, ..RunOptions::new(windowed(5)) }).await.map_err(|e| e.to_string())?;
    if env.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    let answer = env.answer()?;
    if answer != expect(&rows) {
        return Err(format!("{} groups instead of {}, or other sums", answer.len(), expect(&rows).len()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_kills_do_not_change_the_answer() {
    for seed in 0..40 {
        random_kills(seed, InjectedBugs::default()).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

/// Kills a generation between manifest and commit; the next run must continue from the previous commit.
async fn uncommitted_manifest(injected: InjectedBugs) -> Result<(), String> {
    let (env, expect) = env();
    let probe = Kill::new(Some(FailPoint::ManifestWritten), 2);
    let run = RunOptions { probe: Some(probe), ..RunOptions::new(windowed(5)).workers(2) };
    assert_eq!(env.run(&run).await.unwrap_err().class(), "KILLED");
    env.run(&RunOptions { injected, ..RunOptions::new(windowed(5)) }).await.map_err(|e| e.to_string())?;
    if env.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    // The lost epoch may have had no output, since its rows are in windows that close later.
    let epochs: Vec<u64> = env.target.epochs().iter().map(|(epoch, _)| *epoch).collect();
    if epochs != (0..epochs.len() as u64).collect::<Vec<_>>() {
        return Err(format!("an epoch is missing: {epochs:?}"));
    }
    if env.answer()? == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn injected_bugs_are_detected() {
    let none = InjectedBugs::default();
    uncommitted_manifest(none).await.unwrap();
    for injected in [InjectedBugs { restore_newest: true, ..none }, InjectedBugs { skip_fence: true, ..none }]
    {
        uncommitted_manifest(injected).await.expect_err("an injected bug was not detected");
    }
    let mut lost = 0;
    for seed in 0..20 {
        lost += usize::from(random_kills(seed, InjectedBugs { restore_newest: true, ..none }).await.is_err());
    }
    assert!(lost > 0, "restoring the newest manifest lost nothing with 20 seeds");
}

/// Rounds of all tasks in which the coordinator receives what has ended.
const ROUNDS: usize = 1000;
/// Trials of which one has to detect that two epochs are mixed.
const MIXED_TRIALS: usize = 20;

/// Delays the snapshot of epoch 2 until that of epoch 3 is written, and kills the generation when epoch 2 is
/// committed. The next run restores epoch 2, whose state must contain nothing of epoch 3.
#[derive(Debug)]
struct LateSnapshot {
    written: Semaphore,
}

#[async_trait]
impl FailPointProbe for LateSnapshot {
    async fn on_hit(&self, point: FailPoint, epoch: Epoch) -> Result<()> {
        match (point, epoch.0) {
            (FailPoint::SnapshotWritten, 2) => {
                self.written.acquire().await.unwrap().forget();
                // The other snapshot ends after its fail point, and the coordinator has to learn of it first.
                for _ in 0..ROUNDS {
                    tokio::task::yield_now().await;
                }
            }
            (FailPoint::SnapshotWritten, 3) => self.written.add_permits(1),
            (FailPoint::CommitRecorded, 2) => return Err(killed()),
            _ => {}
        }
        Ok(())
    }
}

async fn late_snapshot(injected: InjectedBugs) -> Result<(), String> {
    let (env, expect) = env();
    let probe = Arc::new(LateSnapshot { written: Semaphore::new(0) });
    let run = RunOptions { probe: Some(probe), injected, ..RunOptions::new(windowed(5)).workers(2) };
    assert_eq!(env.run(&run).await.unwrap_err().class(), "KILLED");
    env.run(&RunOptions::new(windowed(5))).await.map_err(|e| e.to_string())?;
    if env.answer()? == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_whose_snapshot_is_written_late_contains_its_own_state_only() {
    late_snapshot(InjectedBugs::default()).await.unwrap();
    let mixed = InjectedBugs { mix_epochs: true, ..InjectedBugs::default() };
    // The bug does damage only if the coordinator learns of the later snapshot first.
    let mut detected = false;
    for _ in 0..MIXED_TRIALS {
        detected |= late_snapshot(mixed).await.is_err();
    }
    assert!(detected, "mixing two epochs was not detected");
}

/// Freezes a generation at a fail point, runs the next one until it ends, and thaws the old one.
async fn freeze(point: FailPoint, hit: usize, injected: InjectedBugs) -> Result<(), String> {
    let (env, expect) = env();
    let probe = Freeze::new(point, hit);
    let run = RunOptions { probe: Some(probe.clone()), injected, ..RunOptions::new(windowed(5)).workers(2) };
    let old = async {
        let ended = env.run(&run).await;
        // A run that ends without hitting the fail point is not frozen, so the new run must not wait for it.
        probe.frozen.add_permits(1);
        ended
    };
    let new = async {
        probe.frozen.acquire().await.unwrap().forget();
        let ended = env.run(&RunOptions { injected, ..RunOptions::new(windowed(5)).workers(3) }).await;
        probe.thawed.add_permits(1);
        ended
    };
    let (old, new) = tokio::join!(old, new);
    new.map_err(|e| format!("the new run failed: {e}"))?;
    if let Err(error) = old
        && error.class() != "STREAM_FENCED"
    {
        return Err(format!("the old run failed with {error}"));
    }
    if env.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    let answer = env.answer()?;
    if answer == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_frozen_at_any_fail_point_and_thawed_after_the_next_run_changes_nothing() {
    for point in FailPoint::ALL {
        for hit in [0, 2, 5] {
            freeze(*point, hit, InjectedBugs::default())
                .await
                .unwrap_or_else(|e| panic!("{point:?} hit {hit}: {e}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freezing_detects_a_missing_fence() {
    let injected = InjectedBugs { skip_fence: true, ..InjectedBugs::default() };
    freeze(FailPoint::SinkCommit, 2, injected).await.expect_err("the missing fence was not detected");
}
