//! DataFusion's physical push-downs, kept from evaluating on rows that a filter has not yet excluded.
//!
//! The projection rule swaps a narrowing projection with the filter below it, whatever the projection computes:
//! then `SELECT a / b, b … WHERE b <> 0` would divide by zero; and it computes the parts of a nested loop's
//! condition below the join, those behind a CASE too. Ours moves no computation below a filter and leaves join
//! conditions whole. The filter rule moves a filter through a projection by putting in what the projection
//! computes, a volatile function too, and then merges it with the next filter: while it runs, walls stand on
//! the fences. Walls stand above settled rows too, from the beginning. A hash join passes the least and greatest of
//! its keys to a scan, by an order that is not that of nested values; walls keep these in the join. The rule of sorts
//! moves a sort below a limit, which then keeps other rows; walls stand on the limits while it runs. At the end all
//! walls are taken away, so that no plan that runs holds one.

use crate::resolver::FENCE;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::{ProjectionExec, remove_unnecessary_projections};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary,
};
use std::fmt;
use std::sync::Arc;

/// `ProjectionPushdown` that moves columns only, never what can raise.
#[derive(Debug)]
pub(crate) struct CalmProjectionPushdown;

impl PhysicalOptimizerRule for CalmProjectionPushdown {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let push = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<ProjectionExec>() {
            Some(p) if computes(p) && p.input().is::<FilterExec>() => Ok(Transformed::no(plan)),
            // What varies from row to row stays above the rows that it was asked for.
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

/// A rule that moves filters or sorts, and stops at walls.
#[derive(Debug)]
pub(crate) struct WalledFilterPushdown {
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
    wall_in: fn(Plan) -> Result<Transformed<Plan>>,
}

impl WalledFilterPushdown {
    /// The rule that moves filters, stopping at fences.
    pub fn at_fences(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, wall_in: fence_in }
    }

    /// The rule that adds the sorts which operators require, and none of them below a limit that stands below the
    /// operator: the rows that the limit keeps would be others.
    pub fn at_limits(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, wall_in: keep_limits }
    }

    /// The rule that tells scans what joins found, but nothing of nested keys.
    pub fn at_nested_keys(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { rule, wall_in: keep_nested_keys }
    }
}

impl PhysicalOptimizerRule for WalledFilterPushdown {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let walled = plan.transform_up(self.wall_in).data()?;
        self.rule.optimize(walled, config)?.transform_up(take_away).data()
    }
    fn name(&self) -> &str {
        self.rule.name()
    }
    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

fn fence_in(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<ProjectionExec>().is_some_and(is_fence) {
        true => Ok(Transformed::yes(Arc::new(Wall { input: plan, lasting: false, passes_sorts: true }))),
        false => Ok(Transformed::no(plan)),
    }
}

fn keep_limits(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>() {
        true => Ok(Transformed::yes(Arc::new(Wall { input: plan, lasting: false, passes_sorts: false }))),
        false => Ok(Transformed::no(plan)),
    }
}

fn keep_nested_keys(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<HashJoinExec>() {
        Some(join) if has_nested_key(join)? => {
            let walled = plan.children().into_iter().map(|side| -> Arc<dyn ExecutionPlan> {
                Arc::new(Wall { input: Arc::clone(side), lasting: false, passes_sorts: true })
            });
            let walled = walled.collect();
            replace_children_if_necessary(plan, walled).map(Transformed::yes)
        }
        _ => Ok(Transformed::no(plan)),
    }
}

fn has_nested_key(join: &HashJoinExec) -> Result<bool> {
    let schema = join.left().schema();
    join.on().iter().try_fold(false, |found, (key, _)| Ok(found || key.data_type(&schema)?.is_nested()))
}

fn is_fence(projection: &ProjectionExec) -> bool {
    let calls_fence =
        |e: &Arc<dyn PhysicalExpr>| e.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| f.name() == FENCE);
    projection.expr().iter().any(|e| calls_fence(&e.expr))
}

fn computes(projection: &ProjectionExec) -> bool {
    projection.expr().iter().any(|e| !e.expr.is::<Column>() && !e.expr.is::<Literal>())
}

fn take_away(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match plan.downcast_ref::<Wall>() {
        Some(wall) if !wall.lasting => Ok(Transformed::yes(Arc::clone(&wall.input))),
        _ => Ok(Transformed::no(plan)),
    }
}

/// Takes the walls away that stood while the plan was made.
#[derive(Debug)]
pub(crate) struct TakeWallsAway;

impl PhysicalOptimizerRule for TakeWallsAway {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let remove = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<Wall>() {
            Some(wall) => Ok(Transformed::yes(Arc::clone(&wall.input))),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(remove).data()
    }
    fn name(&self) -> &str {
        "TakeWallsAway"
    }
    fn schema_check(&self) -> bool {
        true
    }
}

/// Passes rows, but no filter.
#[derive(Debug)]
pub(crate) struct Wall {
    input: Arc<dyn ExecutionPlan>,
    /// Whether it stands until the plan is made.
    lasting: bool,
    /// Whether a sort that is required above may be made below.
    passes_sorts: bool,
}

impl Wall {
    /// A wall above `input` that stands until the plan is made.
    pub fn lasting(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, lasting: true, passes_sorts: true }
    }
}

impl DisplayAs for Wall {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Wall")
    }
}

impl ExecutionPlan for Wall {
    fn name(&self) -> &str {
        "Wall"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    /// A sort is moved below operators that keep an order, and the order that there is comes with the properties.
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
            children.pop().ok_or_else(|| DataFusionError::Internal("a wall needs an input".into()))?;
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
