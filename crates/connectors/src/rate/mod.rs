//! The source `rate`: so many numbered rows per second since the query first ran.
//!
//! Rows are a function of the start time alone, so any range of seconds can be read again. Entry
//! 0 of the source's log holds the start; entry `n` the second at which plan `n` ends. Row `v`
//! comes in second `v / rowsPerSecond`, evenly spread.

mod source;

pub use source::Rate;
