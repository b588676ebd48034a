//! Plans Thalweg's logical nodes as operators.

use crate::barrier::OptimizationBarrier;
use crate::sequential::sequential_projection;
use crate::slices::slices;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{NullHandling, Result, ScalarValue, UnnestOptions};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::unnest::{ListUnnest, UnnestExec};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::sync::Arc;
use thalweg_logical::{GenerateNode, LogicalExtension, makes_large_lists};

/// Returns DataFusion's planner, extended by Thalweg's logical nodes of batch queries.
pub fn query_planner() -> Arc<dyn QueryPlanner + Send + Sync> {
    Arc::new(Planner)
}

#[derive(Debug)]
struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Planner)]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        // All of ours have one input; DataFusion reports a node that no planner knows.
        let (Some(node), [input]) = (LogicalExtension::of(node), physical_inputs) else { return Ok(None) };
        let input = Arc::clone(input);
        let plan = match node {
            LogicalExtension::Generate(node) => generate(node, input)?,
            LogicalExtension::SequentialProjection(node) => {
                sequential_projection(node, input, session.execution_props(), context)?
            }
            LogicalExtension::ComputeOnce(_) => OptimizationBarrier::LASTING.above(input),
            // An event time has no meaning for bounded rows.
            LogicalExtension::Watermark(_) => input,
            // Only a stream has it, and its source has refused the batch.
            LogicalExtension::Deduplicate(_) => return Ok(None),
        };
        Ok(Some(plan))
    }
}

fn generate(node: &GenerateNode, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let list = ListUnnest { index_in_input_schema: node.index(), depth: 1 };
    let schema = Arc::clone(UserDefinedLogicalNode::schema(node).inner());
    let null_handling = if node.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, recursions: vec![] };
    let input = in_bounds(input, list.index_in_input_schema)?;
    Ok(Arc::new(UnnestExec::new(input, vec![list], vec![], schema, options)?))
}

/// The largest number of elements of a constant list over all rows of a batch, unless a single row has more.
const ELEMENTS_MAX: usize = 1 << 20;

/// The number of rows for which a function that makes large lists is computed at a time: each list may have millions of
/// elements.
const LARGE_LISTS_MAX: usize = 128;

/// Slices the rows below a list that is large for few of them: a constant, copied for each row, or the list
/// of a function that makes large ones.
fn in_bounds(input: Arc<dyn ExecutionPlan>, index: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(projection) = input.downcast_ref::<ProjectionExec>() else { return Ok(input) };
    let Some(list) = projection.expr().get(index).map(|e| &e.expr) else { return Ok(input) };
    let rows = match list.downcast_ref::<Literal>().map(Literal::value) {
        // A list of one element is no larger than its row.
        Some(ScalarValue::List(list)) if list.values().len() > 1 => ELEMENTS_MAX / list.values().len(),
        None if list.exists(|e| Ok(is_large(e)))? => LARGE_LISTS_MAX,
        _ => return Ok(input),
    };
    // Below the projection, which copies the list once for each row of its batch.
    let slices = slices(Arc::clone(projection.input()), rows);
    Ok(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), slices)?))
}

fn is_large(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| makes_large_lists(f.fun()))
}
