//! Shows each epoch of a stream as a table.
//!
//! The crate neither prints nor renders cells: both are functions that the console is created with. A console does not
//! remember its commits, so the sink delivers at least once.

mod sink;

pub use sink::{Console, EpochStyle, Print, Show};
