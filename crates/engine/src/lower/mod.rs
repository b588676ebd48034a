//! Lowers a resolved plan with an unbounded input to the operators of a streaming query.
//!
//! The plan is visited from the scan upwards; each node becomes a step or an operator. A node or expression
//! that the streaming engine does not support is an error that names it, with Spark's class and text.

mod aggregate;
mod unsupported;

use crate::catalog::StreamingTable;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableScan};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use std::any::Any;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_connectors::{Connector, ReadRequest};
use thalweg_logical::{GenerateNode, WatermarkNode};
use thalweg_resolver::ResolvedQuery;
use thalweg_stream::{OperatorSpec, OutputMode, StatelessStep};
use thalweg_values::errors::from_datafusion;

/// The source of a streaming query.
#[derive(Debug, Clone)]
pub(crate) struct StreamInput {
    pub connector: Arc<dyn Connector>,
    pub request: ReadRequest,
}

/// A lowered streaming query, without its sink.
#[derive(Debug)]
pub(crate) struct LoweredStream {
    pub input: StreamInput,
    pub operators: Vec<OperatorSpec>,
    /// Describes everything that the state depends on. A query with another fingerprint cannot use the
    /// checkpoint.
    pub fingerprint: String,
}

/// The operators lowered so far, from the source upwards.
struct Lowering<'a> {
    state: &'a SessionState,
    mode: OutputMode,
    input: Option<StreamInput>,
    operators: Vec<OperatorSpec>,
    fingerprint: Vec<String>,
}

/// Lowers a resolved streaming plan; the last step gives the columns the names that the user chose.
pub(crate) fn lower(
    resolved: &ResolvedQuery,
    state: &SessionState,
    mode: OutputMode,
) -> Result<LoweredStream> {
    let mut lowering = Lowering { state, mode, input: None, operators: vec![], fingerprint: vec![] };
    lowering.node(&resolved.plan)?;
    let schema = crate::batch::named_schema(resolved);
    let exprs = resolved.plan.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    lowering.project(&exprs, resolved.plan.schema(), schema)?;
    let input =
        lowering.input.ok_or_else(|| Error::internal("a streaming plan without a streaming source"))?;
    Ok(LoweredStream { input, operators: lowering.operators, fingerprint: lowering.fingerprint.join("\n") })
}

impl Lowering<'_> {
    fn node(&mut self, plan: &LogicalPlan) -> Result<()> {
        if let [input] = plan.inputs().as_slice() {
            self.node(input)?;
        }
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(_) => Ok(()),
            LogicalPlan::Projection(p) => self.project(&p.expr, p.input.schema(), arrow_schema(&p.schema)),
            LogicalPlan::Filter(f) => {
                let condition = self.physical(&f.predicate, f.input.schema())?;
                self.step(StatelessStep::Filter(condition));
                Ok(())
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Extension(Extension { node }) => self.extension(node.as_any(), plan),
            other => Err(unsupported::operator(other)),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<()> {
        let provider = source_as_provider(&scan.source).map_err(from_datafusion)?;
        let any: &dyn Any = provider.as_ref();
        let table = any
            .downcast_ref::<StreamingTable>()
            .ok_or_else(|| unsupported::static_input(&scan.table_name))?;
        self.input = Some(StreamInput { connector: table.connector.clone(), request: table.request.clone() });
        if let Some(projection) = &scan.projection {
            let whole = DFSchema::try_from(table.schema().as_ref().clone()).map_err(from_datafusion)?;
            let columns = whole.columns();
            let kept = projection
                .iter()
                .filter_map(|i| columns.get(*i).cloned())
                .map(Expr::Column)
                .collect::<Vec<_>>();
            self.project(&kept, &whole, arrow_schema(&scan.projected_schema))?;
        }
        for filter in &scan.filters {
            let condition = self.physical(filter, &scan.projected_schema)?;
            self.step(StatelessStep::Filter(condition));
        }
        Ok(())
    }

    fn project(&mut self, exprs: &[Expr], input: &DFSchema, schema: SchemaRef) -> Result<()> {
        if let Some(expr) = exprs.iter().find(|e| unsupported::is_subquery(e)) {
            return Err(unsupported::subquery(expr));
        }
        let exprs = exprs.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        self.step(StatelessStep::Project { exprs, schema });
        Ok(())
    }

    fn extension(&mut self, node: &dyn Any, plan: &LogicalPlan) -> Result<()> {
        if let Some(watermark) = node.downcast_ref::<WatermarkNode>() {
            return self.watermark(watermark);
        }
        match node.downcast_ref::<GenerateNode>() {
            Some(generate) => self.generate(generate, plan),
            None => Err(unsupported::operator(plan)),
        }
    }

    fn generate(&mut self, generate: &GenerateNode, plan: &LogicalPlan) -> Result<()> {
        if generate.outer {
            return Err(unsupported::outer_generator());
        }
        let column = generate.index().map_err(from_datafusion)?;
        self.step(StatelessStep::Unnest { column, schema: arrow_schema(plan.schema()) });
        Ok(())
    }

    fn watermark(&mut self, node: &WatermarkNode) -> Result<()> {
        let schema = node.input.schema();
        let column = schema.columns().iter().position(|c| c.name == node.column);
        let column = column.ok_or_else(|| {
            Error::internal(format!("the watermark column {} is not in the input", node.column))
        })?;
        self.step(StatelessStep::Watermark { column, delay_us: node.delay_micros });
        Ok(())
    }

    fn physical(&self, expr: &Expr, input: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        unsupported::check_replayable(expr)?;
        create_physical_expr(expr, input, self.state.execution_props(), &PhysicalPlanningContext::default())
            .map_err(from_datafusion)
    }

    fn step(&mut self, step: StatelessStep) {
        match self.operators.last_mut() {
            Some(OperatorSpec::Stateless(steps)) => steps.push(step),
            _ => self.operators.push(OperatorSpec::Stateless(vec![step])),
        }
    }
}

fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    let plain: &Schema = schema.as_arrow();
    Arc::new(plain.clone())
}
