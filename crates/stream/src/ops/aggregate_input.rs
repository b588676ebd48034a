//! Evaluates the inputs of an aggregate before the exchange, so that only those columns are exchanged.
//!
//! An input batch has the group columns first, then per aggregate its arguments, its ordering and its filter.
//! The exchange reads the group columns only, and the worker that owns a key evaluates no expression of the
//! query.

use super::operator::{EpochDescriptor, EpochReport, Operator, Output};
use super::processing_time::EpochTimeExprs;
use super::stateless::{batch_of, evaluate};
use crate::spec::AggregateSpec;
use crate::state::{EncodedRows, RowCodec, key_group, owner};
use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::ops::Range;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::{from_arrow, from_datafusion};

/// The columns of an input batch.
#[derive(Debug, Clone)]
pub(crate) struct AggregateInputLayout {
    /// Number of group columns; they come first.
    pub groups: usize,
    /// Per aggregate: the columns of its arguments and ordering, and the column of its filter.
    pub calls: Vec<(Range<usize>, Option<usize>)>,
    pub schema: SchemaRef,
}

impl AggregateInputLayout {
    /// The types of the group columns.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.schema.fields().iter().take(self.groups).map(|f| f.data_type().clone()).collect()
    }
}

/// Evaluates the inputs of an aggregate.
#[derive(Debug, Clone)]
pub(crate) struct AggregateInput {
    exprs: EpochTimeExprs,
    layout: AggregateInputLayout,
}

impl AggregateInput {
    /// # Errors
    /// If an expression has no type over the input.
    pub(crate) fn new(spec: &AggregateSpec) -> Result<Self> {
        let mut exprs = spec.group.clone();
        let mut calls = Vec::new();
        for call in &spec.aggregates {
            let from = exprs.len();
            exprs.extend(call.function.expressions());
            // Order-sensitive aggregates expect what they order by after their arguments.
            exprs.extend(call.function.order_bys().iter().map(|o| Arc::clone(&o.expr)));
            let arguments = from..exprs.len();
            let filter = call.filter.as_ref().map(|_| exprs.len());
            exprs.extend(call.filter.clone());
            calls.push((arguments, filter));
        }
        let types = exprs.iter().map(|e| e.data_type(&spec.input_schema)).collect::<Result<Vec<_>, _>>();
        let types: Vec<DataType> = types.map_err(from_datafusion)?;
        let fields: Vec<_> =
            types.into_iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let layout = AggregateInputLayout { groups: spec.group.len(), calls, schema };
        Ok(Self { exprs: EpochTimeExprs::new(exprs), layout })
    }

    pub(crate) fn layout(&self) -> &AggregateInputLayout {
        &self.layout
    }
}

impl Operator for AggregateInput {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        self.exprs.start_epoch(epoch.processing_time_us)
    }

    /// Converts rows of the query to an input batch.
    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut Output) -> Result<()> {
        let columns = self.exprs.exprs().iter().map(|e| evaluate(e, &rows)).collect::<Result<Vec<_>>>()?;
        output.emit(batch_of(&self.layout.schema, columns, rows.num_rows())?);
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut Output) -> Result<EpochReport> {
        Ok(EpochReport::default())
    }
}

/// Encodes group columns as keys.
#[derive(Debug)]
pub(crate) struct KeyEncoder {
    codec: RowCodec,
    groups: usize,
}

impl KeyEncoder {
    pub(crate) fn new(layout: &AggregateInputLayout) -> Result<Self> {
        Ok(Self { codec: RowCodec::new(&layout.key_types())?, groups: layout.groups })
    }

    /// Encodes the key of every row of an input batch.
    pub(crate) fn keys(&self, batch: &RecordBatch) -> Result<EncodedRows> {
        let columns: Vec<_> = batch.columns().iter().take(self.groups).cloned().collect();
        self.codec.encode(&columns, batch.num_rows())
    }

    /// Encodes group columns.
    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<EncodedRows> {
        self.codec.encode(columns, rows)
    }

    /// Decodes keys to group columns.
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
