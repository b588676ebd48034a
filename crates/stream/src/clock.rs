//! The clocks of the coordinator, so that a test decides what time it is.
//!
//! The time of day is for what users see: processing times, and the multiples of a trigger's interval. It may be set
//! to any other time while a query runs, so whatever waits or is measured uses the monotonic time. Only the
//! coordinator reads a [`StreamClock`]; operators get their time with the epoch.

use async_trait::async_trait;
use std::fmt::Debug;
use std::time::Duration;
use thalweg_common::clock::{Clock, SystemClock};

/// Gives the coordinator the time, and wakes it.
#[async_trait]
pub trait StreamClock: Send + Sync + Debug {
    /// Returns microseconds since 1970 in UTC.
    fn now_us(&self) -> i64;
    /// Returns the time since an arbitrary start. It never decreases, whatever the time of day is set to.
    fn monotonic(&self) -> Duration;
    /// Returns when `duration` of the monotonic time has passed.
    async fn sleep(&self, duration: Duration);
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemStreamClock(SystemClock);

#[async_trait]
impl StreamClock for SystemStreamClock {
    fn now_us(&self) -> i64 {
        self.0.now_micros()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
