//! Resolution of SQL and of DataFrames, with a catalog in memory. One program, since each would link all of DataFusion.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod errors;
mod frames;
mod guards;
mod loads;
mod names;
mod select;
mod streams;
mod subqueries;
