//! An operator of one input and one batch at a time: what all such operators have in common.
//!
//! An operator says in [`UnaryOperator`] how it returns the rows of its input and what differs from its input;
//! [`UnaryExec`] makes an execution plan of it. No operator changes the number or the order of its input's rows.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt::{self, Debug};
use std::sync::Arc;

/// An operator that returns the rows of one input in their order.
pub(crate) trait UnaryOperator: Debug + Clone + Send + Sync + 'static {
    /// The operator's name in plans.
    const NAME: &'static str;

    /// Returns what a plan shows after the name.
    fn details(&self) -> Option<String> {
        None
    }

    /// Returns the properties of the rows; those of the input by default.
    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::clone(input.properties())
    }

    /// Returns whether rules may move a sort that is required above the operator below it.
    fn passes_sorts(&self) -> bool {
        true
    }

    /// Returns whether the input is worth splitting into more partitions for this operator.
    fn benefits_from_partitions(&self) -> bool {
        false
    }

    /// Returns whether the number of the input's rows is reported as that of the operator's.
    fn reports_row_count(&self) -> bool {
        false
    }

    /// Returns the rows of a partition.
    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;
}

/// The execution plan of a [`UnaryOperator`].
#[derive(Debug)]
pub(crate) struct UnaryExec<O> {
    pub(crate) input: Arc<dyn ExecutionPlan>,
    pub(crate) operator: O,
    properties: Arc<PlanProperties>,
}

impl<O: UnaryOperator> UnaryExec<O> {
    /// Creates the plan of an operator over its input.
    pub(crate) fn over(input: Arc<dyn ExecutionPlan>, operator: O) -> Self {
        Self { properties: operator.properties(&input), input, operator }
    }
}

impl<O: UnaryOperator> DisplayAs for UnaryExec<O> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match self.operator.details() {
            Some(details) => write!(f, "{}: {details}", O::NAME),
            None => write!(f, "{}", O::NAME),
        }
    }
}

impl<O: UnaryOperator> ExecutionPlan for UnaryExec<O> {
    fn name(&self) -> &str {
        O::NAME
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.operator.passes_sorts()]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.operator.benefits_from_partitions()]
    }
    /// No rule reads or replaces the expressions of these operators.
    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A rule replaces the children that the plan reports, so another number is an error of the rule.
        let count = children.len();
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| internal_datafusion_err!("{} of {count} inputs", O::NAME))?;
        Ok(Arc::new(Self::over(input, self.operator.clone())))
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.operator.execute(&self.input, partition, context)
    }
    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        match self.operator.reports_row_count() {
            true => vec![ChildStats::At(partition)],
            false => vec![ChildStats::Skip],
        }
    }
    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        let statistics = match inputs {
            [input] if self.operator.reports_row_count() => unknown.with_num_rows(input.num_rows),
            _ => unknown,
        };
        Ok(Arc::new(statistics))
    }
}
