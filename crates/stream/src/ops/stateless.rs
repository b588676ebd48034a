//! Applies stateless steps to a batch: filter, project, unnest, and observe the event time.
//!
//! A batch gives at most one batch, and rows keep their order. What is kept between batches belongs to the
//! running epoch: its processing time, and the event times observed, which the runtime takes when the epoch
//! has been read.

use super::processing_time::EpochTimeExprs;
use crate::error::unsupported;
use crate::spec::StatelessStep;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::{from_arrow, from_datafusion};

const US_PER_MS: i64 = 1000;

/// The event times of an epoch, in whole milliseconds as Spark counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct EventTimes {
    pub count: u64,
    pub sum_ms: i128,
    /// Least and greatest; undefined while `count` is 0.
    pub min_ms: i64,
    pub max_ms: i64,
}

impl EventTimes {
    fn observe(&mut self, us: i64) {
        let ms = us.div_euclid(US_PER_MS);
        self.merge(&Self { count: 1, sum_ms: i128::from(ms), min_ms: ms, max_ms: ms });
    }

    /// Adds the event times that another worker observed.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        // The bounds of no event time are no bounds.
        let fresh = self.count == 0;
        self.min_ms = if fresh { other.min_ms } else { self.min_ms.min(other.min_ms) };
        self.max_ms = if fresh { other.max_ms } else { self.max_ms.max(other.max_ms) };
        self.count += other.count;
        self.sum_ms += other.sum_ms;
    }
}

/// A sequence of steps on one worker.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    steps: Vec<(StatelessStep, EpochTimeExprs)>,
    times: EventTimes,
}

impl Steps {
    pub(crate) fn new(steps: Vec<StatelessStep>) -> Self {
        let bindable = |step: StatelessStep| {
            let exprs = match &step {
                StatelessStep::Filter(predicate) => vec![Arc::clone(predicate)],
                StatelessStep::Project { exprs, .. } => exprs.clone(),
                StatelessStep::Unnest { .. } | StatelessStep::Watermark { .. } => vec![],
            };
            (step, EpochTimeExprs::new(exprs))
        };
        Self { steps: steps.into_iter().map(bindable).collect(), times: EventTimes::default() }
    }

    /// Starts an epoch.
    pub(crate) fn start_epoch(&mut self, processing_time_us: i64) -> Result<()> {
        self.steps.iter_mut().try_for_each(|(_, exprs)| exprs.start_epoch(processing_time_us))
    }

    /// Applies all steps to a batch; returns `None` if no row is left.
    pub(crate) fn apply(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
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
                StatelessStep::Watermark { column, .. } => {
                    observe(&mut self.times, &batch, *column)?;
                    batch
                }
            };
        }
        Ok((batch.num_rows() > 0).then_some(batch))
    }

    /// Takes the event times that were observed since the last call.
    pub(crate) fn take_times(&mut self) -> EventTimes {
        std::mem::take(&mut self.times)
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

fn observe(times: &mut EventTimes, batch: &RecordBatch, column: usize) -> Result<()> {
    let found = batch.columns().get(column).ok_or_else(|| unsupported("a watermark without its column"))?;
    let DataType::Timestamp(TimeUnit::Microsecond, _) = found.data_type() else {
        return Err(unsupported("a watermark on a column that is not a timestamp"));
    };
    let column = found.as_primitive::<TimestampMicrosecondType>();
    column.iter().flatten().for_each(|us| times.observe(us));
    Ok(())
}
