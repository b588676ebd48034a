//! An operator that returns its input's rows, and through which no physical optimizer rule moves anything.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// Removes the barriers that were added for one rule.
pub(crate) fn remove_passing(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<OptimizationBarrierExec>() {
        Some(barrier) if !barrier.lasting => Ok(Transformed::yes(Arc::clone(&barrier.input))),
        _ => Ok(Transformed::no(plan)),
    }
}

/// Removes the barriers that were added for the whole planning.
#[derive(Debug)]
pub(crate) struct RemoveOptimizationBarriers;

impl PhysicalOptimizerRule for RemoveOptimizationBarriers {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let remove = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<OptimizationBarrierExec>() {
            Some(barrier) => Ok(Transformed::yes(Arc::clone(&barrier.input))),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(remove).data()
    }
    fn name(&self) -> &str {
        "RemoveOptimizationBarriers"
    }
    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns its input's rows; filters are not pushed through it.
#[derive(Debug)]
pub(crate) struct OptimizationBarrierExec {
    input: Arc<dyn ExecutionPlan>,
    /// Whether it stays until planning ends.
    lasting: bool,
    /// Whether a sort that is required above may be made below.
    passes_sorts: bool,
}

impl OptimizationBarrierExec {
    /// Creates a barrier above `input` that stays while one rule runs.
    pub(crate) fn passing(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, lasting: false, passes_sorts: true }
    }

    /// The barrier, which no sort that is required above passes.
    pub(crate) fn without_sorts(self) -> Self {
        Self { passes_sorts: false, ..self }
    }

    /// Creates a barrier above `input` that stays until planning ends.
    pub(crate) fn lasting(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, lasting: true, passes_sorts: true }
    }
}

impl DisplayAs for OptimizationBarrierExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "OptimizationBarrierExec")
    }
}

impl ExecutionPlan for OptimizationBarrierExec {
    fn name(&self) -> &str {
        "OptimizationBarrierExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    /// A sort is moved below operators that keep an order; the order that there is comes with the properties.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.passes_sorts]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }
    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input =
            children.pop().ok_or_else(|| DataFusionError::Internal("a barrier needs an input".into()))?;
        Ok(Arc::new(Self { input, lasting: self.lasting, passes_sorts: self.passes_sorts }))
    }
    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
