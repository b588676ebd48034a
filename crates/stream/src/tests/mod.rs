//! Tests the coordinator with real workers and real checkpoints, and with a source and a sink in memory.
//!
//! A test is data: rows of epochs, kills at fail points, numbers of workers. Tests set the clock, and nothing
//! sleeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviour;
mod copies;
mod disk;
mod env;
mod formats;
mod graph;
mod growth;
mod join;
mod kill;
mod pressure;
mod processing_time;
mod source_and_sink;
