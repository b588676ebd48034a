//! The connectors that need no library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod console;
mod memory;
mod noop;
mod rate;
