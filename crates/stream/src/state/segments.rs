//! Encodes rows of a state by key group, and decodes them.
//!
//! A segment is an Arrow IPC stream, compressed with zstd. A file has its segments in the order of the key groups, so
//! that a reader of some key groups reads no others (see [`crate::checkpoint`]).

use super::keys::KEY_GROUPS;
use super::snapshot::StateLayout;
use crate::checkpoint::EncodedSegment;
use crate::spec::row_bytes;
use arrow::compute::interleave_record_batch;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_arrow;

/// Rows after which a segment ends, which bounds the memory of decoding one. A key group is never divided.
const SEGMENT_ROWS: usize = 64 * 1024;
/// Bytes in memory after which a segment ends.
const SEGMENT_BYTES: usize = 16 << 20;

/// The number of a batch, and of a row in it.
pub(super) type RowPosition = (usize, usize);

/// Encodes the changes of an epoch.
pub(crate) fn encode(batches: &[RecordBatch]) -> Result<Vec<EncodedSegment>> {
    let first = batches.first().ok_or_else(|| Error::internal("an epoch without changes of a state"))?;
    let layout = StateLayout::of(&first.schema());
    let mut positions = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (b, batch) in batches.iter().enumerate() {
        positions
            .extend(layout.groups(batch)?.values().iter().enumerate().map(|(r, group)| (*group, (b, r))));
    }
    encode_rows(batches, positions)
}

/// Encodes rows of batches, whose order within a key group stays.
pub(super) fn encode_rows(
    batches: &[RecordBatch],
    rows: impl IntoIterator<Item = (u8, RowPosition)>,
) -> Result<Vec<EncodedSegment>> {
    let mut groups: Vec<Vec<RowPosition>> = vec![Vec::new(); KEY_GROUPS];
    for (group, position) in rows {
        if let Some(of) = groups.get_mut(usize::from(group)) {
            of.push(position);
        }
    }
    let rows_max = rows_per_segment(batches);
    let all: Vec<&RecordBatch> = batches.iter().collect();
    let mut segments = Vec::new();
    // The groups that have rows, so that segments do not overlap, also those of a merge that is made in ranges.
    let (mut range, mut positions) = (None, Vec::new());
    for (group, of) in (0u8..=u8::MAX).zip(groups) {
        if !of.is_empty() {
            let first: u8 = range.map_or(group, |(first, _)| first);
            range = Some((first, group));
            positions.extend(of);
        }
        if positions.len() < rows_max && group != u8::MAX {
            continue;
        }
        if let Some((first_group, last_group)) = range.take() {
            let segment = interleave_record_batch(&all, &positions).map_err(from_arrow)?;
            let rows = positions.len() as u64;
            segments.push(EncodedSegment { first_group, last_group, rows, bytes: to_ipc(&segment)? });
            positions.clear();
        }
    }
    Ok(segments)
}

/// The rows after which a segment ends: fewer if the rows are large.
fn rows_per_segment(batches: &[RecordBatch]) -> usize {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let bytes: usize = batches.iter().map(row_bytes).sum();
    let bytes_per_row = (bytes / rows.max(1)).max(1);
    SEGMENT_ROWS.min(SEGMENT_BYTES / bytes_per_row).max(1)
}

fn to_ipc(rows: &RecordBatch) -> Result<Vec<u8>> {
    let options =
        IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).map_err(from_arrow)?;
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &rows.schema(), options).map_err(from_arrow)?;
    writer.write(rows).map_err(from_arrow)?;
    writer.finish().map_err(from_arrow)?;
    writer.into_inner().map_err(from_arrow)
}

/// Decodes a segment.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    let reader = StreamReader::try_new(bytes, None).map_err(from_arrow)?;
    reader.collect::<Result<_, _>>().map_err(from_arrow)
}
