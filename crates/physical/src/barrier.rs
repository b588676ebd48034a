//! An operator that returns its input's rows, and through which no physical optimizer rule moves anything.

use crate::unary::{UnaryExec, UnaryOperator};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Removes the barriers that were added for one rule.
pub(crate) fn remove_passing(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<OptimizationBarrierExec>() {
        Some(barrier) if !barrier.operator.lasting => Ok(Transformed::yes(Arc::clone(&barrier.input))),
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

/// A plan that returns its input's rows; filters are not pushed through it.
type OptimizationBarrierExec = UnaryExec<OptimizationBarrier>;

/// A barrier, and what it stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptimizationBarrier {
    /// Whether it stays until planning ends.
    lasting: bool,
    /// Whether a sort that is required above may be made below.
    passes_sorts: bool,
}

impl OptimizationBarrier {
    /// A barrier that stays while one rule runs.
    pub(crate) const PASSING: Self = Self { lasting: false, passes_sorts: true };
    /// A barrier that stays while one rule runs, and that no sort that is required above passes.
    pub(crate) const PASSING_WITHOUT_SORTS: Self = Self { lasting: false, passes_sorts: false };
    /// A barrier that stays until planning ends.
    pub(crate) const LASTING: Self = Self { lasting: true, passes_sorts: true };

    /// Creates the barrier above `input`.
    pub(crate) fn above(self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(UnaryExec::over(input, self))
    }
}

impl UnaryOperator for OptimizationBarrier {
    const NAME: &'static str = "OptimizationBarrierExec";

    /// A sort is moved below operators that keep an order; the order that there is comes with the properties.
    fn passes_sorts(&self) -> bool {
        self.passes_sorts
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        input.execute(partition, context)
    }
}
