//! A row per element of a list: the node of `explode` and of sliding windows, and how a batch runs it.
//!
//! DataFusion's own Unnest hands its input's functional dependencies on, as if a key were still one after its
//! row came several times: ORDER BY, GROUP BY and DISTINCT over the elements then lose keys. This node has none.
//! It runs as DataFusion's UnnestExec; a stream's lowering reads it as it is.

use crate::settled::SettledNode;
use crate::slices::SlicesExec;
use arrow::datatypes::{DataType, Field};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{
    DFSchema, DFSchemaRef, DataFusionError, NullHandling, Result, ScalarValue, UnnestOptions,
};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::unnest::{ListUnnest, UnnestExec};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The input's rows, each once per element of a list: the element stands where the list was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenerateNode {
    pub input: LogicalPlan,
    /// The id of the list's column, and of the element's.
    pub column: String,
    /// Whether a row without elements stays, once, with null.
    pub outer: bool,
    schema: DFSchemaRef,
}

impl GenerateNode {
    /// The elements of the list `column` of `input`.
    ///
    /// # Errors
    /// DataFusion's internal error if that is no list.
    pub fn try_new(input: LogicalPlan, column: String, outer: bool) -> Result<Self> {
        let fields = input.schema().iter().map(|(qualifier, field)| {
            let element = match field.data_type() {
                DataType::List(element) if field.name() == &column => {
                    Arc::new(Field::new(&column, element.data_type().clone(), true))
                }
                _ => Arc::clone(field),
            };
            (qualifier.cloned(), element)
        });
        let fields = fields.collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        let node = Self { input, column, outer, schema };
        match node.input.schema().field(node.index()?).data_type() {
            DataType::List(_) => Ok(node),
            other => {
                Err(DataFusionError::Internal(format!("no elements in {} of type {other}", node.column)))
            }
        }
    }

    /// The place of the list among the columns.
    ///
    /// # Errors
    /// DataFusion's internal error if it is gone.
    pub fn index(&self) -> Result<usize> {
        let place = self.schema.fields().iter().position(|f| f.name() == &self.column);
        place.ok_or_else(|| DataFusionError::Internal(format!("the list {} is gone", self.column)))
    }
}

impl PartialOrd for GenerateNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.column, self.outer).partial_cmp(&(&other.column, other.outer))
    }
}

impl UserDefinedLogicalNodeCore for GenerateNode {
    fn name(&self) -> &str {
        "Generate"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    /// A filter of the other columns keeps or drops all rows that a row becomes, so it may pass.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::from([self.column.clone()])
    }
    /// The columns asked for, and the list in any case: it decides how many rows there are.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let mut needed = output_columns.to_vec();
        needed.push(self.index().ok()?);
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Generate: {} outer={}", self.column, self.outer)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input =
            inputs.pop().ok_or_else(|| DataFusionError::Internal("Generate needs an input".into()))?;
        Self::try_new(input, self.column.clone(), self.outer)
    }
}

/// DataFusion's planner, which then knows the nodes of ours that a batch may hold.
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
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let (Some(settled), [input]) = (node.as_any().downcast_ref::<SettledNode>(), physical_inputs) {
            return Ok(Some(settled.physical(Arc::clone(input))));
        }
        let (Some(node), [input]) = (node.as_any().downcast_ref::<GenerateNode>(), physical_inputs) else {
            return Ok(None);
        };
        let list = ListUnnest { index_in_input_schema: node.index()?, depth: 1 };
        let schema = Arc::clone(node.schema.inner());
        let null_handling =
            if node.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let options = UnnestOptions { null_handling, recursions: vec![] };
        let input = in_bounds(Arc::clone(input), list.index_in_input_schema)?;
        let exec = UnnestExec::new(input, vec![list], vec![], schema, options)?;
        Ok(Some(Arc::new(exec)))
    }
}

/// The most elements that a constant list may become in one batch, unless a single row has more.
const ELEMENTS_MAX: usize = 1 << 20;

/// How many rows a list of `sequence` is computed for at a time: each may have millions of elements.
const SEQUENCES_MAX: usize = 128;

/// Cuts the rows below a list that few of them make large: a constant, written out for each row, or a `sequence`.
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
