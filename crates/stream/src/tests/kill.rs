//! The kill matrix: generations that die, and generations that are frozen while the next one goes
//! on and thawed afterwards, at every fail point. The answer must be the batch answer, each row once.

use super::behaviour::rows;
use super::world::*;
use crate::hooks::Probe;
use crate::planted::Planted;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;

fn killed() -> Error {
    Error::new(ErrorKind::Internal, "KILLED", "XX000", "the test killed this generation")
}

/// Dies at the n-th hit of a fail point, or of any fail point.
#[derive(Debug)]
pub struct Kill {
    point: Option<FailPoint>,
    left: AtomicUsize,
    dead: AtomicBool,
    seen: Mutex<BTreeSet<FailPoint>>,
}

impl Kill {
    pub fn new(point: Option<FailPoint>, hit: usize) -> Arc<Self> {
        let (left, dead, seen) = (AtomicUsize::new(hit), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { point, left, dead, seen })
    }
    /// Passes every fail point and remembers what.
    fn never() -> Arc<Self> {
        Self::new(None, usize::MAX)
    }
}

#[async_trait]
impl Probe for Kill {
    async fn at(&self, point: FailPoint, _: Epoch) -> Result<()> {
        self.seen.lock().unwrap().insert(point);
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

/// Waits at the n-th hit of a fail point until it is thawed.
#[derive(Debug)]
struct Freeze {
    point: FailPoint,
    left: AtomicUsize,
    frozen: Semaphore,
    thawed: Semaphore,
}

impl Freeze {
    fn new(point: FailPoint, hit: usize) -> Arc<Self> {
        let (frozen, thawed) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { point, left: AtomicUsize::new(hit), frozen, thawed })
    }
}

#[async_trait]
impl Probe for Freeze {
    async fn at(&self, point: FailPoint, _: Epoch) -> Result<()> {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.frozen.add_permits(1);
            self.thawed.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

const CUTS: [usize; 12] = [7, 1, 1, 20, 3, 1, 9, 30, 2, 1, 5, 11];

fn world() -> (World, Answer) {
    let rows = rows(3, 120);
    (World::new(&rows, &CUTS), expect(&rows))
}

/// Every fail point that a run hits, in a run that is not disturbed.
async fn points_of_a_run() -> BTreeSet<FailPoint> {
    let (world, _) = world();
    let probe = Kill::never();
    let run = Run { probe: Some(probe.clone()), ..Run::new(windowed(5)) };
    world.run(&run).await.unwrap();
    probe.seen.lock().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_hits_every_fail_point() {
    let seen = points_of_a_run().await;
    let missing: Vec<_> = FailPoint::ALL.iter().filter(|p| !seen.contains(p)).collect();
    assert!(missing.is_empty(), "not hit: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_several_hits_of_every_fail_point_a_stream_loses_nothing_and_repeats_nothing() {
    let mut kills = 0;
    for point in FailPoint::ALL {
        for hit in [0, 1, 4, 9] {
            let (world, expect) = world();
            for (generation, workers) in [2, 3, 1].into_iter().enumerate() {
                let probe = Kill::new(Some(*point), hit);
                let run = Run { probe: Some(probe.clone()), ..Run::new(windowed(5)).workers(workers) };
                match world.run(&run).await {
                    Err(error) => assert_eq!(error.class(), "KILLED", "{point:?} {generation}: {error}"),
                    Ok(_) => assert!(!probe.dead.load(Ordering::SeqCst), "{point:?}: a dead run ended well"),
                }
                kills += usize::from(probe.dead.load(Ordering::SeqCst));
            }
            world.run(&Run::new(windowed(5)).workers(2)).await.unwrap();
            assert_eq!(world.answer().as_ref(), Ok(&expect), "{point:?} hit {hit}");
        }
    }
    assert!(kills > 100, "only {kills} kills");
}

/// One seeded life: generations die at random hits until one gets through.
async fn life(seed: u64, planted: Planted) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let rows = rows(seed, 60 + random.usize(0..120));
    let cuts: Vec<usize> = (0..60).map(|_| if random.bool() { 1 } else { random.usize(1..25) }).collect();
    let world = World::new(&rows, &cuts);
    for _ in 0..12 {
        let probe = Kill::new(None, random.usize(3..90));
        let run = Run { probe: Some(probe), planted, ..Run::new(windowed(5)).workers(random.usize(1..4)) };
        match world.run(&run).await {
            Err(error) if error.class() == "KILLED" => {}
            Err(error) => return Err(error.to_string()),
            Ok(_) => break,
        }
    }
    world.run(&Run { planted, ..Run::new(windowed(5)) }).await.map_err(|e| e.to_string())?;
    if world.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    let answer = world.answer()?;
    if answer != expect(&rows) {
        return Err(format!("{} groups instead of {}, or other sums", answer.len(), expect(&rows).len()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lives_of_many_seeded_deaths_end_with_the_batch_answer() {
    for seed in 0..40 {
        life(seed, Planted::default()).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

/// Dies between manifest and commit; the next run must go on from the commit before.
async fn uncommitted_manifest(planted: Planted) -> Result<(), String> {
    let (world, expect) = world();
    let probe = Kill::new(Some(FailPoint::ManifestWritten), 2);
    let run = Run { probe: Some(probe), ..Run::new(windowed(5)).workers(2) };
    assert_eq!(world.run(&run).await.unwrap_err().class(), "KILLED");
    world.run(&Run { planted, ..Run::new(windowed(5)) }).await.map_err(|e| e.to_string())?;
    if world.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    // The epoch itself may have had no output; its rows are in the windows that close later.
    let epochs: Vec<u64> = world.target.epochs().iter().map(|(epoch, _)| *epoch).collect();
    if epochs != (0..epochs.len() as u64).collect::<Vec<_>>() {
        return Err(format!("an epoch is missing: {epochs:?}"));
    }
    if world.answer()? == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_faults_are_noticed() {
    let none = Planted::default();
    uncommitted_manifest(none).await.unwrap();
    for planted in [Planted { restore_newest: true, ..none }, Planted { skip_fence: true, ..none }] {
        uncommitted_manifest(planted).await.expect_err("a planted fault went unnoticed");
    }
    let mut lost = 0;
    for seed in 0..20 {
        lost += usize::from(life(seed, Planted { restore_newest: true, ..none }).await.is_err());
    }
    assert!(lost > 0, "restoring the newest manifest lost nothing in 20 lives");
}

/// Holds the snapshot of epoch 2 back until that of epoch 3 is written, and dies when epoch 2 is
/// committed: what is restored then is epoch 2, and nothing of epoch 3 may be in it.
#[derive(Debug)]
struct Overtake {
    written: Semaphore,
}

#[async_trait]
impl Probe for Overtake {
    async fn at(&self, point: FailPoint, epoch: Epoch) -> Result<()> {
        match (point, epoch.0) {
            (FailPoint::SnapshotWritten, 2) => self.written.acquire().await.unwrap().forget(),
            (FailPoint::SnapshotWritten, 3) => self.written.add_permits(1),
            (FailPoint::CommitRecorded, 2) => return Err(killed()),
            _ => {}
        }
        Ok(())
    }
}

async fn overtake(planted: Planted) -> Result<(), String> {
    let (world, expect) = world();
    let probe = Arc::new(Overtake { written: Semaphore::new(0) });
    let run = Run { probe: Some(probe), planted, ..Run::new(windowed(5)).workers(2) };
    assert_eq!(world.run(&run).await.unwrap_err().class(), "KILLED");
    world.run(&Run::new(windowed(5))).await.map_err(|e| e.to_string())?;
    if world.answer()? == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_that_is_overtaken_keeps_its_own_state() {
    overtake(Planted::default()).await.unwrap();
    let mixed = Planted { mix_epochs: true, ..Planted::default() };
    overtake(mixed).await.expect_err("two epochs were mixed, and nobody noticed");
}

/// Freezes a generation at a fail point, runs the next one to its end, thaws the old one.
async fn freeze(point: FailPoint, hit: usize, planted: Planted) -> Result<(), String> {
    let (world, expect) = world();
    let probe = Freeze::new(point, hit);
    let run = Run { probe: Some(probe.clone()), planted, ..Run::new(windowed(5)).workers(2) };
    let old = async {
        let ended = world.run(&run).await;
        // A run that ends without having come by is not frozen, and nobody shall wait for it.
        probe.frozen.add_permits(1);
        ended
    };
    let new = async {
        probe.frozen.acquire().await.unwrap().forget();
        let ended = world.run(&Run { planted, ..Run::new(windowed(5)).workers(3) }).await;
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
    if world.target.unfenced_commits() > 0 {
        return Err("committed without a fence".to_owned());
    }
    let answer = world.answer()?;
    if answer == expect { Ok(()) } else { Err("another answer".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_at_every_fail_point_and_thawed_after_the_next_run_an_old_one_changes_nothing() {
    for point in FailPoint::ALL {
        for hit in [0, 2, 5] {
            freeze(*point, hit, Planted::default())
                .await
                .unwrap_or_else(|e| panic!("{point:?} hit {hit}: {e}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_fence_the_freeze_is_noticed() {
    let planted = Planted { skip_fence: true, ..Planted::default() };
    freeze(FailPoint::SinkCommit, 2, planted).await.expect_err("no fence, and nobody noticed");
}
