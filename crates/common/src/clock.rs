//! Defines the clock, its implementation by the operating system, and one that tests set.
//!
//! The system clock here is the only code that reads the time of the operating system, apart from the places
//! that `xtask` lists.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The name of the function that represents the processing time in the expressions of a streaming query: no
/// arguments, microseconds since 1970 in UTC. Each epoch replaces its calls by a constant, so the function is
/// never evaluated.
pub const PROCESSING_TIME: &str = "processing_time";

/// Returns the time. Code that needs the time takes a clock, so that a test can set it.
///
/// ```
/// use thalweg_common::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::default();
/// clock.set(1_000_000);
/// assert_eq!(clock.now_micros(), 1_000_000);
/// ```
pub trait Clock: Send + Sync + Debug {
    /// Returns microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;
    /// Returns the time since an arbitrary fixed start; it never decreases.
    fn monotonic(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

#[allow(clippy::disallowed_methods)]
impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

#[allow(clippy::disallowed_methods)]
impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        // A clock that is set before 1970 counts as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
    fn monotonic(&self) -> Duration {
        // `Instant` never goes back, in contrast to the time of day.
        self.start.elapsed()
    }
}

/// A clock that a test sets.
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// Sets the time, in microseconds since 1970.
    pub fn set(&self, micros: i64) {
        self.micros.store(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.now_micros()).unwrap_or_default())
    }
}
