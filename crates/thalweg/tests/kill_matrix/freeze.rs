//! Freezes the old process at every fail point, lets a new one finish, thaws the old one.
//!
//! Two processes can't share a data directory: a lock forbids it. What is to be shown is the case in
//! which no lock helps, two machines over the same storage; so each has its own data directory, and
//! the checkpoint and the table are shared.

use crate::input::Trial;
use crate::kill::AT_START;
use crate::process::{End, Process, read};
use std::sync::Mutex;
use thalweg_common::fail_point::FailPoint;

/// Crossings at which the old process freezes.
const HITS: [u64; 2] = [1, 3];
const LANES: usize = 2;

/// Runs every fail point; answers which freezes happened.
pub fn matrix() -> Vec<String> {
    let mut cases: Vec<(FailPoint, u64)> = vec![];
    for point in FailPoint::ALL {
        let once = AT_START.contains(point);
        cases.extend(HITS.into_iter().filter(|c| !once || *c == 1).map(|hit| (*point, hit)));
    }
    let frozen = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (cases, frozen) = (&cases, &frozen);
            scope.spawn(move || {
                for (n, (point, hit)) in cases.iter().enumerate().filter(|(n, _)| n % LANES == lane) {
                    let fault = format!("stop@{}:{hit}", point.name());
                    if freeze(n as u64, &fault) {
                        frozen.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let frozen = frozen.into_inner().unwrap();
    for point in FailPoint::ALL {
        let first = format!("stop@{}:1", point.name());
        assert!(frozen.contains(&first), "no process froze at {first}; frozen: {frozen:?}");
    }
    frozen
}

/// One freeze; false if the process ended before it came to the fail point.
fn freeze(seed: u64, fault: &str) -> bool {
    let trial = Trial::new(seed);
    trial.share_checkpoints(&["old", "new"]);
    let Some(old) = Process::start(&trial, "old", "job", Some(fault)).frozen() else { return false };
    match Process::start(&trial, "new", "job", None).end() {
        End::Done(_) => {}
        End::Killed => panic!("the new process beside one frozen at {fault} was killed by somebody"),
        End::Failed(why) => panic!("the new process beside one frozen at {fault}: {why}"),
    }
    trial.check(&read(&trial, "new"), &format!("{fault}, before the thaw"));
    old.thaw();
    // The old one may find itself fenced, or find nothing left to do; it may not change the table.
    if let End::Killed = old.end() {
        panic!("the process frozen at {fault} was killed by somebody");
    }
    trial.check(&read(&trial, "new"), &format!("{fault}, after the thaw"));
    true
}
