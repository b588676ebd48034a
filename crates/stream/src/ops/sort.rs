//! Sorts the rows of an epoch, and limits their number.
//!
//! All rows of an epoch come to one worker, which keeps them until the epoch closes. It is used above an aggregate
//! whose whole table is emitted in each epoch.

use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use super::processing_time::EpochTimeExprs;
use super::stateless::evaluate;
use crate::spec::SortSpec;
use arrow::array::{ArrayRef, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use thalweg_common::Result;
use thalweg_values::errors::from_arrow;

/// The rows of the running epoch.
pub(crate) struct Sort {
    spec: SortSpec,
    keys: EpochTimeExprs,
    rows: Vec<RecordBatch>,
}

impl Sort {
    pub(crate) fn new(spec: &SortSpec) -> Self {
        let keys = spec.keys.iter().map(|key| key.expr.clone()).collect();
        Self { spec: spec.clone(), keys: EpochTimeExprs::new(keys), rows: Vec::new() }
    }

    fn sorted(&self, rows: RecordBatch) -> Result<RecordBatch> {
        if self.spec.keys.is_empty() || rows.num_rows() == 0 {
            return Ok(rows);
        }
        let columns: Vec<ArrayRef> =
            self.keys.exprs().iter().map(|e| evaluate(e, &rows)).collect::<Result<_>>()?;
        let fields = self.spec.keys.iter().zip(&columns);
        let fields = fields.map(|(key, c)| SortField::new_with_options(c.data_type().clone(), key.options));
        let converter = RowConverter::new(fields.collect()).map_err(from_arrow)?;
        let keys = converter.convert_columns(&columns).map_err(from_arrow)?;
        let mut order: Vec<usize> = (0..rows.num_rows()).collect();
        // Stable, so that rows with equal keys keep the order in which the aggregate emits them.
        order.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)));
        let order: UInt64Array = order.into_iter().map(|row| row as u64).collect();
        take_record_batch(&rows, &order).map_err(from_arrow)
    }
}

impl Operator for Sort {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        self.keys.start_epoch(epoch.processing_time_us)
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, _output: &mut EmittedRows) -> Result<()> {
        self.rows.push(rows);
        Ok(())
    }

    fn close_epoch(&mut self, output: &mut EmittedRows) -> Result<EpochReport> {
        // Only now are all rows of the epoch here.
        let rows = concat_batches(&self.spec.schema, &std::mem::take(&mut self.rows)).map_err(from_arrow)?;
        let rows = self.sorted(rows)?;
        let skip = self.spec.skip.min(rows.num_rows());
        let fetch = self.spec.fetch.unwrap_or(usize::MAX).min(rows.num_rows() - skip);
        output.emit(rows.slice(skip, fetch));
        Ok(EpochReport::default())
    }
}
