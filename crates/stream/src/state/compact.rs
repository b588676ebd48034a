//! Merges base and deltas into one new base, so that restoring stays cheap.
//!
//! Compaction reads files only and runs concurrently with the query; the state in memory is not touched. What
//! always holds: the new base restores to the same state as the files that it replaces.

use super::codec::RowCodec;
use super::snapshot::{StateLayout, decode, encode};
use crate::checkpoint::StateFiles;
use arrow::array::Array;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::HashMap;
use thalweg_common::Result;
use thalweg_values::errors::from_arrow;

/// Deltas after which the base is rewritten, whatever their size: each is one read at the next start.
const DELTAS_MAX: usize = 32;
/// Deltas that are kept in any case, so that a small base is not rewritten with every epoch.
const DELTAS_MIN: usize = 4;

/// Returns whether restoring from `files` has become expensive: there are many deltas, or they are larger
/// than the base.
pub(crate) fn wants_compaction(files: &StateFiles) -> bool {
    let base = files.base.as_ref().map_or(0, |f| f.bytes);
    let deltas: u64 = files.deltas.iter().map(|f| f.bytes).sum();
    files.deltas.len() >= DELTAS_MAX || (files.deltas.len() > DELTAS_MIN && base > 0 && deltas > base)
}

/// Merges the contents of base and deltas, oldest first, and returns the new base and its rows. `None` if no
/// key is left.
pub(crate) fn compact(files: &[Vec<u8>]) -> Result<Option<(Vec<u8>, u64)>> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    for file in files {
        batches.extend(decode(file)?);
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let layout = StateLayout::of(&first.schema());
    let mut live = live_rows(&layout, &batches)?;
    // Sorted by key group, so that a worker restores one range of the file.
    live.sort_unstable();
    if live.is_empty() {
        return Ok(None);
    }
    let positions: Vec<(usize, usize)> = live.iter().map(|(_, _, position)| *position).collect();
    let all: Vec<&RecordBatch> = batches.iter().collect();
    let merged = interleave_record_batch(&all, &positions).map_err(from_arrow)?;
    Ok(Some((encode(&[merged])?, positions.len() as u64)))
}

/// The number of a batch, and of a row in it.
type RowPosition = (usize, usize);
type LiveRow = (u8, Box<[u8]>, RowPosition);

/// Finds the newest upsert of each key that is not deleted.
fn live_rows(layout: &StateLayout, batches: &[RecordBatch]) -> Result<Vec<LiveRow>> {
    let codec = RowCodec::new(&layout.key_types())?;
    let mut last: HashMap<Box<[u8]>, (u8, RowPosition)> = HashMap::new();
    for (b, batch) in batches.iter().enumerate() {
        let (groups, live) = (layout.groups(batch)?, layout.live(batch)?);
        // Keys as bytes: Arrow values have no hash, and nulls and NaN must equal themselves.
        let keys = codec.encode(&layout.keys(batch), batch.num_rows())?;
        for (r, key) in keys.iter().enumerate() {
            let key: Box<[u8]> = key.into();
            if live.is_valid(r) && live.value(r) {
                last.insert(key, (groups.value(r), (b, r)));
            } else {
                // A tombstone is not kept: no older file is below the new base, so nothing is left to delete.
                last.remove(&key);
            }
        }
    }
    Ok(last.into_iter().map(|(key, (group, position))| (group, key, position)).collect())
}
