//! Passes the rows of several inputs.

use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;

/// A union of inputs with the same columns.
#[derive(Debug)]
pub(crate) struct Union;

impl Operator for Union {
    fn start_epoch(&mut self, _epoch: &EpochDescriptor) -> Result<()> {
        Ok(())
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        output.emit(rows);
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        Ok(EpochReport::default())
    }
}
