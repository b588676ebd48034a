//! From a resolved plan with an unbounded input to a streaming query.
//!
//! The plan is walked from the scan upwards; each node becomes a step or an operator. What the
//! streaming engine can't do is refused by name, as Spark refuses it: nothing is left out.

mod aggregate;
mod refuse;

use crate::catalog::StreamingTable;
use crate::error::from_datafusion;
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
use thalweg_plan::{GenerateNode, Resolved, WatermarkNode};
use thalweg_stream::{OperatorSpec, OutputMode, Step};

/// What a streaming query reads.
#[derive(Debug, Clone)]
pub struct Input {
    pub connector: Arc<dyn Connector>,
    pub request: ReadRequest,
}

/// A streaming query without its sink.
#[derive(Debug)]
pub struct Lowered {
    pub table: Input,
    pub operators: Vec<OperatorSpec>,
    /// What the state depends on: another text is another query, which can't use this one's checkpoint.
    pub fingerprint: String,
}

/// The chain under construction, from the source upwards.
struct Chain<'a> {
    state: &'a SessionState,
    mode: OutputMode,
    input: Option<Input>,
    operators: Vec<OperatorSpec>,
    fingerprint: Vec<String>,
}

/// Lowers a resolved streaming plan; the last step gives the columns their users' names.
pub fn lower(resolved: &Resolved, state: &SessionState, mode: OutputMode) -> Result<Lowered> {
    let mut chain = Chain { state, mode, input: None, operators: vec![], fingerprint: vec![] };
    chain.node(&resolved.plan)?;
    let schema = crate::batch::named_schema(resolved);
    let exprs = resolved.plan.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    chain.project(&exprs, resolved.plan.schema(), schema)?;
    let table = chain.input.ok_or_else(|| Error::internal("a streaming plan without a streaming source"))?;
    Ok(Lowered { table, operators: chain.operators, fingerprint: chain.fingerprint.join("\n") })
}

impl Chain<'_> {
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
                self.step(Step::Filter(condition));
                Ok(())
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Extension(Extension { node }) => self.extension(node.as_any(), plan),
            other => Err(refuse::operator(other)),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<()> {
        let provider = source_as_provider(&scan.source).map_err(from_datafusion)?;
        let any: &dyn Any = provider.as_ref();
        let table =
            any.downcast_ref::<StreamingTable>().ok_or_else(|| refuse::static_input(&scan.table_name))?;
        self.input = Some(Input { connector: table.connector.clone(), request: table.request.clone() });
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
            self.step(Step::Filter(condition));
        }
        Ok(())
    }

    fn project(&mut self, exprs: &[Expr], input: &DFSchema, schema: SchemaRef) -> Result<()> {
        if let Some(expr) = exprs.iter().find(|e| refuse::is_subquery(e)) {
            return Err(refuse::subquery(expr));
        }
        let exprs = exprs.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        self.step(Step::Project { exprs, schema });
        Ok(())
    }

    fn extension(&mut self, node: &dyn Any, plan: &LogicalPlan) -> Result<()> {
        if let Some(watermark) = node.downcast_ref::<WatermarkNode>() {
            return self.watermark(watermark);
        }
        match node.downcast_ref::<GenerateNode>() {
            Some(generate) => self.generate(generate, plan),
            None => Err(refuse::operator(plan)),
        }
    }

    fn generate(&mut self, generate: &GenerateNode, plan: &LogicalPlan) -> Result<()> {
        if generate.outer {
            return Err(refuse::outer_generator());
        }
        let column = generate.index().map_err(from_datafusion)?;
        self.step(Step::Unnest { column, schema: arrow_schema(plan.schema()) });
        Ok(())
    }

    fn watermark(&mut self, node: &WatermarkNode) -> Result<()> {
        let schema = node.input.schema();
        let column = schema.columns().iter().position(|c| c.name == node.column);
        let column =
            column.ok_or_else(|| Error::internal(format!("watermark column {} is gone", node.column)))?;
        self.step(Step::Watermark { column, delay_us: node.delay_micros });
        Ok(())
    }

    fn physical(&self, expr: &Expr, input: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        refuse::check_repeatable(expr)?;
        create_physical_expr(expr, input, self.state.execution_props(), &PhysicalPlanningContext::default())
            .map_err(from_datafusion)
    }

    fn step(&mut self, step: Step) {
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
