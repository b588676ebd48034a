//! Applies stateless steps to a batch: filter, project, unnest.
//!
//! A batch gives at most one batch, and rows keep their order. What is kept between batches is the processing
//! time of the running epoch.

use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use super::processing_time::EpochTimeExprs;
use crate::error::unsupported;
use crate::spec::StatelessStep;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::{from_arrow, from_datafusion};

/// A sequence of steps on one worker.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    steps: Vec<(StatelessStep, EpochTimeExprs)>,
}

impl Steps {
    pub(crate) fn new(steps: Vec<StatelessStep>) -> Self {
        let bindable = |step: StatelessStep| {
            let exprs = match &step {
                StatelessStep::Filter(predicate) => vec![Arc::clone(predicate)],
                StatelessStep::Project { exprs, .. } => exprs.clone(),
                StatelessStep::Unnest { .. } => vec![],
            };
            (step, EpochTimeExprs::new(exprs))
        };
        Self { steps: steps.into_iter().map(bindable).collect() }
    }

    /// Applies all steps to a batch; returns `None` if no row is left.
    fn apply(&self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let mut batch = batch;
        for (step, exprs) in &self.steps {
            // An expression over no rows may still fail on its constants, which no row asks for.
            if batch.num_rows() == 0 {
                return Ok(None);
            }
            batch = match step {
                StatelessStep::Filter(_) => exprs.exprs().iter().try_fold(batch, |b, e| filter(&b, e))?,
                StatelessStep::Project { schema, .. } => project(&batch, exprs.exprs(), schema)?,
                StatelessStep::Unnest { column, schema } => unnest(&batch, *column, schema)?,
            };
        }
        Ok((batch.num_rows() > 0).then_some(batch))
    }
}

impl Operator for Steps {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        self.steps.iter_mut().try_for_each(|(_, exprs)| exprs.start_epoch(epoch.processing_time_us))
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        self.apply(rows)?.into_iter().for_each(|rows| output.emit(rows));
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        Ok(EpochReport::default())
    }
}

/// Evaluates an expression over a batch to an array of its length.
pub(crate) fn evaluate(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    let value = expr.evaluate(batch).map_err(from_datafusion)?;
    value.into_array(batch.num_rows()).map_err(from_datafusion)
}

/// Builds a batch of `rows` rows, which may have no columns.
pub(crate) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
}

fn filter(batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
    let keep = boolean(&evaluate(predicate, batch)?)?;
    filter_record_batch(batch, &keep).map_err(from_arrow)
}

/// Casts a condition to a Boolean array.
pub(crate) fn boolean(array: &ArrayRef) -> Result<BooleanArray> {
    let found = array.as_boolean_opt().cloned();
    found.ok_or_else(|| Error::internal(format!("a condition of type {}", array.data_type())))
}

fn project(batch: &RecordBatch, exprs: &[Arc<dyn PhysicalExpr>], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = exprs.iter().map(|e| evaluate(e, batch)).collect::<Result<Vec<_>>>()?;
    batch_of(schema, columns, batch.num_rows())
}

fn unnest(batch: &RecordBatch, column: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let lists = batch.columns().get(column).and_then(|c| c.as_list_opt::<i32>());
    let lists = lists.ok_or_else(|| unsupported("unnesting a column that is not an array"))?;
    let (mut rows, mut elements) = (Vec::new(), Vec::new());
    for (row, bounds) in lists.value_offsets().windows(2).enumerate() {
        let &[from, to] = bounds else { continue };
        // A null list may have elements in its buffers.
        if lists.is_valid(row) {
            rows.extend((from..to).map(|_| row as u64));
            elements.extend((from..to).map(|e| e as u64));
        }
    }
    let (rows, elements) = (UInt64Array::from(rows), UInt64Array::from(elements));
    let pick = |(i, c): (usize, &ArrayRef)| match i == column {
        true => take(lists.values(), &elements, None),
        false => take(c, &rows, None),
    };
    let columns = batch.columns().iter().enumerate().map(pick).collect::<Result<Vec<_>, _>>();
    batch_of(schema, columns.map_err(from_arrow)?, rows.len())
}
