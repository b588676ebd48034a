//! Stores rows by key, any number of them per key, each with the time at which it is forgotten.
//!
//! A row is identified by its key and a number that no other row of the key has. Rows are removed by time
//! only, all that have expired at once, so that a key with many rows costs one pass and not one per row.

use super::access::{KeyedState, TimedKey};
use datafusion::common::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

/// Bytes of a row besides its key and columns: its slot, its places in two indexes, and its shared key.
const ROW_OVERHEAD: usize = 112;

/// A row in state.
#[derive(Debug, Clone)]
pub(crate) struct KeyedRow {
    pub key: Arc<[u8]>,
    pub number: i64,
    pub expires: i64,
    pub row: Box<[u8]>,
    /// Whether a row of the other side has matched it.
    pub matched: bool,
    /// Whether a state file has it, as it was at the end of the last epoch.
    pub is_stored: bool,
}

/// The place of a row in memory. It stays the same until the row is removed.
pub(crate) type RowSlot = usize;

/// Rows that one worker owns.
#[derive(Debug, Default)]
pub(crate) struct KeyedRows {
    slots: Vec<Option<KeyedRow>>,
    free: Vec<RowSlot>,
    by_key: HashMap<Arc<[u8]>, Vec<RowSlot>>,
    by_time: BTreeMap<i64, Vec<RowSlot>>,
    /// The rows that the running epoch has inserted or changed.
    changed: Vec<RowSlot>,
    /// While state files are read: the rows by key and number, and the slots of those that are removed again.
    restored: HashMap<(Arc<[u8]>, i64), RowSlot>,
    vacated: Vec<RowSlot>,
    next_number: i64,
    rows: usize,
    bytes: usize,
}

impl KeyedRows {
    pub(crate) fn get(&self, slot: RowSlot) -> Option<&KeyedRow> {
        self.slots.get(slot)?.as_ref()
    }

    /// Inserts a row of the running epoch.
    fn insert(&mut self, key: &[u8], row: &[u8], expires: i64, matched: bool) {
        // The rows of a key share its bytes.
        let known = self.by_key.get_key_value(key).map(|(key, _)| Arc::clone(key));
        let key = known.unwrap_or_else(|| key.into());
        let number = self.next_number;
        let row = KeyedRow { key, number, expires, row: row.into(), matched, is_stored: false };
        let slot = self.place(row);
        self.changed.push(slot);
    }

    /// Marks a row as matched.
    pub(crate) fn mark_matched(&mut self, slot: RowSlot) {
        let Some(Some(row)) = self.slots.get_mut(slot) else { return };
        // A row of this epoch is among the changed ones already.
        if row.is_stored && !row.matched {
            self.changed.push(slot);
        }
        row.matched = true;
    }

    /// Returns the rows that the epoch has inserted or changed and that are still there. The next epoch starts
    /// without changes.
    pub(crate) fn take_changed(&mut self) -> Vec<&KeyedRow> {
        let changed = std::mem::take(&mut self.changed);
        for slot in &changed {
            if let Some(Some(row)) = self.slots.get_mut(*slot) {
                row.is_stored = true;
            }
        }
        changed.into_iter().filter_map(|slot| self.get(slot)).collect()
    }

    /// Puts a row of a state file. [`Self::end_restore`] comes after the last one.
    pub(crate) fn restore(&mut self, row: KeyedRow) {
        // A later file may have the row again, because it has been matched since.
        let id = (Arc::clone(&row.key), row.number);
        self.vacate(&id);
        let slot = self.place(row);
        self.restored.insert(id, slot);
    }

    /// Removes a row that a later state file deletes.
    pub(crate) fn remove(&mut self, key: &[u8], number: i64) {
        self.vacate(&(key.into(), number));
    }

    fn vacate(&mut self, id: &(Arc<[u8]>, i64)) {
        let Some(slot) = self.restored.remove(id) else { return };
        let Some(row) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.rows -= 1;
        self.bytes -= bytes_of(&row);
        // A key or a time may have many rows, so the indexes are not searched for each of them.
        self.vacated.push(slot);
    }

