//! Evaluates expressions over rows before they are exchanged, so that only the results are.

use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use super::processing_time::EpochTimeExprs;
use super::stateless::{batch_of, evaluate};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

/// Replaces the columns of rows by the values of expressions.
#[derive(Debug, Clone)]
pub(crate) struct Evaluate {
    exprs: EpochTimeExprs,
    schema: SchemaRef,
}

impl Evaluate {
    /// # Errors
    /// If an expression has no type over `input`.
    pub(crate) fn new(exprs: Vec<Arc<dyn PhysicalExpr>>, input: &SchemaRef) -> Result<Self> {
        let types = exprs.iter().map(|e| e.data_type(input)).collect::<Result<Vec<DataType>, _>>();
        let types = types.map_err(from_datafusion)?;
        let fields: Vec<_> =
            types.into_iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t, true)).collect();
        Ok(Self { exprs: EpochTimeExprs::new(exprs), schema: Arc::new(Schema::new(fields)) })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Operator for Evaluate {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        self.exprs.start_epoch(epoch.processing_time_us)
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        let columns = self.exprs.exprs().iter().map(|e| evaluate(e, &rows)).collect::<Result<Vec<_>>>()?;
        output.emit(batch_of(&self.schema, columns, rows.num_rows())?);
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        Ok(EpochReport::default())
    }
}
