//! Tables in memory: what a streaming query writes can be read by its name.
//!
//! The tables belong to one connector, so to one engine, and end with its process. A table knows
//! the last epoch and generation of the query that fills it, so within the process the sink is
//! exactly-once; after a crash the table is empty and says so.

mod sink;
mod table;

pub use table::{Memory, MemoryTable};
