//! Plans Thalweg's logical nodes as operators.

use crate::barrier::OptimizationBarrierExec;
use crate::sequential::SequentialProjectionExec;
use crate::slices::SlicesExec;
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
use thalweg_logical::{GenerateNode, SequentialProjectionNode, ComputeOnceNode};

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
        if let (true, [input]) = (node.as_any().is::<ComputeOnceNode>(), physical_inputs) {
            return Ok(Some(Arc::new(OptimizationBarrierExec::lasting(Arc::clone(input)))));
        }
        if let (Some(node), [input]) =
            (node.as_any().downcast_ref::<SequentialProjectionNode>(), physical_inputs)
        {
            let (input, props) = (Arc::clone(input), session.execution_props());
            let exec = SequentialProjectionExec::try_new(node, input, props, context)?;
            return Ok(Some(Arc::new(exec)));
        }
        let (Some(node), [input]) = (node.as_any().downcast_ref::<GenerateNode>(), physical_inputs) else {
            return Ok(None);
        };
        let list = ListUnnest { index_in_input_schema: node.index()?, depth: 1 };
        let schema = Arc::clone(UserDefinedLogicalNode::schema(node).inner());
        let null_handling =
            if node.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let options = UnnestOptions { null_handling, recursions: vec![] };
        let input = in_bounds(Arc::clone(input), list.index_in_input_schema)?;
        let exec = UnnestExec::new(input, vec![list], vec![], schema, options)?;
        Ok(Some(Arc::new(exec)))
    }
}

/// The largest number of elements of a constant list over all rows of a batch, unless a single row has more.
const ELEMENTS_MAX: usize = 1 << 20;

/// The number of rows for which a list of `sequence` is computed at a time: each may have millions of elements.
const SEQUENCES_MAX: usize = 128;

/// Slices the rows below a list that is large for few of them: a constant, copied for each row, or a `sequence`.
fn in_bounds(input: Arc<dyn ExecutionPlan>, index: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(projection) = input.downcast_ref::<ProjectionExec>() else { return Ok(input) };
    let Some(list) = projection.expr().get(index).map(|e| &e.expr) else { return Ok(input) };
    let rows = match list.downcast_ref::<Literal>().map(Literal::value) {
        Some(ScalarValue::List(list)) if list.values().len() > 1 => ELEMENTS_MAX / list.values().len(),
        None if list.exists(|e| Ok(is_sequence(e)))? => SEQUENCES_MAX,
        _ => return Ok(input),
    };
    let slices = Arc::new(SlicesExec::new(Arc::clone(projection.input()), rows));
    Ok(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), slices)?))
}

fn is_sequence(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| f.fun().name() == "sequence")
}
