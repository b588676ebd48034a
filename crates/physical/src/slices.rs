//! Slices batches into few rows each, below a long list that is the same on every row.
//!
//! DataFusion copies a constant for each row of a batch before it is unnested: 8,192 rows of a list of a
//! million elements would be 64 GB at once. The rows and their order do not change.

use crate::unary::{UnaryExec, UnaryOperator};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SplitMetrics};
use datafusion::physical_plan::stream::BatchSplitStream;
use std::sync::Arc;

/// Returns the input's batches in slices of at most `rows` rows.
pub(crate) fn slices(input: Arc<dyn ExecutionPlan>, rows: usize) -> Arc<dyn ExecutionPlan> {
    Arc::new(UnaryExec::over(input, Slices { rows: rows.max(1) }))
}

#[derive(Debug, Clone)]
struct Slices {
    rows: usize,
}

impl UnaryOperator for Slices {
    const NAME: &'static str = "SlicesExec";

    fn details(&self) -> Option<String> {
        Some(format!("rows={}", self.rows))
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = input.execute(partition, context)?;
        let metrics = SplitMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        Ok(Box::pin(BatchSplitStream::new(input, self.rows, metrics)))
    }
}
