//! One side of a join of two streams: its rows in state, and how they are encoded.

use crate::error::other_layout;
use crate::ops::event_time::event_times;
use crate::ops::key_encoder::KeyEncoder;
use crate::ops::processing_time::EpochTimeExprs;
use crate::ops::stateless::batch_of;
use crate::spec::{Expiry, StreamJoinSide};
use crate::state::{
    EncodedRows, KeyRange, KeyedRow, KeyedRows, KeyedState, NEVER, RowCodec, RowSlot, StateLayout, TimedKey,
    key_group,
};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_arrow;

/// The rows of one side that a worker owns.
pub(super) struct Side {
    pub schema: SchemaRef,
    /// Whether its rows appear in the result without a match.
    pub is_preserved: bool,
    /// Whether it matters if a row has been matched.
    pub tracks_matches: bool,
    /// What a row needs to have a match, besides the condition of the join; empty if all may have one.
    pub filter: EpochTimeExprs,
    pub rows: KeyedRows,
    /// Rows that the running epoch has put into state.
    pub rows_kept: u64,
    pub rows_late: u64,
    event_time: Option<usize>,
    expiry: Expiry,
    encoder: KeyEncoder,
    codec: RowCodec,
    layout: StateLayout,
    key_columns: usize,
}

/// The keys of the rows of a batch.
pub(super) struct RowKeys {
    keys: EncodedRows,
    has_null: Vec<bool>,
}

impl RowKeys {
    /// Returns the key of a row unless it has a null, which equals nothing.
    pub(super) fn joinable(&self, row: usize) -> Option<&[u8]> {
        let has_null = self.has_null.get(row).copied().unwrap_or(true);
        (!has_null).then(|| self.keys.get(row))
    }
}

impl RowKeys {
    /// Returns the rows that `side` has for each key.
    pub(super) fn found_in<'s>(&self, side: &'s Side) -> Vec<&'s [RowSlot]> {
        // A null equals nothing, so those rows ask for no key at all.
        let key = |row: usize| self.joinable(row).map(|key| TimedKey { time: NEVER, key });
        let wanted: Vec<TimedKey<'_>> = (0..self.keys.len()).filter_map(key).collect();
        let mut found = side.rows.get_many(&wanted).into_iter();
        let of = |row: usize| self.joinable(row).and_then(|_| found.next()).unwrap_or_default();
        (0..self.keys.len()).map(of).collect()
    }
}

impl Side {
    pub(super) fn new(
        side: &StreamJoinSide,
        input: &SchemaRef,
        (is_preserved, tracks_matches): (bool, bool),
    ) -> Result<Self> {
        let key_columns = side.keys.len();
        let types = |from: usize| input.fields().iter().skip(from).map(|f| f.data_type().clone());
        let keys: Vec<DataType> = types(0).take(key_columns).collect();
        let columns: Vec<DataType> = types(key_columns).collect();
        let numbered: Vec<DataType> = keys.iter().cloned().chain([DataType::Int64]).collect();
        let kept: Vec<DataType> = [DataType::Boolean].into_iter().chain(columns.iter().cloned()).collect();
        Ok(Self {
            schema: Arc::clone(&side.schema),
            is_preserved,
            tracks_matches,
            filter: EpochTimeExprs::new(side.filter.iter().cloned().collect()),
            rows: KeyedRows::default(),
            rows_kept: 0,
            rows_late: 0,
            event_time: side.event_time,
            expiry: side.expiry,
            encoder: KeyEncoder::new(&keys)?,
            codec: RowCodec::new(&columns)?,
            layout: StateLayout::new(&numbered, &kept),
            key_columns,
        })
    }

    /// Drops and counts the rows that are late.
    pub(super) fn without_late(&mut self, rows: &RecordBatch, late_us: i64) -> Result<RecordBatch> {
        let Some(column) = self.event_time else { return Ok(rows.clone()) };
        let times = event_times(rows.columns().get(self.key_columns + column))?;
        let keep: BooleanArray = times.iter().map(|t| Some(t.is_none_or(|t| t > late_us))).collect();
        self.rows_late += (keep.len() - keep.true_count()) as u64;
        filter_record_batch(rows, &keep).map_err(from_arrow)
    }

    pub(super) fn keys(&self, rows: &RecordBatch) -> Result<RowKeys> {
        let columns: Vec<&ArrayRef> = rows.columns().iter().take(self.key_columns).collect();
        let has_null = (0..rows.num_rows()).map(|row| columns.iter().any(|c| c.is_null(row))).collect();
        Ok(RowKeys { keys: self.encoder.keys(rows)?, has_null })
    }

    /// Returns the columns of the rows without their keys.
    pub(super) fn columns(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = rows.columns().iter().skip(self.key_columns).cloned().collect();
        batch_of(&self.schema, columns, rows.num_rows())
    }

