//! Text of a cell as a value and back, by Spark's rules: numbers, dates, timestamps, patterns.
//!
//! Pure: no files, no Arrow batches, no clock. What does not parse is `None`; the caller knows
//! the row and says so.

pub mod cell;
pub(crate) mod config;
pub mod datetime;
pub(crate) mod encoding;
pub(crate) mod number;
pub(crate) mod output;
pub(crate) mod pattern;
pub(crate) mod rows;
pub(crate) mod write;
pub(crate) mod zone;

pub use zone::Zone;
