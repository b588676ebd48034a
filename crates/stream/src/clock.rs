//! Time as an argument: the coordinator asks a [`Clock`], so that a test decides what time it is.
//!
//! Only the coordinator may ask; operators get their time with the epoch.

use async_trait::async_trait;
use std::fmt::Debug;
use std::time::Duration;
use thalweg_common::clock::Clock as _;

/// Where the coordinator gets the time.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// Microseconds since 1970 in UTC.
    fn now_us(&self) -> i64;
    /// Returns when `duration` has passed.
    async fn sleep(&self, duration: Duration);
}

/// The time of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        thalweg_common::clock::SystemClock::default().now_micros()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
