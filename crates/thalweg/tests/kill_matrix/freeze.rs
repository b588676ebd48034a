//! Freezes an old process at every fail point, runs a new one until it ends, and thaws the old one.
//!
//! A lock prevents two processes from sharing a data directory. These tests are about two machines over the
//! same storage, where no lock helps. So each process has its own data directory, and they share the
//! checkpoint and the table.

use crate::input::Trial;
use crate::kill::ONCE_PER_PROCESS;
use crate::process::{Process, ProcessEnd, read};
use std::sync::Mutex;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::lock::lock;

/// Hits at which the old process freezes.
const HITS: [u64; 2] = [1, 3];
const THREADS: usize = 2;

/// Freezes a process at every fail point; returns the freezes that happened.
pub(crate) fn matrix() -> Vec<String> {
    let mut cases: Vec<(FailPoint, u64)> = vec![];
    for point in FailPoint::ALL {
        let once = ONCE_PER_PROCESS.contains(point);
        cases.extend(HITS.into_iter().filter(|c| !once || *c == 1).map(|hit| (*point, hit)));
    }
    let frozen = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cases, frozen) = (&cases, &frozen);
            scope.spawn(move || {
                for (n, (point, hit)) in cases.iter().enumerate().filter(|(n, _)| n % THREADS == thread) {
                    let fault = format!("stop@{}:{hit}", point.name());
                    if freeze(n as u64, &fault) {
                        lock(frozen).push(fault);
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

/// Freezes one process; returns false if it ended before it hit the fail point.
fn freeze(seed: u64, fault: &str) -> bool {
    let trial = Trial::new(seed);
    trial.share_checkpoints(&["old", "new"]);
    let Some(old) = Process::start(&trial, "old", "job", Some(fault)).frozen() else { return false };
    match Process::start(&trial, "new", "job", None).end() {
        ProcessEnd::Done(_) => {}
        ProcessEnd::Killed => panic!("the new process was killed while another one was frozen at {fault}"),
        ProcessEnd::Failed(why) => {
            panic!("the new process failed while another one was frozen at {fault}: {why}")
        }
    }
    trial.check(&read(&trial, "new"), &format!("{fault}, before the thaw"));
    old.thaw();
    // The old process may end as fenced or find nothing to do. It must not change the table.
    if let ProcessEnd::Killed = old.end() {
        panic!("the process frozen at {fault} was killed");
    }
    trial.check(&read(&trial, "new"), &format!("{fault}, after the thaw"));
    true
}
