//! An operator that passes rows and keeps the physical optimizer's rules from moving anything through it.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// The plan without the barriers that stayed while one rule ran.
pub(crate) fn remove_passing(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<OptimizationBarrierExec>() {
        Some(barrier) if !barrier.lasting => Ok(Transformed::yes(Arc::clone(&barrier.input))),
        _ => Ok(Transformed::no(plan)),
    }
}

/// Removes the barriers that stayed while the plan was made.
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

/// Passes rows, but no filter.
#[derive(Debug)]
pub(crate) struct OptimizationBarrierExec {
    input: Arc<dyn ExecutionPlan>,
    /// Whether it stays until the plan is made.
    lasting: bool,
    /// Whether a sort that is required above may be made below.
    passes_sorts: bool,
}

impl OptimizationBarrierExec {
    /// A barrier above `input` that stays while one rule runs.
    pub(crate) fn passing(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, lasting: false, passes_sorts: true }
    }

    /// The barrier, which no sort that is required above passes.
    pub(crate) fn without_sorts(self) -> Self {
        Self { passes_sorts: false, ..self }
    }

    /// A barrier above `input` that stays until the plan is made.
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
