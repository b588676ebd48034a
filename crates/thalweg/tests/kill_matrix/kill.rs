//! Kills at every fail point, at several hits each, in seeded orders.
//!
//! A trial is one input and one table. Its process is started with the next fault of the list; killed,
//! it is started again with the one after it. A process that ends before its fault gives the fault
//! back for a later trial. What no fresh trial reaches either is counted as never reached.

use crate::input::Trial;
use crate::process::{End, Process, read};
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Mutex;
use thalweg_common::fail_point::FailPoint;

/// What a process hits once, before its first epoch.
pub const AT_START: [FailPoint; 5] = [
    FailPoint::GenerationClaim,
    FailPoint::GenerationClaimed,
    FailPoint::SinkFence,
    FailPoint::SinkFenced,
    FailPoint::StateRestored,
];

/// Orders of the whole list: 17 fail points, 3 kills each. `TEST_SEEDS` asks for more.
const SEEDS: u64 = 7;
/// Trials side by side: two cores.
const LANES: u64 = 2;
/// A fault that this many trials did not reach is given up.
const ATTEMPTS_MAX: u32 = 3;

/// Kills per fail point.
#[derive(Default)]
pub struct Tally {
    kills: BTreeMap<&'static str, usize>,
    trials: usize,
}

impl Tally {
    pub fn kills(&self) -> usize {
        self.kills.values().sum()
    }

    pub fn never_reached(&self) -> Vec<&'static str> {
        FailPoint::ALL.iter().map(|e| e.name()).filter(|n| !self.kills.contains_key(n)).collect()
    }

    fn add(&mut self, other: Tally) {
        self.trials += other.trials;
        for (point, kills) in other.kills {
            *self.kills.entry(point).or_default() += kills;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "killed {} processes in {} trials: 0 rows lost, 0 twice", self.kills(), self.trials)?;
        for (point, kills) in &self.kills {
            writeln!(f, "  {point:<20} {kills:>4}")?;
        }
        write!(f, "  never reached: {:?}", self.never_reached())
    }
}

#[derive(Clone, Copy)]
struct Fault {
    point: FailPoint,
    hit: u64,
    attempts: u32,
}

/// Crossings at which a process is killed, from 1. A process claims, fences and restores once.
fn hits(point: FailPoint) -> [u64; 3] {
    if AT_START.contains(&point) { [1, 1, 1] } else { [1, 2, 3] }
}

/// Runs all seeds.
pub fn matrix() -> Tally {
    let total = Mutex::new(Tally::default());
    let seeds = std::env::var("TEST_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let total = &total;
            scope.spawn(move || {
                for seed in (0..seeds).filter(|s| s % LANES == lane) {
                    let tally = chain(seed);
                    total.lock().unwrap().add(tally);
                }
            });
        }
    });
    total.into_inner().unwrap()
}

/// One order of all faults, over as many trials as they need.
fn chain(seed: u64) -> Tally {
    let mut rng = Rng::with_seed(seed);
    let mut faults: Vec<Fault> = vec![];
    for point in FailPoint::ALL {
        faults.extend(hits(*point).map(|hit| Fault { point: *point, hit, attempts: 0 }));
    }
    rng.shuffle(&mut faults);
    let mut faults = VecDeque::from(faults);
    let mut tally = Tally::default();
    while !faults.is_empty() {
        trial(seed * 1000 + tally.trials as u64, &mut faults, &mut tally);
        tally.trials += 1;
    }
    tally
}

/// Kills until the input is used up or the list is empty; then checks the table.
fn trial(seed: u64, faults: &mut VecDeque<Fault>, tally: &mut Tally) {
    let trial = Trial::new(seed);
    let mut history: Vec<String> = vec![];
    loop {
        let fault = faults.pop_front();
        let text = fault.map(|f| format!("kill@{}:{}", f.point.name(), f.hit));
        history.extend(text.clone());
        match (Process::start(&trial, "one", "job", text.as_deref()).end(), fault) {
            (End::Killed, Some(fault)) => *tally.kills.entry(fault.point.name()).or_default() += 1,
            (End::Done(_), fault) => {
                let again = fault.map(|f| Fault { attempts: f.attempts + 1, ..f });
                faults.extend(again.filter(|f| f.attempts < ATTEMPTS_MAX));
                break;
            }
            (End::Killed, None) => panic!("trial {seed} after {history:?}: killed by somebody else"),
            (End::Failed(why), _) => panic!("trial {seed} after {history:?}: {why}"),
        }
    }
    trial.check(&read(&trial, "one"), &format!("trial {seed} after {history:?}"));
}
