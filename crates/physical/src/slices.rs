//! Slices batches into few rows each, below a long list that is the same on every row.
//!
//! DataFusion copies a constant for each row of a batch before it is unnested: 8,192 rows of a list of a
//! million elements would be 64 GB at once. The rows and their order do not change.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SplitMetrics};
use datafusion::physical_plan::stream::BatchSplitStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// Returns the input's batches in slices of at most `rows` rows.
#[derive(Debug)]
pub(crate) struct SlicesExec {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl SlicesExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, rows: usize) -> Self {
        Self { input, rows: rows.max(1) }
    }
}

impl DisplayAs for SlicesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SlicesExec: rows={}", self.rows)
    }
}

impl ExecutionPlan for SlicesExec {
    fn name(&self) -> &str {
        "SlicesExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }
    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input =
            children.pop().ok_or_else(|| DataFusionError::Internal("slices need an input".to_owned()))?;
        Ok(Arc::new(Self { input, rows: self.rows }))
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let metrics = SplitMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        Ok(Box::pin(BatchSplitStream::new(input, self.rows, metrics)))
    }
}
