//! The state of one operator on one worker: a hash table from key to state per event-time pane.
//!
//! Keys and states are Arrow rows. A pane holds the keys that close at the same event time, so
//! closing is taking whole panes off the front of a sorted map: it costs what closes, not what stays.
//! Keys that never close share the pane [`NEVER`].

use datafusion::common::HashMap;
use std::collections::BTreeMap;

/// The pane of keys that no watermark closes; only draining does.
pub(crate) const NEVER: i64 = i64::MAX;

/// Bytes that an entry costs beside its key and state: two boxes, hash table slot.
const ENTRY_OVERHEAD: usize = 48;

type Pane = HashMap<Box<[u8]>, Box<[u8]>>;

/// A key and its state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub pane: i64,
    pub key: Box<[u8]>,
    pub state: Box<[u8]>,
}

/// All keys of one operator that a worker owns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    panes: BTreeMap<i64, Pane>,
    rows: usize,
    bytes: usize,
}

impl Table {
    pub(crate) fn get(&self, pane: i64, key: &[u8]) -> Option<&[u8]> {
        self.panes.get(&pane)?.get(key).map(AsRef::as_ref)
    }

    pub(crate) fn put(&mut self, pane: i64, key: &[u8], state: &[u8]) {
        let entries = self.panes.entry(pane).or_default();
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
            self.forget(key.len(), old.len());
        }
        if self.panes.get(&pane).is_some_and(HashMap::is_empty) {
            self.panes.remove(&pane);
        }
    }

    fn forget(&mut self, key: usize, state: usize) {
        self.rows -= 1;
        self.bytes -= key + state + ENTRY_OVERHEAD;
    }

    /// Takes out every key that closes at `watermark` or before, in the order of pane and key.
    pub(crate) fn close(&mut self, watermark: i64) -> Vec<Row> {
        let mut closed = Vec::new();
        while let Some(first) = self.panes.first_entry().filter(|p| *p.key() <= watermark) {
            let pane = *first.key();
            let mut rows: Vec<_> =
                first.remove().into_iter().map(|(key, state)| Row { pane, key, state }).collect();
            rows.sort_unstable();
            for row in &rows {
                self.forget(row.key.len(), row.state.len());
            }
            closed.append(&mut rows);
        }
        closed
    }

    /// Keys in the table.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that keys and states take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn closing_takes_the_panes_up_to_the_watermark_and_accounts_for_them() {
        let mut table = Table::default();
        for (pane, key, state) in [(10, "b", "1"), (10, "a", "22"), (20, "a", "333"), (NEVER, "a", "4")] {
            table.put(pane, key.as_bytes(), state.as_bytes());
        }
        table.put(20, b"a", b"9");
        assert_eq!((table.rows(), table.bytes()), (4, 4 + 5 + 4 * ENTRY_OVERHEAD));
        assert_eq!(table.close(9), vec![]);
        let keys: Vec<_> = table.close(10).into_iter().map(|r| (r.pane, r.key)).collect();
        assert_eq!(keys, vec![(10, Box::from(*b"a")), (10, Box::from(*b"b"))]);
        assert_eq!((table.get(10, b"a"), table.get(20, b"a")), (None, Some(b"9".as_ref())));
        table.remove(20, b"a");
        table.remove(20, b"gone");
        assert_eq!(table.close(i64::MAX - 1), vec![]);
        assert_eq!(table.close(i64::MAX).len(), 1);
        assert_eq!((table.rows(), table.bytes()), (0, 0));
    }
}
