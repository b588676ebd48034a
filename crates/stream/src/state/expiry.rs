//! Stores keys that expire: by key the time at which it expires, and the keys in the order of these times.

use super::table::NEVER;
use datafusion::common::HashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of an entry besides its key: the counts of the shared key, two references, a time, and the slot of the
/// hash table.
const ENTRY_OVERHEAD: usize = 64;

/// Keys that one worker owns, each with the time at which it expires. Keys that never expire have [`NEVER`].
#[derive(Debug, Default)]
pub(crate) struct ExpiringKeys {
    by_key: HashMap<Arc<[u8]>, i64>,
    by_time: BTreeMap<i64, Vec<Arc<[u8]>>>,
    bytes: usize,
}

impl ExpiringKeys {
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.by_key.contains_key(key)
    }

    /// Inserts a key that is not there, and returns it.
    pub(crate) fn insert(&mut self, key: &[u8], expires: i64) -> Arc<[u8]> {
        let key: Arc<[u8]> = key.into();
        self.bytes += key.len() + ENTRY_OVERHEAD;
        self.by_key.insert(Arc::clone(&key), expires);
        // Nothing asks for those that never expire by time.
        if expires != NEVER {
            self.by_time.entry(expires).or_default().push(Arc::clone(&key));
        }
        key
    }

    /// Removes a key, if it is there.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        let Some(expires) = self.by_key.remove(key) else { return };
        self.bytes -= key.len() + ENTRY_OVERHEAD;
        if let Some(keys) = self.by_time.get_mut(&expires) {
            keys.retain(|k| k.as_ref() != key);
            if keys.is_empty() {
                self.by_time.remove(&expires);
            }
        }
    }

    /// Removes and returns the keys that expire at `time` or before, ordered by time and key.
    pub(crate) fn expire(&mut self, time: i64) -> Vec<Arc<[u8]>> {
        let mut expired = Vec::new();
        while let Some(first) = self.by_time.first_entry().filter(|e| *e.key() <= time) {
            let mut keys = first.remove();
            keys.sort_unstable();
            for key in &keys {
                self.by_key.remove(key.as_ref());
                self.bytes -= key.len() + ENTRY_OVERHEAD;
            }
            expired.append(&mut keys);
        }
        expired
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn bytes(&self) -> usize {
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
        assert!(keys.contains(b"a") && keys.contains(b"d") && !keys.contains(b"e"));
        assert_eq!(keys.expire(9).len(), 0);
        let expired: Vec<_> = keys.expire(10).iter().map(|k| k.to_vec()).collect();
        assert_eq!(expired, [b"a".to_vec(), b"b".to_vec()]);
        keys.remove(b"c");
        keys.remove(b"gone");
        assert_eq!((keys.expire(i64::MAX).len(), keys.len(), keys.contains(b"d")), (0, 1, true));
        keys.remove(b"d");
        assert_eq!((keys.len(), keys.bytes()), (0, 0));
    }
}
