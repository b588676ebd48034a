//! Streaming jobs as real processes, where what matters is the process: its disk, its death, its clock.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_files;
mod full_disk;
mod processing_time;
