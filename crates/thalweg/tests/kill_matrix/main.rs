//! Kills and freezes real processes at every fail point, and checks that no row is lost or written twice.
//!
//! A finite streaming job runs as a real process, `thalweg sql -f job.sql`, which is killed by
//! SIGKILL at a fail point, started again, killed at the next one, and so on until its input is used up.
//! Then the table must contain the rows that [`input`] computes. The second half freezes a process at a
//! fail point, runs another one until it ends, and thaws the first one. The tests wait for processes
//! only, and kill none that they did not start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../../src/fault.rs"]
mod fault;
mod freeze;
mod injected_bugs;
mod input;
mod kill;
mod process;

/// Kills below which the test fails, since it would prove little.
const KILLS_MIN: usize = 300;

#[test]
fn a_process_killed_at_every_fail_point_loses_no_row_and_writes_none_twice() {
    let counts = kill::matrix();
    println!("{counts}");
    assert!(counts.kills() >= KILLS_MIN, "{counts}");
    assert!(counts.never_reached().is_empty(), "{counts}");
}

#[test]
fn a_process_frozen_at_every_fail_point_and_thawed_after_its_successor_changes_nothing() {
    let frozen = freeze::matrix();
    println!("froze and thawed {} processes: 0 rows lost, 0 twice", frozen.len());
}
