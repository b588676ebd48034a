//! The clock of the coordinator, so that a test decides what time it is.
//!
//! Only the coordinator reads a [`StreamClock`]; operators get their time with the epoch.

use async_trait::async_trait;
use std::fmt::Debug;
use std::time::Duration;
use thalweg_common::clock::{Clock, SystemClock};

/// Gives the coordinator the time, and wakes it.
#[async_trait]
pub trait StreamClock: Send + Sync + Debug {
    /// Returns microseconds since 1970 in UTC.
    fn now_us(&self) -> i64;
    /// Returns when `duration` has passed.
    async fn sleep(&self, duration: Duration);
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemStreamClock;

#[async_trait]
impl StreamClock for SystemStreamClock {
    fn now_us(&self) -> i64 {
        SystemClock::default().now_micros()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