    /// Puts rows into state; `matched` returns whether a row has been matched, or nothing if it is not needed.
    pub(super) fn keep(
        &mut self,
        rows: &RecordBatch,
        (keys, watermark_us): (&RowKeys, i64),
        matched: impl Fn(usize) -> Option<bool>,
    ) -> Result<()> {
        let columns: Vec<ArrayRef> = rows.columns().iter().skip(self.key_columns).cloned().collect();
        // A row that has expired already is kept until the epoch closes: rows of the epoch may still match it.
        let expiries = self.expiries(rows.columns(), rows.num_rows())?;
        let encoded = self.codec.encode(&columns, rows.num_rows())?;
        let mut kept = Vec::with_capacity(rows.num_rows());
        for (row, (time, bytes)) in expiries.into_iter().zip(encoded.iter()).enumerate() {
            let Some(matched) = matched(row) else { continue };
            // A row with a null key has no match, so it is kept only if it is emitted itself.
            if keys.joinable(row).is_none() && !self.is_preserved {
                continue;
            }
            kept.push((TimedKey { time, key: keys.keys.get(row) }, (bytes, matched && self.tracks_matches)));
            // As in Spark, a row counts if it is kept for longer than its epoch.
            self.rows_kept += u64::from(time > watermark_us);
        }
        self.rows.put_many(kept.into_iter());
        Ok(())
    }

    /// Returns when each row expires; `columns` are the keys and then the columns of the rows.
    fn expiries(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<i64>> {
        let times = |at: usize| event_times(columns.get(at));
        Ok(match self.expiry {
            Expiry::Never => vec![NEVER; rows],
            Expiry::Key(key) => times(key)?.into_iter().map(|t| t.unwrap_or(NEVER)).collect(),
            Expiry::After { column, delay_us } => {
                let times = times(self.key_columns + column)?.into_iter();
                times.map(|t| t.map_or(NEVER, |t| t.saturating_add(delay_us))).collect()
            }
        })
    }

    pub(super) fn decode<'a>(&self, rows: impl Iterator<Item = &'a KeyedRow>) -> Result<Vec<ArrayRef>> {
        self.codec.decode(rows.map(|row| row.row.as_ref()))
    }

    pub(super) fn decode_slots(&self, slots: &[RowSlot]) -> Result<Vec<ArrayRef>> {
        self.decode(slots.iter().filter_map(|slot| self.rows.get(*slot)))
    }

    /// Builds the changes of the epoch, in which `expired` were removed.
    pub(super) fn delta(&mut self, expired: &[KeyedRow]) -> Result<Vec<RecordBatch>> {
        let by_group = |row: &&KeyedRow| (key_group(&row.key), Arc::clone(&row.key), row.number);
        let (encoder, codec, layout) = (&self.encoder, &self.codec, &self.layout);
        let batch = |mut rows: Vec<&KeyedRow>, is_upsert: bool| {
            // In one order, so that a replayed epoch writes the same file.
            rows.sort_by_cached_key(by_group);
            let groups = rows.iter().map(|row| key_group(&row.key)).collect();
            // The number is a part of the key in the file, where each key has one row.
            let mut keys = encoder.columns(rows.iter().map(|row| row.key.as_ref()))?;
            keys.push(Arc::new(rows.iter().map(|row| row.number).collect::<Int64Array>()));
            let states = is_upsert.then(|| {
                let matched = rows.iter().map(|row| Some(row.matched)).collect::<BooleanArray>();
                let columns = codec.decode(rows.iter().map(|row| row.row.as_ref()))?;
                Ok([vec![Arc::new(matched) as ArrayRef], columns].concat())
            });
            layout.batch(groups, keys, states.transpose()?)
        };
        let mut delta = Vec::new();
        let changed = self.rows.take_changed();
        if !changed.is_empty() {
            delta.push(batch(changed, true)?);
        }
        // A row that came in this epoch is in no state file.
        let gone: Vec<&KeyedRow> = expired.iter().filter(|row| row.is_stored).collect();
        if !gone.is_empty() {
            delta.push(batch(gone, false)?);
        }
        Ok(delta)
    }

    /// Restores the rows of the worker's keys from a batch of a state file.
    pub(super) fn restore(&mut self, rows: &RecordBatch, owned: KeyRange) -> Result<()> {
        let other = || other_layout("a join");
        if !self.layout.is_of(rows) {
            return Err(other());
        }
        let (mut keys, states) = (self.layout.keys(rows), self.layout.states(rows));
        let numbers = keys.pop().ok_or_else(other)?;
        let numbers = numbers.as_primitive_opt::<Int64Type>().ok_or_else(other)?;
        let (matched, columns) = states.split_first().ok_or_else(other)?;
        let matched = matched.as_boolean_opt().ok_or_else(other)?;
        let expiries = self.expiries(&[keys.as_slice(), columns].concat(), rows.num_rows())?;
        let keys = self.encoder.encode(&keys, rows.num_rows())?;
        let encoded = self.codec.encode(columns, rows.num_rows())?;
        let live = self.layout.live(rows)?;
        for (row, key) in keys.iter().enumerate().filter(|(_, key)| owned.contains(key_group(key))) {
            // A segment may have key groups of several workers.
            let number = numbers.value(row);
            if !live.value(row) {
                self.rows.remove(key, number);
                continue;
            }
            let expires = expiries.get(row).copied().unwrap_or(NEVER);
            let (matched, bytes) = (matched.value(row), encoded.get(row).into());
            self.rows.restore(KeyedRow {
                key: key.into(),
                number,
                expires,
                row: bytes,
                matched,
                is_stored: true,
            });
        }
        Ok(())
    }
}
