//! The driver under test: real workers and real files, with a source and a sink in memory.
//!
//! Everything that a test does is data: rows with cuts, kills at fail points, worker counts. Time is a
//! manual clock and nothing sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviour;
mod disk;
mod growth;
mod kill;
mod memory;
mod now;
mod pressure;
mod world;
