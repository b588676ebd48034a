//! A condition that checks its query's flag whenever it is evaluated.
//!
//! A join evaluates its condition for at most a batch of pairs, so it ends soon even within one poll.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{FieldRef, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thalweg_common::cancel::Cancellation;

/// Evaluates the condition `inner`, or returns an error once the flag is raised.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) inner: Arc<dyn PhysicalExpr>,
    pub(super) cancellation: Cancellation,
}

impl Stop {
    fn check(&self) -> Result<()> {
        self.cancellation.check().map_err(thalweg_values::errors::external)
    }
}

impl PartialEq for Stop {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Stop {}

impl Hash for Stop {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Stop {
    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.check()?;
        self.inner.evaluate(batch)
    }
    fn evaluate_selection(&self, batch: &RecordBatch, selection: &BooleanArray) -> Result<ColumnarValue> {
        self.check()?;
        self.inner.evaluate_selection(batch, selection)
    }
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }
    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().ok_or_else(|| DataFusionError::Internal("nothing to stop".to_owned()))?;
        Ok(Arc::new(Self { inner, cancellation: self.cancellation.clone() }))
    }
    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
