//! Tests the coordinator with real workers and real checkpoints, and with a source and a sink in memory.
//!
//! A test is data: rows of epochs, kills at fail points, numbers of workers. Tests set the clock, and nothing
//! sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviour;
mod collection;
mod copies;
mod disk;
mod env;
mod formats;
mod graph;
mod growth;
mod io_errors;
mod join;
mod kill;
mod late_rows;
mod pressure;
mod processing_time;
mod retry;
mod schedule;
mod source_and_sink;
mod stop;
