//! Defines how operators access their keyed state: many keys at a time, and by event time.
//!
//! An operator passes all keys of a batch or of an epoch in one call, so that state which is not in memory can be read
//! and written in one pass. Each entry has the event time at which the watermark removes it, or [`NEVER`].
//! What always holds: what is scanned and removed comes in an order that does not depend on the memory of a run, so
//! that a replayed epoch emits the same rows in the same order.

use std::ops::RangeBounds;

/// The time of entries that only the end of the input removes.
pub(crate) const NEVER: i64 = i64::MAX;

/// A key, and the event time at which its entry is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimedKey<'k> {
    pub time: i64,
    pub key: &'k [u8],
}

/// The entries of one state that a worker owns.
pub(crate) trait KeyedState {
    /// What is known of a key.
    type Found<'s>
    where
        Self: 's;
    /// What is kept for a key.
    type Value<'v>;
    /// An entry, as a scan returns it.
    type Entry<'s>
    where
        Self: 's;
    /// An entry that was removed.
    type Removed;

    /// Looks up keys; returns what is known of each, in their order.
    fn get_many<'s>(&'s self, keys: &[TimedKey<'_>]) -> Vec<Self::Found<'s>>;

    /// Puts entries.
    fn put_many<'v>(&mut self, entries: impl Iterator<Item = (TimedKey<'v>, Self::Value<'v>)>);

    /// Returns the entries of some times, ordered by time and key.
    fn scan(&self, times: impl RangeBounds<i64>) -> Vec<Self::Entry<'_>>;

    /// Removes and returns the entries up to `time`, ordered by time and key.
    fn take_until(&mut self, time: i64) -> Vec<Self::Removed>;

    /// Returns the number of entries.
    fn rows(&self) -> usize;

    /// Returns the bytes of all entries, with their overhead.
    fn bytes(&self) -> usize;
}
