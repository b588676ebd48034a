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
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use std::any::Any;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::{Connector, ReadRequest};
use thalweg_logical::{GenerateNode, LogicalExtension};
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
    operators: Vec<OperatorSpec>,
    fingerprint: Vec<String>,
}

/// Lowers a resolved streaming plan; the last step gives the columns the names that the user chose.
pub(crate) fn lower(
    resolved: &ResolvedQuery,
    state: &SessionState,
    mode: OutputMode,
) -> Result<LoweredStream> {
    let mut lowering = Lowering { state, mode, operators: vec![], fingerprint: vec![] };
    let input = lowering.node(&resolved.plan)?;
    let schema = crate::batch::named_schema(resolved);
    // The sink sees the users' names; everything before it uses ids.
    let exprs = resolved.plan.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    lowering.project(&exprs, resolved.plan.schema(), schema)?;
    Ok(LoweredStream { input, operators: lowering.operators, fingerprint: lowering.fingerprint.join("\n") })
}

impl Lowering<'_> {
    /// Lowers a node after its input; returns the source at the bottom.
    fn node(&mut self, plan: &LogicalPlan) -> Result<StreamInput> {
        if let LogicalPlan::TableScan(scan) = plan {
            return self.scan(scan);
        }
        // All operators of a stream have one input.
        let inputs = plan.inputs();
        let [input] = inputs.as_slice() else { return Err(unsupported::operator(plan)) };
        let source = self.node(input)?;
        match plan {
            LogicalPlan::SubqueryAlias(_) => {}
            LogicalPlan::Projection(p) => self.project(&p.expr, p.input.schema(), arrow_schema(&p.schema))?,
            LogicalPlan::Filter(f) => {
                let condition = self.physical(&f.predicate, f.input.schema())?;
                self.step(StatelessStep::Filter(condition));
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate)?,
            LogicalPlan::Extension(e) => self.extension(LogicalExtension::of(e.node.as_ref()), plan)?,
            other => return Err(unsupported::operator(other)),
        }
        Ok(source)
    }

    fn scan(&mut self, scan: &TableScan) -> Result<StreamInput> {
        let provider = source_as_provider(&scan.source).map_err(from_datafusion)?;
        let any: &dyn Any = provider.as_ref();
        let table = any
            .downcast_ref::<StreamingTable>()
            .ok_or_else(|| unsupported::static_input(&scan.table_name))?;
        if let Some(projection) = &scan.projection {
            // The connector returns all columns, so the projection of the scan is a step.
            let whole = DFSchema::try_from(table.schema().as_ref().clone()).map_err(from_datafusion)?;
            let columns = whole.columns();
            let kept = projection
                .iter()
                .filter_map(|i| columns.get(*i).cloned())
                .map(Expr::Column)
                .collect::<Vec<_>>();
            self.project(&kept, &whole, arrow_schema(&scan.projected_schema))?;
        }
        // A stream is read without filters, so those that are part of the scan are steps as well.
        for filter in &scan.filters {
            let condition = self.physical(filter, &scan.projected_schema)?;
            self.step(StatelessStep::Filter(condition));
        }
        Ok(StreamInput { connector: table.connector.clone(), request: table.request.clone() })
    }

    fn project(&mut self, exprs: &[Expr], input: &DFSchema, schema: SchemaRef) -> Result<()> {
        if let Some(expr) = exprs.iter().find(|e| unsupported::is_subquery(e)) {
            return Err(unsupported::subquery(expr));
        }
        let exprs = exprs.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        self.step(StatelessStep::Project { exprs, schema });
        Ok(())
    }

    fn extension(&mut self, node: Option<LogicalExtension<'_>>, plan: &LogicalPlan) -> Result<()> {
        match node {
            Some(LogicalExtension::Generate(generate)) => self.generate(generate, plan),
            Some(LogicalExtension::Watermark(node)) => {
                let (column, delay_us) = (node.index(), node.delay_micros);
                self.step(StatelessStep::Watermark { column, delay_us });
                Ok(())
            }
            // The resolver puts neither into the plan of a stream.
            Some(LogicalExtension::SequentialProjection(_) | LogicalExtension::ComputeOnce(_)) | None => {
                Err(unsupported::operator(plan))
            }
        }
    }

    fn generate(&mut self, generate: &GenerateNode, plan: &LogicalPlan) -> Result<()> {
        if generate.outer {
            return Err(unsupported::outer_generator());
        }
        self.step(StatelessStep::Unnest { column: generate.index(), schema: arrow_schema(plan.schema()) });
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
            Some(OperatorSpec::Aggregate(_)) | None => {
                self.operators.push(OperatorSpec::Stateless(vec![step]));
            }
        }
    }
}

fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    let plain: &Schema = schema.as_arrow();
    Arc::new(plain.clone())
}
