//! DataFusion's physical push-down rules, prevented from evaluating on rows that a filter has not yet excluded.
//!
//! The projection rule swaps a narrowing projection with the filter below it, whatever the projection computes:
//! then `SELECT a / b, b … WHERE b <> 0` would divide by zero; and it computes the parts of a nested loop's
//! condition below the join, those under a CASE too. The rule here moves no computation below a filter and does not
//! split join conditions. The filter rule moves a filter through a projection by substituting what the projection
//! computes, a volatile function too, and then merges it with the next filter: while it runs, an
//! [`OptimizationBarrier`] is above each projection that names the barrier's column. Barriers are above compute-once
//! rows too, from the beginning. A hash join passes the least and greatest of its keys to a scan, by an order that is
//! not that of nested values; barriers keep these in the join. The rule of sorts moves a sort below a limit, which then
//! keeps other rows, or below a chain of projections, by another column; barriers are above both while it runs. At the end all barriers are removed, so that no plan
//! that runs holds one.

use crate::barrier::{OptimizationBarrier, remove_passing};
use crate::sequential::is_sequential_projection;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::{ProjectionExec, remove_unnecessary_projections};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use std::sync::Arc;
use thalweg_logical::OPTIMIZATION_BARRIER;

/// `ProjectionPushdown` that moves columns only, never computations.
#[derive(Debug)]
pub(crate) struct OptimizationBarrierProjectionPushdown;

impl PhysicalOptimizerRule for OptimizationBarrierProjectionPushdown {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let push = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<ProjectionExec>() {
            // Swapped, the projection would compute on rows that the filter drops.
            Some(p) if computes(p) && p.input().is::<FilterExec>() => Ok(Transformed::no(plan)),
            // A volatile expression stays above the rows that it is evaluated for.
            Some(p) if p.expr().iter().any(|e| is_volatile(&e.expr)) => Ok(Transformed::no(plan)),
            _ => remove_unnecessary_projections(plan),
        };
        plan.transform_down(push).data()
    }
    fn name(&self) -> &str {
        "ProjectionPushdown"
    }
    fn schema_check(&self) -> bool {
        true
    }
}

type Plan = Arc<dyn ExecutionPlan>;

/// A rule that moves filters or sorts, and stops at barriers.
#[derive(Debug)]
pub(crate) struct OptimizationBarrierPushdown {
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
    place: fn(Plan) -> Result<Transformed<Plan>>,
}

impl OptimizationBarrierPushdown {
    /// Returns the rule that moves filters, which stops at barriers.
    pub(crate) fn at_barriers(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, place: above_barriers }
    }

    /// The rule that adds the sorts that operators require, and none of them below a limit that is below the operator,
    /// which would keep other rows, or below a chain of projections.
    pub(crate) fn at_limits_and_chains(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, place: above_limits_and_chains }
    }

    /// Returns the rule that passes bounds of join keys to scans, except for nested keys.
    pub(crate) fn at_nested_keys(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, place: above_join_sides }
    }
}

impl PhysicalOptimizerRule for OptimizationBarrierPushdown {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let guarded = plan.transform_up(self.place).data()?;
        self.rule.optimize(guarded, config)?.transform_up(remove_passing).data()
    }
    fn name(&self) -> &str {
        self.rule.name()
    }
    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

fn above_barriers(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<ProjectionExec>().is_some_and(is_barrier) {
        true => Ok(Transformed::yes(OptimizationBarrier::PASSING.above(plan))),
        false => Ok(Transformed::no(plan)),
    }
}

fn above_limits_and_chains(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    // The rule takes a column of an operator that it does not know for the input's column of that place: below a chain it
    // would sort by another column.
    match plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>() || is_sequential_projection(&plan) {
        true => Ok(Transformed::yes(OptimizationBarrier::PASSING_WITHOUT_SORTS.above(plan))),
        false => Ok(Transformed::no(plan)),
    }
}

fn above_join_sides(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<HashJoinExec>() {
        Some(join) if has_nested_key(join)? => {
            let sides = plan.children().into_iter().cloned();
            let guarded = sides.map(|side| OptimizationBarrier::PASSING.above(side)).collect();
            replace_children_if_necessary(plan, guarded).map(Transformed::yes)
        }
        _ => Ok(Transformed::no(plan)),
    }
}

fn has_nested_key(join: &HashJoinExec) -> Result<bool> {
    let schema = join.left().schema();
    join.on().iter().try_fold(false, |found, (key, _)| Ok(found || key.data_type(&schema)?.is_nested()))
}

fn is_barrier(projection: &ProjectionExec) -> bool {
    let calls_barrier = |e: &Arc<dyn PhysicalExpr>| {
        e.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| f.name() == OPTIMIZATION_BARRIER)
    };
    projection.expr().iter().any(|e| calls_barrier(&e.expr))
}

fn computes(projection: &ProjectionExec) -> bool {
    projection.expr().iter().any(|e| !e.expr.is::<Column>() && !e.expr.is::<Literal>())
}
