//! Keeps the sorts whose order the rows of a result depend on.
//!
//! DataFusion removes a sort when no operator above requires its order. LIMIT requires none, once a projection
//! has dropped the sort key, and neither do aggregates such as `collect_list` and `first`; but in Spark they see
//! the rows in the order of the subquery's ORDER BY. This rule runs before the one that removes sorts, and states
//! the order as a requirement on each sort that such an operator reads from. DataFusion's own rule removes the
//! requirements afterwards.

use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::{Distribution, LexRequirement, OrderingRequirements};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use std::sync::Arc;

/// Aggregates whose result is the same in any order of the rows, up to the rounding of floating-point sums. Any other
/// may depend on it.
// DataFusion's own `order_sensitivity` is about the ORDER BY inside a call: by default it requires an order, for `avg`
// and `count` too, and `any_value` does not depend on one although its result does.
const ORDER_INSENSITIVE: &[&str] = &[
    "approx_distinct",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "max",
    "min",
    "stddev",
    "stddev_pop",
    "sum",
    "try_avg",
    "try_sum",
    "var",
    "var_pop",
];

/// Adds the order of each sort that the result depends on as a requirement.
#[derive(Debug)]
pub(crate) struct KeepSorts;

impl PhysicalOptimizerRule for KeepSorts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        // The order of the whole result is already required, so only what is below matters here.
        Ok(kept(plan, false)?.data)
    }
    fn name(&self) -> &str {
        "KeepSorts"
    }
    fn schema_check(&self) -> bool {
        true
    }
}

/// `ordered` is whether an operator above depends on the order of this one's rows.
fn kept(plan: Arc<dyn ExecutionPlan>, ordered: bool) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let below = depends_on_order(&plan, ordered);
    let mut changed = false;
    let mut children = vec![];
    for child in plan.children() {
        let child = kept(Arc::clone(child), below)?;
        changed |= child.transformed;
        children.push(child.data);
    }
    let plan = if changed { replace_children_if_necessary(plan, children)? } else { plan };
    match plan.downcast_ref::<SortExec>() {
        // A sort for the first rows is never removed.
        Some(sort) if ordered && sort.fetch().is_none() => Ok(Transformed::yes(required(&plan, sort))),
        _ => Ok(if changed { Transformed::yes(plan) } else { Transformed::no(plan) }),
    }
}

/// Returns whether the rows of `plan`, or their order if that matters above it, depend on the order of its input.
fn depends_on_order(plan: &Arc<dyn ExecutionPlan>, ordered: bool) -> bool {
    use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
    if plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>() {
        return true;
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        return aggregate.aggr_expr().iter().any(|a| !ORDER_INSENSITIVE.contains(&a.fun().name()));
    }
    // A join returns rows in an order of its own, and a sort replaces the order of its input.
    let reorders = plan.is::<SortExec>()
        || plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
        || plan.is::<SortMergeJoinExec>();
    ordered && !reorders
}

fn required(plan: &Arc<dyn ExecutionPlan>, sort: &SortExec) -> Arc<dyn ExecutionPlan> {
    let order = OrderingRequirements::new(LexRequirement::from(sort.expr().clone()));
    // The requirement must not make the rule gather partitions that the sort keeps apart.
    let distribution = match sort.preserve_partitioning() {
        true => Distribution::UnspecifiedDistribution,
        false => Distribution::SinglePartition,
    };
    Arc::new(OutputRequirementExec::new(Arc::clone(plan), Some(order), distribution, None))
}
