//! The command line: rows, messages and exit codes. One program, since each would link the whole of the binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod full_disk;
mod sql;
mod verbs;
