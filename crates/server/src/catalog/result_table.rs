//! Builds the result tables of catalog calls from Rust values.

use crate::rows::{arrow_schema, unencodable};
use arrow::array::{
    ArrayRef, BooleanArray, ListBuilder, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
};
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_engine::Output;
use thalweg_sql::types::{DataType, StructField, StructType};

/// A table that is built column by column.
#[derive(Default)]
pub(super) struct ResultTable {
    fields: Vec<StructField>,
    columns: Vec<ArrayRef>,
}

impl ResultTable {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Returns a table without rows and columns.
    pub(super) fn nothing() -> Result<Output> {
        Ok(Output::nothing())
    }

    /// Returns a table of one text.
    pub(super) fn text(value: String) -> Result<Output> {
        Self::new().texts("value", vec![Some(value)]).done()
    }

    /// Returns a table of one boolean.
    pub(super) fn flag(value: bool) -> Result<Output> {
        Self::new().flags("value", vec![value]).done()
    }

    fn with(mut self, name: &str, data_type: DataType, column: ArrayRef) -> Self {
        self.fields.push(StructField::new(name, data_type, true));
        self.columns.push(column);
        self
    }

    /// Adds a column of texts.
    pub(super) fn texts(self, name: &str, values: Vec<Option<String>>) -> Self {
        self.with(name, DataType::String, Arc::new(StringArray::from(values)))
    }

    /// Adds a column of booleans.
    pub(super) fn flags(self, name: &str, values: Vec<bool>) -> Self {
        self.with(name, DataType::Boolean, Arc::new(BooleanArray::from(values)))
    }

    /// Adds a column of lists of at most one text.
    pub(super) fn lists(self, name: &str, values: Vec<Option<String>>) -> Self {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for value in values {
            builder.append_value(value.map(Some));
        }
        let data_type = DataType::Array { element: Box::new(DataType::String), contains_null: true };
        self.with(name, data_type, Arc::new(builder.finish()))
    }

    /// Returns the table.
    pub(super) fn done(self) -> Result<Output> {
        let schema = StructType { fields: self.fields };
        let rows = self.columns.first().map_or(0, |c| c.len());
        let arrow = arrow_schema(&schema, "UTC");
        let columns = self.columns.into_iter().zip(arrow.fields()).map(|(c, f)| relabelled(c, f.data_type()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(arrow, columns, &options).map_err(unencodable)?;
        Ok(Output { schema, rows: async { Ok(batch) }.into_stream().boxed(), query: None })
    }
}

/// Lists come from their builder with Arrow's default name of an element.
fn relabelled(column: ArrayRef, to: &arrow::datatypes::DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(column);
    }
    let data = column.to_data().into_builder().data_type(to.clone()).build().map_err(unencodable)?;
    Ok(arrow::array::make_array(data))
}