    /// Removes what only a restore needs.
    pub(crate) fn end_restore(&mut self) {
        self.restored = HashMap::new();
        if self.vacated.is_empty() {
            return;
        }
        let slots = &self.slots;
        let retain = |of: &mut Vec<RowSlot>| {
            of.retain(|slot| slots.get(*slot).is_some_and(Option::is_some));
            !of.is_empty()
        };
        self.by_key.retain(|_, of| retain(of));
        self.by_time.retain(|_, of| retain(of));
        self.free.append(&mut self.vacated);
    }

    fn place(&mut self, row: KeyedRow) -> RowSlot {
        let (key, expires) = (Arc::clone(&row.key), row.expires);
        self.next_number = self.next_number.max(row.number.saturating_add(1));
        self.rows += 1;
        self.bytes += bytes_of(&row);
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(place) => *place = Some(row),
            None => self.slots.push(Some(row)),
        }
        self.by_key.entry(key).or_default().push(slot);
        self.by_time.entry(expires).or_default().push(slot);
        slot
    }
}

impl KeyedState for KeyedRows {
    /// The rows of a key.
    type Found<'s> = &'s [RowSlot];
    /// A row, and whether it has been matched.
    type Value<'v> = (&'v [u8], bool);
    type Entry<'s> = &'s KeyedRow;
    type Removed = KeyedRow;

    fn get_many<'s>(&'s self, keys: &[TimedKey<'_>]) -> Vec<&'s [RowSlot]> {
        keys.iter().map(|key| self.by_key.get(key.key).map_or(&[][..], Vec::as_slice)).collect()
    }

    /// Puts rows beside those that the keys have.
    fn put_many<'v>(&mut self, entries: impl Iterator<Item = (TimedKey<'v>, (&'v [u8], bool))>) {
        entries.for_each(|(key, (row, matched))| self.insert(key.key, row, key.time, matched));
    }

    fn scan(&self, times: impl RangeBounds<i64>) -> Vec<&KeyedRow> {
        let mut all = Vec::new();
        for (_, slots) in self.by_time.range(times) {
            let mut rows: Vec<&KeyedRow> = slots.iter().filter_map(|slot| self.get(*slot)).collect();
            rows.sort_unstable_by(|a, b| (&a.key, a.number).cmp(&(&b.key, b.number)));
            all.append(&mut rows);
        }
        all
    }

    fn take_until(&mut self, time: i64) -> Vec<KeyedRow> {
        let mut taken = Vec::new();
        while let Some(first) = self.by_time.first_entry().filter(|e| *e.key() <= time) {
            let slots = first.remove();
            let rows = slots.iter().filter_map(|slot| self.slots.get_mut(*slot).and_then(Option::take));
            let mut rows: Vec<KeyedRow> = rows.collect();
            rows.sort_unstable_by(|a, b| (&a.key, a.number).cmp(&(&b.key, b.number)));
            // Free only now, so that no two rows of the epoch have had one slot.
            self.free.extend(slots);
            taken.append(&mut rows);
        }
        // One pass over the rows of each key, however many of them have expired.
        let keys: HashSet<&Arc<[u8]>> = taken.iter().map(|row| &row.key).collect();
        for key in keys {
            let Some(slots) = self.by_key.get_mut(key) else { continue };
            slots.retain(|slot| self.slots.get(*slot).is_some_and(Option::is_some));
            if slots.is_empty() {
                self.by_key.remove(key);
            }
        }
        self.rows -= taken.len();
        self.bytes -= taken.iter().map(bytes_of).sum::<usize>();
        taken
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn bytes_of(row: &KeyedRow) -> usize {
    row.key.len() + row.row.len() + ROW_OVERHEAD
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::NEVER;
    use super::*;

    fn numbers<'a>(rows: impl IntoIterator<Item = &'a KeyedRow>) -> Vec<i64> {
        rows.into_iter().map(|row| row.number).collect()
    }

    fn of_key(rows: &KeyedRows, key: &[u8]) -> Vec<KeyedRow> {
        let found = rows.get_many(&[TimedKey { time: 0, key }]);
        found[0].iter().map(|slot| rows.get(*slot).unwrap().clone()).collect()
    }

    #[test]
    fn rows_of_a_key_are_found_until_they_expire_and_are_accounted_for() {
        let mut rows = KeyedRows::default();
        for (key, expires) in [("a", 20), ("b", 10), ("a", 10), ("a", NEVER)] {
            rows.insert(key.as_bytes(), b"row", expires, false);
        }
        assert_eq!(numbers(&of_key(&rows, b"a")), [0, 2, 3]);
        assert_eq!(numbers(rows.scan(..=20)), [2, 1, 0]);
        assert_eq!(numbers(rows.take_changed()), [0, 1, 2, 3]);
        let slot = rows.get_many(&[TimedKey { time: 0, key: b"a" }])[0][0];
        rows.mark_matched(slot);
        rows.mark_matched(slot);
        assert_eq!(rows.take_until(9).len(), 0);
        let taken = rows.take_until(10);
        assert!(taken.iter().all(|row| row.is_stored && !row.matched));
        assert_eq!(numbers(&taken), [2, 1]);
        assert_eq!(numbers(rows.take_changed()), [0]);
        rows.insert(b"c", b"", 30, true);
        // A row of this epoch that is gone needs no state file.
        assert_eq!(numbers(rows.take_until(30).iter().filter(|row| row.is_stored)), [0]);
        assert_eq!(rows.take_changed().len(), 0);
        assert_eq!((numbers(&rows.take_until(NEVER)), rows.rows(), rows.bytes()), (vec![3], 0, 0));
    }

    #[test]
    fn restored_rows_replace_and_remove_each_other_and_their_numbers_are_not_used_again() {
        let mut rows = KeyedRows::default();
        let row = |number, matched| KeyedRow {
            key: Arc::from(*b"k"),
            number,
            expires: 5,
            row: Box::from(*b"row"),
            matched,
            is_stored: true,
        };
        for (number, matched) in [(7, false), (8, false), (7, true)] {
            rows.restore(row(number, matched));
        }
        rows.remove(b"k", 8);
        rows.remove(b"k", 9);
        rows.end_restore();
        rows.insert(b"k", b"new", 6, false);
        let found: Vec<_> = of_key(&rows, b"k").iter().map(|row| (row.number, row.matched)).collect();
        assert_eq!((found, rows.rows()), (vec![(7, true), (9, false)], 2));
        assert_eq!(numbers(&rows.take_until(6)), [7, 9]);
        assert_eq!((rows.rows(), rows.bytes()), (0, 0));
    }
    /// With a search for each row, this would take minutes.
    #[test]
    fn a_key_with_many_rows_is_restored_in_one_pass() {
        let mut rows = KeyedRows::default();
        let key: Arc<[u8]> = Arc::from(*b"hot");
        let row = |number, matched| KeyedRow {
            key: Arc::clone(&key),
            number,
            expires: NEVER,
            row: Box::from(*b"row"),
            matched,
            is_stored: true,
        };
        let all = 300_000;
        (0..all).for_each(|number| rows.restore(row(number, false)));
        (0..all).filter(|number| number % 2 == 1).for_each(|number| rows.restore(row(number, true)));
        (0..all).filter(|number| number % 3 == 0).for_each(|number| rows.remove(b"hot", number));
        rows.end_restore();
        rows.insert(b"hot", b"new", NEVER, false);
        let found = of_key(&rows, b"hot");
        assert_eq!((found.len(), rows.rows()), (200_001, 200_001));
        assert!(
            found.iter().all(|r| r.number == all || (r.number % 3 != 0 && r.matched == (r.number % 2 == 1)))
        );
        assert_eq!(rows.bytes(), found.iter().map(bytes_of).sum::<usize>());
        assert_eq!((rows.take_until(NEVER).len(), rows.rows(), rows.bytes()), (200_001, 0, 0));
    }
}
