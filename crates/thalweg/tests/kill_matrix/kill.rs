//! Kills processes at several hits of every fail point, in random orders.
//!
//! A trial is one input and one table. Its process is started with the next fault of the list; after it was
//! killed, it is started again with the fault after that. If a process ends before its fault, the fault is
//! put back for a later trial. A fault that several trials do not reach counts as never reached.

use crate::input::Trial;
use crate::process::{Process, ProcessEnd, read};
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Mutex;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::lock::lock;

/// Fail points that a process hits once, before its first epoch.
pub(crate) const ONCE_PER_PROCESS: [FailPoint; 5] = [
    FailPoint::GenerationClaim,
    FailPoint::GenerationClaimed,
    FailPoint::SinkFence,
    FailPoint::SinkFenced,
    FailPoint::StateRestored,
];

/// Random orders of the list of 19 fail points with 3 kills each. `TEST_SEEDS` sets another number.
const SEEDS: u64 = 7;
/// Trials that run at the same time.
const THREADS: u64 = 2;
/// Trials after which a fault counts as never reached.
const ATTEMPTS_MAX: u32 = 3;

/// Kills per fail point.
#[derive(Default)]
pub(crate) struct KillCounts {
    kills: BTreeMap<&'static str, usize>,
    trials: usize,
}

impl KillCounts {
    pub(crate) fn kills(&self) -> usize {
        self.kills.values().sum()
    }

    pub(crate) fn never_reached(&self) -> Vec<&'static str> {
        FailPoint::ALL.iter().map(|e| e.name()).filter(|n| !self.kills.contains_key(n)).collect()
    }

    fn add(&mut self, other: KillCounts) {
        self.trials += other.trials;
        for (point, kills) in other.kills {
            *self.kills.entry(point).or_default() += kills;
        }
    }
}

impl fmt::Display for KillCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "killed {} processes in {} trials: 0 rows lost, 0 twice", self.kills(), self.trials)?;
        for (point, kills) in &self.kills {
            writeln!(f, "  {point:<20} {kills:>4}")?;
        }
        write!(f, "  never reached: {:?}", self.never_reached())
    }
}

#[derive(Clone, Copy)]
struct PlannedKill {
    point: FailPoint,
    hit: u64,
    attempts: u32,
}

/// Returns the hits at which a process is killed, from 1.
fn hits(point: FailPoint) -> [u64; 3] {
    if ONCE_PER_PROCESS.contains(&point) { [1, 1, 1] } else { [1, 2, 3] }
}

/// Runs the trials of all seeds.
pub(crate) fn matrix() -> KillCounts {
    let total = Mutex::new(KillCounts::default());
    let seeds = std::env::var("TEST_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let total = &total;
            scope.spawn(move || {
                for seed in (0..seeds).filter(|s| s % THREADS == thread) {
                    let counts = run_seed(seed);
                    lock(total).add(counts);
                }
            });
        }
    });
    total.into_inner().unwrap()
}

/// Kills processes in one order of all faults, over as many trials as that needs.
fn run_seed(seed: u64) -> KillCounts {
    let mut rng = Rng::with_seed(seed);
    let mut faults: Vec<PlannedKill> = vec![];
    for point in FailPoint::ALL {
        faults.extend(hits(*point).map(|hit| PlannedKill { point: *point, hit, attempts: 0 }));
    }
    rng.shuffle(&mut faults);
    let mut faults = VecDeque::from(faults);
    let mut counts = KillCounts::default();
    while !faults.is_empty() {
        trial(seed * 1000 + counts.trials as u64, &mut faults, &mut counts);
        counts.trials += 1;
    }
    counts
}

/// Kills processes until the input is used up or the list is empty, then checks the table.
fn trial(seed: u64, faults: &mut VecDeque<PlannedKill>, counts: &mut KillCounts) {
    let trial = Trial::new(seed);
    let mut history: Vec<String> = vec![];
    loop {
        let fault = faults.pop_front();
        let text = fault.map(|f| format!("kill@{}:{}", f.point.name(), f.hit));
        history.extend(text.clone());
        match (Process::start(&trial, "one", "job", text.as_deref()).end(), fault) {
            (ProcessEnd::Killed, Some(fault)) => *counts.kills.entry(fault.point.name()).or_default() += 1,
            (ProcessEnd::Done(_), fault) => {
                let again = fault.map(|f| PlannedKill { attempts: f.attempts + 1, ..f });
                faults.extend(again.filter(|f| f.attempts < ATTEMPTS_MAX));
                break;
            }
            (ProcessEnd::Killed, None) => {
                panic!("trial {seed} after {history:?}: killed, but not by the test")
            }
            (ProcessEnd::Failed(why), _) => panic!("trial {seed} after {history:?}: {why}"),
        }
    }
    trial.check(&read(&trial, "one"), &format!("trial {seed} after {history:?}"));
}
