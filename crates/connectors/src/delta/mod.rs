//! Delta Lake: the connector, the log and the exactly-once sink.
//!
//! Snapshots are read by `deltalake-core`; the commits are our own, since what a commit may
//! follow is the heart of exactly-once: each goes against the very state of the log that was
//! checked, and a lost race means checking again, never resolving on the quiet.

mod batch;
mod definition;
mod descriptor;
mod fit;
mod history;
mod log;
mod sink;
mod stage;
mod table;
#[cfg(test)]
mod tests;

pub use table::Delta;
