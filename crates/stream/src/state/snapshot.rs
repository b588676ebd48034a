//! Defines the columns of state files: the keys that an epoch touched, with their state.
//!
//! The columns are the key group, whether the row is an upsert (`live`) or a tombstone (state columns are null), the
//! key columns, and the state columns. Restoring applies runs in order, so that the newest row of a key counts.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt8Array, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_arrow;

/// The columns of an operator's state.
#[derive(Debug, Clone)]
pub(crate) struct StateLayout {
    schema: SchemaRef,
    keys: usize,
}

/// Columns before the key columns: key group and `live`.
const LEADING: usize = 2;

impl StateLayout {
    /// Creates the layout for these key and state types.
    pub(crate) fn new(keys: &[DataType], states: &[DataType]) -> Self {
        let mut fields =
            vec![Field::new("group", DataType::UInt8, false), Field::new("live", DataType::Boolean, false)];
        let named = |prefix: &'static str, types: &[DataType]| {
            let field = move |(i, t): (usize, &DataType)| Field::new(format!("{prefix}{i}"), t.clone(), true);
            types.iter().enumerate().map(field).collect::<Vec<_>>()
        };
        // Names and not ids of the plan, which another start of the query may count differently.
        fields.extend(named("key", keys));
        fields.extend(named("state", states));
        Self { schema: Arc::new(Schema::new(fields)), keys: keys.len() }
    }

    /// Builds upserts of `keys` with `states`, or tombstones if there are no states.
    pub(crate) fn batch(
        &self,
        groups: Vec<u8>,
        keys: Vec<ArrayRef>,
        states: Option<Vec<ArrayRef>>,
    ) -> Result<RecordBatch> {
        // A query without grouping keys still has a row, so the number does not come from the key columns.
        let rows = groups.len();
        let live = states.is_some();
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(UInt8Array::from(groups)), Arc::new(BooleanArray::from(vec![live; rows]))];
        columns.extend(keys);
        let nulls = || {
            let fields = self.schema.fields().iter().skip(LEADING + self.keys);
            fields.map(|f| new_null_array(f.data_type(), rows)).collect()
        };
        columns.extend(states.unwrap_or_else(nulls));
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(from_arrow)
    }

    /// Returns whether a batch has the columns of this layout. Their nullability does not matter.
    pub(crate) fn is_of(&self, batch: &RecordBatch) -> bool {
        let theirs = batch.schema();
        let same = |(a, b): (&Arc<Field>, &Arc<Field>)| a.data_type().equals_datatype(b.data_type());
        self.schema.fields().len() == theirs.fields().len()
            && self.schema.fields().iter().zip(theirs.fields()).all(same)
    }

    pub(crate) fn groups<'a>(&self, batch: &'a RecordBatch) -> Result<&'a UInt8Array> {
        column(batch, 0)
    }

    pub(crate) fn live<'a>(&self, batch: &'a RecordBatch) -> Result<&'a BooleanArray> {
        column(batch, 1)
    }

    pub(crate) fn keys(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        batch.columns().iter().skip(LEADING).take(self.keys).cloned().collect()
    }

    pub(crate) fn states(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        batch.columns().iter().skip(LEADING + self.keys).cloned().collect()
    }

    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.schema.fields().iter().skip(LEADING).take(self.keys).map(|f| f.data_type().clone()).collect()
    }

    /// Returns the layout of a file by the names of its columns.
    pub(crate) fn of(schema: &SchemaRef) -> Self {
        let keys = schema.fields().iter().filter(|f| f.name().starts_with("key")).count();
        Self { schema: Arc::clone(schema), keys }
    }
}

fn column<T: 'static>(batch: &RecordBatch, index: usize) -> Result<&T> {
    let found = batch.columns().get(index).and_then(|c| c.as_any().downcast_ref());
    found.ok_or_else(|| Error::internal(format!("column {index} of a state file has another type")))
}
