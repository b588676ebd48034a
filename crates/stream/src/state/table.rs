//! Stores the state of one operator on one worker: per event-time pane a hash table from key to state.
//!
//! Keys and states are Arrow rows. A pane contains the keys that close at the same event time. Closing
//! removes whole panes from the front of a sorted map, so its cost does not depend on the panes that stay
//! open. Keys that never close share the pane [`NEVER`](super::NEVER).

use super::access::{KeyedState, TimedKey};
use datafusion::common::HashMap;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Bytes of an entry besides its key and state: two boxes and the slot of the hash table.
const ENTRY_OVERHEAD: usize = 48;

type Pane = HashMap<Box<[u8]>, Box<[u8]>>;

/// A key and its state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StateRow {
    pub pane: i64,
    pub key: Box<[u8]>,
    pub state: Box<[u8]>,
}

/// The keys of one operator that a worker owns, with their state.
#[derive(Debug, Default)]
pub(crate) struct StateTable {
    panes: BTreeMap<i64, Pane>,
    rows: usize,
    bytes: usize,
}

impl StateTable {
    fn get(&self, pane: i64, key: &[u8]) -> Option<&[u8]> {
        self.panes.get(&pane)?.get(key).map(AsRef::as_ref)
    }

    fn put(&mut self, pane: i64, key: &[u8], state: &[u8]) {
        let entries = self.panes.entry(pane).or_default();
        // Counted here and not by a walk over all entries: the progress asks after every epoch.
        self.bytes += state.len();
        if let Some(old) = entries.get_mut(key) {
            self.bytes -= old.len();
            *old = state.into();
        } else {
            entries.insert(key.into(), state.into());
            self.rows += 1;
            self.bytes += key.len() + ENTRY_OVERHEAD;
        }
    }

    pub(crate) fn remove(&mut self, pane: i64, key: &[u8]) {
        let Some(entries) = self.panes.get_mut(&pane) else { return };
        if let Some(old) = entries.remove(key) {
            self.subtract(key.len(), old.len());
        }
        // An empty pane would be visited at each close until its time comes.
        if self.panes.get(&pane).is_some_and(HashMap::is_empty) {
            self.panes.remove(&pane);
        }
    }

    fn subtract(&mut self, key: usize, state: usize) {
        self.rows -= 1;
        self.bytes -= key + state + ENTRY_OVERHEAD;
    }
}

impl KeyedState for StateTable {
    type Found<'s> = Option<&'s [u8]>;
    type Value<'v> = &'v [u8];
    type Entry<'s> = (&'s [u8], &'s [u8]);
    type Removed = StateRow;

    fn get_many<'s>(&'s self, keys: &[TimedKey<'_>]) -> Vec<Option<&'s [u8]>> {
        keys.iter().map(|key| self.get(key.time, key.key)).collect()
    }

    fn put_many<'v>(&mut self, entries: impl Iterator<Item = (TimedKey<'v>, &'v [u8])>) {
        entries.for_each(|(key, state)| self.put(key.time, key.key, state));
    }

    fn scan(&self, times: impl RangeBounds<i64>) -> Vec<(&[u8], &[u8])> {
        let mut all = Vec::new();
        for (_, pane) in self.panes.range(times) {
            let mut rows: Vec<_> = pane.iter().map(|(key, state)| (key.as_ref(), state.as_ref())).collect();
            rows.sort_unstable();
            all.append(&mut rows);
        }
        all
    }

    fn take_until(&mut self, time: i64) -> Vec<StateRow> {
        let mut closed = Vec::new();
        while let Some(first) = self.panes.first_entry().filter(|p| *p.key() <= time) {
            let pane = *first.key();
            let mut rows: Vec<_> =
                first.remove().into_iter().map(|(key, state)| StateRow { pane, key, state }).collect();
            // The order of a hash table differs between runs, and a replayed epoch must emit the same rows in the
            // same order.
            rows.sort_unstable();
            for row in &rows {
                self.subtract(row.key.len(), row.state.len());
            }
            closed.append(&mut rows);
        }
        closed
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::NEVER;
    use super::*;

    #[test]
    fn closing_takes_the_panes_up_to_the_watermark_and_accounts_for_them() {
        let mut table = StateTable::default();
        for (pane, key, state) in [(10, "b", "1"), (10, "a", "22"), (20, "a", "333"), (NEVER, "a", "4")] {
            table.put(pane, key.as_bytes(), state.as_bytes());
        }
        table.put(20, b"a", b"9");
        assert_eq!((table.rows(), table.bytes()), (4, 4 + 5 + 4 * ENTRY_OVERHEAD));
        assert_eq!(table.take_until(9), vec![]);
        let keys: Vec<_> = table.take_until(10).into_iter().map(|r| (r.pane, r.key)).collect();
        assert_eq!(keys, vec![(10, Box::from(*b"a")), (10, Box::from(*b"b"))]);
        assert_eq!((table.get(10, b"a"), table.get(20, b"a")), (None, Some(b"9".as_ref())));
        table.remove(20, b"a");
        table.remove(20, b"gone");
        assert_eq!(table.take_until(i64::MAX - 1), vec![]);
        assert_eq!(table.take_until(i64::MAX).len(), 1);
        assert_eq!((table.rows(), table.bytes()), (0, 0));
    }
}
