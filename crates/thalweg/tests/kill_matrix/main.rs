//! Kills and freezes real processes at every fail point, and checks that no row is lost or written twice.
//!
//! A finite streaming job runs as a real process, `thalweg sql -f job.sql`, which is killed by
//! SIGKILL at a fail point, started again, killed at the next one, and so on until its input is used up.
//! Then the table must hold what this file computes from the rows that it wrote itself. The second
//! half freezes a process at a fail point, lets a replacement do the work, and thaws the first one.
//! Waits only for processes; kills nothing that it did not start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../../src/fault.rs"]
mod fault;
mod freeze;
mod injected_bugs;
mod input;
mod kill;
mod process;

/// The matrix counts real kills; fewer than this would prove little.
const KILLS_MIN: usize = 300;

#[test]
fn a_process_killed_at_every_fail_point_loses_no_row_and_writes_none_twice() {
    let tally = kill::matrix();
    println!("{tally}");
    assert!(tally.kills() >= KILLS_MIN, "{tally}");
    assert!(tally.never_reached().is_empty(), "{tally}");
}

#[test]
fn a_process_frozen_at_every_fail_point_and_thawed_after_its_successor_changes_nothing() {
    let frozen = freeze::matrix();
    println!("froze and thawed {} processes: 0 rows lost, 0 twice", frozen.len());
}
