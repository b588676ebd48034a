//! Produces a number of rows for each second since the query first ran: the source `rate`.
//!
//! Rows are a function of the start time alone, so any range of seconds can be read again. Entry 0 of the source's log
//! holds the start, and entry `n` the second at which plan `n` ends. Row `v` belongs to second `v / rowsPerSecond`, and
//! the rows of a second are spread evenly over it.

mod source;

pub use source::Rate;
