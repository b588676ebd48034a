//! Stores keys that expire: by key the time at which it expires, and the keys in the order of these times.

use super::access::{KeyedState, NEVER, TimedKey};
use datafusion::common::HashMap;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

/// Bytes of an entry besides its key: the counts of the shared key, two references, a time, and the slot of the
/// hash table.
const ENTRY_OVERHEAD: usize = 64;

/// Keys that one worker owns, each with the time at which it expires. Keys that never expire have [`NEVER`].
#[derive(Debug, Default)]
pub(crate) struct ExpiringKeys {
    by_key: HashMap<Arc<[u8]>, i64>,
    /// May have keys that were removed, and those that were put again twice.
    by_time: BTreeMap<i64, Vec<Arc<[u8]>>>,
    bytes: usize,
}

impl ExpiringKeys {
    /// Inserts a key that is not there.
    fn insert(&mut self, key: &[u8], expires: i64) {
        let key: Arc<[u8]> = key.into();
        self.bytes += key.len() + ENTRY_OVERHEAD;
        self.by_key.insert(Arc::clone(&key), expires);
        // Nothing asks for those that never expire by time.
        if expires != NEVER {
            self.by_time.entry(expires).or_default().push(key);
        }
    }

    /// Removes a key, if it is there.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        // Many keys may have one time, so they are not searched for each that is removed.
        if self.by_key.remove(key).is_some() {
            self.bytes -= key.len() + ENTRY_OVERHEAD;
        }
    }
}

impl KeyedState for ExpiringKeys {
    /// When the key expires, if it is there.
    type Found<'s> = Option<i64>;
    type Value<'v> = ();
    type Entry<'s> = &'s [u8];
    type Removed = Arc<[u8]>;

    fn get_many(&self, keys: &[TimedKey<'_>]) -> Vec<Option<i64>> {
        keys.iter().map(|key| self.by_key.get(key.key).copied()).collect()
    }

    /// Puts keys that are not there.
    fn put_many<'v>(&mut self, entries: impl Iterator<Item = (TimedKey<'v>, ())>) {
        entries.for_each(|(key, ())| self.insert(key.key, key.time));
    }

    fn scan(&self, times: impl RangeBounds<i64>) -> Vec<&[u8]> {
        let mut all = Vec::new();
        for (time, keys) in self.by_time.range(times) {
            let keys = keys.iter().map(AsRef::as_ref);
            let mut keys: Vec<&[u8]> = keys.filter(|key| self.by_key.get(*key) == Some(time)).collect();
            keys.sort_unstable();
            keys.dedup();
            all.append(&mut keys);
        }
        all
    }

    /// Keys that never expire stay, whatever the time.
    fn take_until(&mut self, time: i64) -> Vec<Arc<[u8]>> {
        let mut expired = Vec::new();
        while let Some(first) = self.by_time.first_entry().filter(|e| *e.key() <= time) {
            let (time, mut keys) = first.remove_entry();
            keys.retain(|key| self.by_key.get(key) == Some(&time));
            keys.sort_unstable();
            keys.dedup();
            for key in &keys {
                self.by_key.remove(key.as_ref());
                self.bytes -= key.len() + ENTRY_OVERHEAD;
            }
            expired.append(&mut keys);
        }
        expired
    }

    fn rows(&self) -> usize {
        self.by_key.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn keys_expire_in_the_order_of_their_times_and_are_accounted_for() {
        let mut keys = ExpiringKeys::default();
        for (key, time) in [("b", 10), ("a", 10), ("c", 20), ("d", NEVER)] {
            keys.insert(key.as_bytes(), time);
        }
        let of = |key| TimedKey { time: 0, key };
        assert_eq!(keys.get_many(&[of(b"a"), of(b"d"), of(b"e")]), [Some(10), Some(NEVER), None]);
        assert_eq!(keys.scan(10..), [b"a", b"b", b"c"]);
        assert_eq!(keys.take_until(9).len(), 0);
        let expired: Vec<_> = keys.take_until(10).iter().map(|k| k.to_vec()).collect();
        assert_eq!(expired, [b"a".to_vec(), b"b".to_vec()]);
        keys.remove(b"c");
        keys.remove(b"gone");
        assert_eq!((keys.take_until(i64::MAX).len(), keys.rows()), (0, 1));
        keys.remove(b"d");
        assert_eq!((keys.rows(), keys.bytes()), (0, 0));
    }
    /// With a search for each key, this would take minutes.
    #[test]
    fn many_keys_of_one_time_are_removed_and_put_again() {
        let mut keys = ExpiringKeys::default();
        let all: Vec<[u8; 4]> = (0..200_000u32).map(u32::to_be_bytes).collect();
        all.iter().for_each(|key| keys.insert(key, 10));
        all.iter().for_each(|key| keys.remove(key));
        assert_eq!((keys.rows(), keys.bytes(), keys.scan(..).len()), (0, 0, 0));
        keys.insert(&all[1], 10);
        keys.insert(&all[0], 10);
        keys.insert(&all[2], 20);
        assert_eq!(keys.scan(..=10), [all[0], all[1]]);
        let expired: Vec<_> = keys.take_until(10).iter().map(|k| k.to_vec()).collect();
        assert_eq!(expired, [all[0].to_vec(), all[1].to_vec()]);
        assert_eq!(keys.take_until(20).len(), 1);
        assert_eq!((keys.rows(), keys.bytes()), (0, 0));
    }
}
