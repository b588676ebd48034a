//! Takes the first rows of the first partitions for a LIMIT without ORDER BY.
//!
//! DataFusion takes the rows that arrive first, which are others in each run. Spark takes the partitions in their order:
//! the first rows of a UNION are those of its first side, and those of a folder are in its first file.

use crate::unary::{UnaryExec, UnaryOperator};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;
use std::sync::Arc;

/// Batches of a partition that wait for the partitions before it. All partitions run at once: without a bound, those
/// after the first would collect all of their rows.
const BATCHES_AHEAD_MAX: usize = 2;

/// Replaces each limit on rows in the order of their arrival.
#[derive(Debug)]
pub(crate) struct LimitInOrder;

impl PhysicalOptimizerRule for LimitInOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let replace = |plan: Arc<dyn ExecutionPlan>| {
            let Some(coalesce) = plan.downcast_ref::<CoalescePartitionsExec>() else {
                return Ok(Transformed::no(plan));
            };
            let Some(fetch) = coalesce.fetch() else { return Ok(Transformed::no(plan)) };
            let operator = FirstRows { fetch, properties: Arc::clone(plan.properties()) };
            Ok(Transformed::yes(Arc::new(UnaryExec::over(Arc::clone(coalesce.input()), operator)) as _))
        };
        plan.transform_up(replace).data()
    }
    fn name(&self) -> &str {
        "LimitInOrder"
    }
    fn schema_check(&self) -> bool {
        true
    }
}

/// The first rows of all partitions, one partition after the other.
#[derive(Debug, Clone)]
struct FirstRows {
    fetch: usize,
    /// One partition.
    properties: Arc<PlanProperties>,
}

impl UnaryOperator for FirstRows {
    const NAME: &'static str = "FirstRowsExec";

    fn details(&self) -> Option<String> {
        Some(format!("fetch={}", self.fetch))
    }

    fn properties(&self, _input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::clone(&self.properties)
    }

    fn passes_sorts(&self) -> bool {
        false
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let partitions = input.output_partitioning().partition_count();
        let part = |i| Ok(spawn_buffered(input.execute(i, Arc::clone(&context))?, BATCHES_AHEAD_MAX));
        let parts = (0..partitions).map(part).collect::<Result<Vec<_>>>()?;
        let rows = futures::stream::iter(parts).flatten();
        let rows = Box::pin(RecordBatchStreamAdapter::new(input.schema(), rows));
        let metrics = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        Ok(Box::pin(LimitStream::new(rows, 0, Some(self.fetch), metrics)))
    }
}
