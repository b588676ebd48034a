//! Merges runs of a state into one, so that restoring stays cheap.
//!
//! The newest runs are merged when there are [`RUNS_MAX`] of them and none is larger than all others together: so a
//! row is rewritten only when its run at least doubles, and the number of runs is logarithmic in the size of the state.
//! All runs are merged when the newer ones together are larger than the oldest: then at least half of what is stored may
//! be replaced or deleted. What always holds: the merged run restores to the same state as the runs that it replaces. Merging reads files only
//! and runs concurrently with the query; the state in memory is not touched.

use super::codec::RowCodec;
use super::segments::{RowPosition, encode_rows};
use super::snapshot::StateLayout;
use crate::checkpoint::{EncodedSegment, StateRun};
use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use datafusion::common::HashMap;
use std::ops::{Range, RangeInclusive};
use thalweg_common::Result;

/// Runs that are merged into one: each is one read at the next start.
const RUNS_MAX: usize = 16;
/// Runs that are kept in any case, so that a small state is not rewritten with every epoch.
const RUNS_MIN: usize = 5;

/// Returns which runs should be merged: they follow each other. Those before `free` are being merged already.
pub(crate) fn runs_to_merge(runs: &[StateRun], free: usize) -> Option<Range<usize>> {
    let newer: u64 = runs.iter().skip(1).map(StateRun::bytes).sum();
    // At least half of what is stored is replaced or deleted, or it could be: the whole state is rewritten.
    if free == 0 && runs.len() > RUNS_MIN && runs.first().is_some_and(|oldest| newer > oldest.bytes()) {
        return Some(0..runs.len());
    }
    let (mut sum, mut largest) = (0, 0);
    for (start, run) in runs.iter().enumerate().skip(free).rev() {
        sum += run.bytes();
        largest = largest.max(run.bytes());
        if runs.len() - start >= RUNS_MAX && largest <= sum - largest {
            return Some(start..runs.len());
        }
    }
    None
}

/// Merges rows of the key groups `groups` and encodes them; `batches` come oldest first. Deleted keys are kept as
/// deleted if an older run may have them.
pub(crate) fn merge(
    batches: &[RecordBatch],
    groups: &RangeInclusive<u8>,
    keep_deleted: bool,
) -> Result<Vec<EncodedSegment>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let layout = StateLayout::of(&first.schema());
    let mut newest = newest_rows(&layout, batches, groups)?;
    newest.retain(|row| row.live || keep_deleted);
    // In one order, whatever the order of the hash table: a merge that is repeated writes the same file.
    newest.sort_unstable_by(|a, b| (a.group, &a.key).cmp(&(b.group, &b.key)));
    encode_rows(batches, newest.into_iter().map(|row| (row.group, row.position)))
}

/// The newest row of a key.
struct NewestRow {
    group: u8,
    key: Box<[u8]>,
    live: bool,
    position: RowPosition,
}

