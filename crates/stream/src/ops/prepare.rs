//! Before the exchange: evaluates what an aggregate needs, so that only that travels and that the
//! owner of a key never evaluates an expression.
//!
//! A prepared batch has the group columns first, then per aggregate its arguments, its ordering and
//! its filter. The exchange looks at the group columns only.

use super::now::Timed;
use super::stateless::{batch_of, evaluate};
use crate::error::{from_arrow, from_datafusion};
use crate::spec::AggregateSpec;
use crate::state::{Codec, Encoded, key_group, owner};
use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::ops::Range;
use std::sync::Arc;
use thalweg_common::Result;

/// Where the columns of a prepared batch are.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Number of group columns; they come first.
    pub groups: usize,
    /// Per aggregate: its arguments and ordering, and the column of its filter.
    pub calls: Vec<(Range<usize>, Option<usize>)>,
    pub schema: SchemaRef,
}

impl Prepared {
    /// The types of the group columns.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.schema.fields().iter().take(self.groups).map(|f| f.data_type().clone()).collect()
    }
}

/// Makes prepared batches.
#[derive(Debug, Clone)]
pub(crate) struct Prepare {
    exprs: Timed,
    prepared: Prepared,
}

impl Prepare {
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
        let prepared = Prepared { groups: spec.group.len(), calls, schema };
        Ok(Self { exprs: Timed::new(exprs), prepared })
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Begins an epoch.
    pub(crate) fn begin(&mut self, processing_time_us: i64) -> Result<()> {
        self.exprs.begin(processing_time_us)
    }

    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.exprs.exprs().iter().map(|e| evaluate(e, batch)).collect::<Result<Vec<_>>>()?;
        batch_of(&self.prepared.schema, columns, batch.num_rows())
    }
}

/// Encodes the group columns of prepared batches as keys.
#[derive(Debug)]
pub(crate) struct KeyHasher {
    codec: Codec,
    groups: usize,
}

impl KeyHasher {
    pub(crate) fn new(prepared: &Prepared) -> Result<Self> {
        Ok(Self { codec: Codec::new(&prepared.key_types())?, groups: prepared.groups })
    }

    /// The key of every row.
    pub(crate) fn keys(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns: Vec<_> = batch.columns().iter().take(self.groups).cloned().collect();
        self.codec.encode(&columns, batch.num_rows())
    }

    /// The keys of group columns.
    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Encoded> {
        self.codec.encode(columns, rows)
    }

    /// The group columns of keys.
    pub(crate) fn columns<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        self.codec.decode(keys)
    }

    /// Splits a batch by the workers that own its keys. The parts have all rows, in order.
    pub(crate) fn split(&self, batch: &RecordBatch, workers: usize) -> Result<Vec<(usize, RecordBatch)>> {
        let keys = self.keys(batch)?;
        let mut rows: Vec<Vec<u64>> = vec![Vec::new(); workers];
        for (row, key) in keys.iter().enumerate() {
            if let Some(mine) = rows.get_mut(owner(key_group(key), workers)) {
                mine.push(row as u64);
            }
        }
        let part = |(worker, rows): (usize, Vec<u64>)| {
            let rows = UInt64Array::from(rows);
            take_record_batch(batch, &rows).map(|b| (worker, b)).map_err(from_arrow)
        };
        rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(part).collect()
    }
}
