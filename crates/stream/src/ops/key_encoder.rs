//! Encodes the key columns of rows, and splits rows by the workers that own their keys.

use crate::state::{EncodedRows, RowCodec, key_group, owner};
use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;
use thalweg_values::errors::from_arrow;

/// Encodes keys, which are the first columns of rows.
#[derive(Debug)]
pub(crate) struct KeyEncoder {
    codec: RowCodec,
    columns: usize,
    /// The key columns that determine the key group, with their encoding; without them all do.
    grouped_by: Option<(Vec<usize>, RowCodec)>,
}

impl KeyEncoder {
    /// # Errors
    /// If a type cannot be a key.
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        Ok(Self { codec: RowCodec::new(types)?, columns: types.len(), grouped_by: None })
    }

    /// Encodes keys whose group does not depend on the column at `place`: keys that differ in it only have one owner.
    ///
    /// # Errors
    /// If a type cannot be a key.
    pub(crate) fn without(types: &[DataType], place: usize) -> Result<Self> {
        let places: Vec<usize> = (0..types.len()).filter(|i| *i != place).collect();
        let grouped: Vec<DataType> = places.iter().filter_map(|i| types.get(*i).cloned()).collect();
        Ok(Self { grouped_by: Some((places, RowCodec::new(&grouped)?)), ..Self::new(types)? })
    }

    /// Returns the groups of keys, which are given as columns and encoded.
    pub(crate) fn groups(&self, columns: &[ArrayRef], keys: &EncodedRows) -> Result<Vec<u8>> {
        let Some((places, codec)) = &self.grouped_by else { return Ok(keys.iter().map(key_group).collect()) };
        let columns: Vec<ArrayRef> = places.iter().filter_map(|i| columns.get(*i).cloned()).collect();
        Ok(codec.encode(&columns, keys.len())?.iter().map(key_group).collect())
    }

    /// Returns the groups of encoded keys.
    pub(crate) fn groups_of(&self, keys: &[&[u8]]) -> Result<Vec<u8>> {
        if self.grouped_by.is_none() {
            return Ok(keys.iter().map(|key| key_group(key)).collect());
        }
        // The bytes of the columns that count are not one part of the key, so it is decoded.
        let columns = self.columns(keys.iter().copied())?;
        let encoded = self.encode(&columns, keys.len())?;
        self.groups(&columns, &encoded)
    }

    pub(crate) fn codec(&self) -> &RowCodec {
        &self.codec
    }

    /// Encodes the key of every row of an input batch.
    pub(crate) fn keys(&self, batch: &RecordBatch) -> Result<EncodedRows> {
        let columns: Vec<_> = batch.columns().iter().take(self.columns).cloned().collect();
        self.encode(&columns, batch.num_rows())
    }

    /// Encodes key columns.
    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<EncodedRows> {
        self.codec.encode(columns, rows)
    }

    /// Decodes keys to key columns.
    pub(crate) fn columns<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        self.codec.decode(keys)
    }

    /// Splits an input batch by the workers that own its keys. Rows keep their order.
    pub(crate) fn split(&self, batch: &RecordBatch, workers: usize) -> Result<Vec<(usize, RecordBatch)>> {
        let keys = self.keys(batch)?;
        let mut rows: Vec<Vec<u64>> = vec![Vec::new(); workers];
        for (row, group) in self.groups(batch.columns(), &keys)?.into_iter().enumerate() {
            if let Some(mine) = rows.get_mut(owner(group, workers)) {
                mine.push(row as u64);
            }
        }
        let batch_of_worker = |(worker, rows): (usize, Vec<u64>)| {
            let rows = UInt64Array::from(rows);
            take_record_batch(batch, &rows).map(|b| (worker, b)).map_err(from_arrow)
        };
        rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(batch_of_worker).collect()
    }
}
