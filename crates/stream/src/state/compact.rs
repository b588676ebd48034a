//! Compaction: base and deltas become one new base, so that restoring stays cheap.
//!
//! Works on files only, beside the running query; the live state is never touched. What always
//! holds: the new base restores to the same state as the files it replaces.

use super::codec::Codec;
use super::snapshot::{Layout, decode, encode};
use crate::checkpoint::OperatorFiles;
use crate::error::from_arrow;
use arrow::array::Array;
use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::HashMap;
use thalweg_common::Result;

/// Deltas that a manifest may list before the base is rewritten.
const DELTAS_MAX: usize = 32;
/// Deltas that are kept in any case, however large.
const DELTAS_MIN: usize = 4;

/// Whether restoring from `files` has become expensive: many deltas, or deltas that outweigh the base.
pub(crate) fn wants_compaction(files: &OperatorFiles) -> bool {
    let base = files.base.as_ref().map_or(0, |f| f.bytes);
    let deltas: u64 = files.deltas.iter().map(|f| f.bytes).sum();
    files.deltas.len() >= DELTAS_MAX || (files.deltas.len() > DELTAS_MIN && base > 0 && deltas > base)
}

/// Merges the contents of base and deltas, oldest first. None if no key lives.
pub(crate) fn compact(files: &[Vec<u8>]) -> Result<Option<(Vec<u8>, u64)>> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    for file in files {
        batches.extend(decode(file)?);
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let layout = Layout::of(&first.schema());
    let mut live = newest(&layout, &batches)?;
    live.sort_unstable();
    if live.is_empty() {
        return Ok(None);
    }
    let places: Vec<(usize, usize)> = live.iter().map(|(_, _, place)| *place).collect();
    let all: Vec<&RecordBatch> = batches.iter().collect();
    let merged = interleave_record_batch(&all, &places).map_err(from_arrow)?;
    Ok(Some((encode(&[merged])?, places.len() as u64)))
}

/// Which batch, and which row of it.
type Place = (usize, usize);
type Live = (u8, Box<[u8]>, Place);

/// Where the last word about every living key is.
fn newest(layout: &Layout, batches: &[RecordBatch]) -> Result<Vec<Live>> {
    let codec = Codec::new(&layout.key_types())?;
    let mut last: HashMap<Box<[u8]>, (u8, Place)> = HashMap::new();
    for (b, batch) in batches.iter().enumerate() {
        let (groups, live) = (layout.groups(batch)?, layout.live(batch)?);
        let keys = codec.encode(&layout.keys(batch), batch.num_rows())?;
        for (r, key) in keys.iter().enumerate() {
            let key: Box<[u8]> = key.into();
            if live.is_valid(r) && live.value(r) {
                last.insert(key, (groups.value(r), (b, r)));
            } else {
                last.remove(&key);
            }
        }
    }
    Ok(last.into_iter().map(|(key, (group, place))| (group, key, place)).collect())
}