fn newest_rows(
    layout: &StateLayout,
    batches: &[RecordBatch],
    wanted: &RangeInclusive<u8>,
) -> Result<Vec<NewestRow>> {
    let codec = RowCodec::new(&layout.key_types())?;
    let mut newest: HashMap<Box<[u8]>, (u8, bool, RowPosition)> = HashMap::new();
    for (b, batch) in batches.iter().enumerate() {
        let (groups, live) = (layout.groups(batch)?, layout.live(batch)?);
        // Keys as bytes: Arrow values have no hash, and nulls and NaN must equal themselves.
        let keys = codec.encode(&layout.keys(batch), batch.num_rows())?;
        for (r, key) in keys.iter().enumerate().filter(|(r, _)| wanted.contains(&groups.value(*r))) {
            let is_live = live.is_valid(r) && live.value(r);
            newest.insert(key.into(), (groups.value(r), is_live, (b, r)));
        }
    }
    let row = |(key, (group, live, position))| NewestRow { group, key, live, position };
    Ok(newest.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::keys::key_group;
    use super::super::segments::decode;
    use super::*;
    use crate::checkpoint::FileRef;
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::{DataType, Int64Type};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    fn run(kib: u64) -> StateRun {
        let file = FileRef {
            path: String::new(),
            bytes: kib << 10,
            rows: 0,
            sha256: String::new(),
            footer_bytes: 0,
        };
        StateRun { files: vec![file] }
    }

    fn check(kib: &[u64], free: usize, wanted: Option<Range<usize>>) {
        let runs: Vec<StateRun> = kib.iter().map(|kib| run(*kib)).collect();
        assert_eq!(runs_to_merge(&runs, free), wanted, "{kib:?} after {free}");
    }

    #[test]
    fn sixteen_runs_are_merged_unless_one_is_larger_than_the_others_together() {
        let (large, small) = ([1 << 20], [1; 15]);
        check(&[], 0, None);
        check(&[&large[..], &small].concat(), 0, None);
        check(&[&large[..], &small, &[1]].concat(), 0, Some(1..17));
        check(&[&large[..], &small, &[15]].concat(), 0, Some(1..17));
        check(&[&large[..], &small, &[16]].concat(), 0, None);
        check(&[&large[..], &small, &[16], &small].concat(), 0, Some(15..32));
        check(&[&large[..], &small, &[300], &small].concat(), 0, None);
        check(&[&large[..], &small, &[300], &small, &[1]].concat(), 0, Some(17..33));
    }

    #[test]
    fn a_state_is_rewritten_when_the_newer_runs_are_larger_than_the_oldest() {
        check(&[10, 1, 1, 1, 1], 0, None);
        check(&[4, 1, 1, 1, 1, 1], 0, Some(0..6));
        check(&[5, 1, 1, 1, 1, 1], 0, None);
    }

    #[test]
    fn runs_that_are_being_merged_are_left_alone() {
        check(&[4, 1, 1, 1, 1, 1], 2, None);
        check(&[1; 40], 20, Some(24..40));
        check(&[1; 40], 25, None);
    }

    /// A state of integers: what a key has, or that it is deleted.
    type Changes = Vec<(i64, Option<i64>)>;

    fn layout() -> StateLayout {
        StateLayout::new(&[DataType::Int64], &[DataType::Int64])
    }

    fn batch(changes: &[(i64, Option<i64>)]) -> Vec<RecordBatch> {
        let codec = RowCodec::new(&[DataType::Int64]).unwrap();
        let of = |live: bool| {
            let some: Vec<_> = changes.iter().filter(|(_, value)| value.is_some() == live).collect();
            let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(some.iter().map(|(key, _)| *key)));
            let values: ArrayRef = Arc::new(some.iter().map(|(_, value)| *value).collect::<Int64Array>());
            let encoded = codec.encode(&[Arc::clone(&keys)], some.len()).unwrap();
            let groups = encoded.iter().map(key_group).collect();
            layout().batch(groups, vec![keys], live.then(|| vec![values])).unwrap()
        };
        vec![of(true), of(false)]
    }

    /// Restores runs as the operators do: the newest row of a key counts.
    fn restored(runs: &[Vec<RecordBatch>]) -> BTreeMap<i64, i64> {
        let mut state = BTreeMap::new();
        for batch in runs.iter().flatten() {
            let (keys, values) = (layout().keys(batch), layout().states(batch));
            let live = layout().live(batch).unwrap();
            for row in 0..batch.num_rows() {
                let key = keys[0].as_primitive::<Int64Type>().value(row);
                if live.value(row) {
                    state.insert(key, values[0].as_primitive::<Int64Type>().value(row));
                } else {
                    state.remove(&key);
                }
            }
        }
        state
    }

    fn merged(runs: &[Vec<RecordBatch>], cut: u8, keep_deleted: bool) -> Vec<RecordBatch> {
        let batches: Vec<RecordBatch> = runs.concat();
        let parts = [0..=cut, cut.saturating_add(1)..=u8::MAX];
        let segments: Vec<_> =
            parts.iter().flat_map(|groups| merge(&batches, groups, keep_deleted).unwrap()).collect();
        assert!(segments.is_sorted_by(|a, b| a.last_group < b.first_group), "segments overlap");
        segments.into_iter().flat_map(|segment| decode(&segment.bytes).unwrap()).collect()
    }

    #[test]
    fn merging_any_runs_restores_the_same_state() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..60 {
            let epoch = |random: &mut fastrand::Rng| -> Changes {
                let keys: BTreeSet<i64> = (0..random.usize(1..40)).map(|_| random.i64(0..60)).collect();
                keys.into_iter().map(|key| (key, random.bool().then(|| random.i64(..)))).collect()
            };
            let mut runs: Vec<_> = (0..8).map(|_| batch(&epoch(&mut random))).collect();
            let wanted = restored(&runs);
            while runs.len() > 1 {
                let first = random.usize(0..runs.len() - 1);
                let range = first..random.usize(first + 2..=runs.len());
                let run = merged(&runs[range.clone()], random.u8(0..255), first > 0);
                runs.splice(range, [run]);
                assert_eq!(restored(&runs), wanted);
            }
            let rows: usize = runs[0].iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, wanted.len(), "deleted keys are left in the oldest run");
        }
    }

    #[test]
    fn the_number_of_runs_is_logarithmic_whatever_the_number_of_epochs() {
        // Each epoch writes 1 KiB of new keys, and a merge takes as long as 10 epochs.
        let (mut sizes, mut most) = (Vec::new(), 0);
        let mut merging: Option<(Range<usize>, u32)> = None;
        for epoch in 0..20_000u32 {
            sizes.push(1);
            if let Some((range, _)) = merging.take_if(|(_, since)| epoch - *since > 10) {
                let merged = sizes.get(range.clone()).into_iter().flatten().sum();
                sizes.splice(range, [merged]);
            }
            let runs: Vec<StateRun> = sizes.iter().map(|kib| run(*kib)).collect();
            if merging.is_none() {
                merging = runs_to_merge(&runs, 0).map(|range| (range, epoch));
            }
            most = most.max(sizes.len());
        }
        assert!(most < 60, "{most} runs");
    }
}
