//! Assigns keys to workers: a hash with a fixed seed gives one of 256 key groups, and each worker owns a
//! range of them.
//!
//! The hash is part of the checkpoint's format ([`KEY_HASH`]), since state files contain the key group of
//! each row. The number of workers is not, so it may change with every start.

/// The number of key groups of a stateful operator.
pub(crate) const KEY_GROUPS: usize = 256;

/// Identifies the row encoding and the hash over it in manifests. It must change when either changes.
pub(crate) const KEY_HASH: &str = "arrow-row-59/mix-1/256";

const SEED: u64 = 0x7468_616c_7765_6721;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the key group of a key in Arrow's row encoding.
pub(crate) fn key_group(key: &[u8]) -> u8 {
    let mut hash = SEED ^ (key.len() as u64).wrapping_mul(MULTIPLIER);
    for chunk in key.chunks(8) {
        let mut word = [0u8; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash = mix(hash ^ u64::from_le_bytes(word));
    }
    (mix(hash) >> 56) as u8
}

/// Mixes the bits of a word (the finaliser of MurmurHash3, after adding the golden ratio).
fn mix(word: u64) -> u64 {
    let mut x = word.wrapping_add(MULTIPLIER);
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// The key groups that one worker owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRange {
    worker: usize,
    workers: usize,
}

impl KeyRange {
    /// The range of `worker` among `workers`.
    pub(crate) fn of(worker: usize, workers: usize) -> Self {
        Self { worker, workers }
    }

    pub(crate) fn contains(self, group: u8) -> bool {
        owner(group, self.workers) == self.worker
    }
}

/// Returns the worker that owns a key group.
pub(crate) fn owner(group: u8, workers: usize) -> usize {
    usize::from(group) * workers / KEY_GROUPS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::row::{RowConverter, SortField};
    use std::sync::Arc;

    /// If this fails after an upgrade of Arrow, its row encoding changed: give [`KEY_HASH`] a new name.
    #[test]
    fn groups_are_what_checkpoints_have_written() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![Some("UA"), Some(""), None])),
            Arc::new(Int64Array::from(vec![1, -1, 0])),
        ];
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let rows = RowConverter::new(fields).unwrap().convert_columns(&columns).unwrap();
        let groups: Vec<u8> = rows.iter().map(|r| key_group(r.data())).collect();
        assert_eq!(groups, GOLDEN);
        assert_eq!(key_group(b""), GOLDEN_EMPTY);
    }

    const GOLDEN: [u8; 3] = [157, 93, 43];
    const GOLDEN_EMPTY: u8 = 251;

    #[test]
    fn every_worker_owns_a_range_and_all_groups_are_owned() {
        for workers in 1..=64 {
            let owners: Vec<_> = (0..=255).map(|g| owner(g, workers)).collect();
            assert!(owners.is_sorted() && owners[0] == 0 && owners[255] == workers - 1, "{workers}");
        }
    }

    #[test]
    fn groups_are_even() {
        let mut counts = [0u32; KEY_GROUPS];
        for i in 0..256_000u64 {
            counts[usize::from(key_group(&i.to_be_bytes()))] += 1;
        }
        assert!(counts.iter().all(|c| (800..1200).contains(c)), "{counts:?}");
    }
}
