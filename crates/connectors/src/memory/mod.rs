//! Keeps what a streaming query writes in memory, where it is read by the query's name.
//!
//! The tables belong to one connector, and so to one engine, and end with its process. A table records the last epoch
//! and generation of the query that fills it, so within the process the sink delivers exactly once. After the end of the
//! process the table is empty and has no last epoch. A query in complete mode then fills it with its next epoch; one in
//! another mode is refused, since the rows of its earlier epochs are lost.

mod sink;
mod table;

pub use table::{Memory, MemoryTable};
