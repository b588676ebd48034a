//! The console sink: each epoch as a table, handed to whoever may print.
//!
//! This crate neither prints nor knows how a cell looks: both come from outside. A console
//! remembers nothing, so the sink is at-least-once.

mod sink;

pub use sink::{Console, Print, Show};
