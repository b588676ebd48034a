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
}

impl KeyEncoder {
    /// # Errors
    /// If a type cannot be a key.
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        Ok(Self { codec: RowCodec::new(types)?, columns: types.len() })
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
        for (row, key) in keys.iter().enumerate() {
            if let Some(mine) = rows.get_mut(owner(key_group(key), workers)) {
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
