//! Keeps what a streaming query writes in memory, where it is read by the query's name.
//!
//! The tables belong to one connector, and so to one engine, and end with its process. A table records the last epoch
//! and generation of the query that fills it, so within the process the sink delivers exactly once; after a crash the
//! table is empty and has no last epoch, so the query fills it from the start.

mod sink;
mod table;

pub use table::{Memory, MemoryTable};
