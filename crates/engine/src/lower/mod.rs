//! Lowers a resolved plan with unbounded inputs to the graph of operators of a streaming query.
//!
//! The plan is visited from the scans upwards; each node becomes a step or an operator. A node or expression
//! that the streaming engine does not support is an error that names it, with Spark's class and text.

mod aggregate;
mod deduplicate;
mod graph;
mod join;
mod join_condition;
mod meaning;
mod panes;
mod sort;
mod static_join;
mod static_plan;
mod unsupported;

pub(crate) use graph::LoweredStream;

use crate::catalog::StreamingTable;
use crate::session::Session;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan, Union};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use meaning::RowMeaning;
use std::any::Any;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::{Connector, ReadRequest};
use thalweg_logical::{GenerateNode, LogicalExtension, WatermarkNode};
use thalweg_resolver::ResolvedQuery;
use thalweg_stream::{OperatorSpec, OutputMode, StateMeaning, StatelessStep};
use thalweg_values::errors::from_datafusion;

/// The source of a streaming query.
#[derive(Debug, Clone)]
pub(crate) struct StreamInput {
    pub connector: Arc<dyn Connector>,
    pub request: ReadRequest,
}

impl StreamInput {
    /// The source in the meaning of state: the format and where it reads.
    fn name(&self) -> String {
        format!("{}[{}]", self.connector.descriptor().name, self.request.paths.join(", "))
    }

    /// What the position of the source belongs to: as [`Self::name`], whatever the spelling of a path.
    fn place(&self) -> String {
        let absolute = |path: &String| {
            thalweg_storage::path::local(path)
                .map_or_else(|_| path.clone(), |p| thalweg_storage::path::uri(&p))
        };
        let paths: Vec<String> = self.request.paths.iter().map(absolute).collect();
        format!("{}[{}]", self.connector.descriptor().name, paths.join(", "))
    }
}

/// The graph lowered so far, from the sources upwards.
struct Lowering<'a> {
    state: &'a SessionState,
    /// Has opened the bounded tables of the plan.
    tables: &'a Session,
    mode: OutputMode,
    session: StateMeaning,
    /// The conditions of the filters directly above the join that is lowered next.
    above_join: Vec<Expr>,
    graph: LoweredStream,
}

/// The rows of a plan node: the operator that emits them, and what they mean.
struct Rows {
    operator: usize,
    meaning: RowMeaning,
}

/// Lowers a resolved streaming plan; the last step gives the columns the names that the user chose. `session`
/// is the part of the session's settings on which state depends.
pub(crate) fn lower(
    resolved: &ResolvedQuery,
    (tables, state): (&Session, &SessionState),
    mode: OutputMode,
    session: StateMeaning,
) -> Result<LoweredStream> {
    let mut lowering =
        Lowering { state, tables, mode, session, above_join: vec![], graph: LoweredStream::default() };
    if mode == OutputMode::Complete && !sort::is_whole(&resolved.plan) {
        return Err(unsupported::output_mode(mode.name(), "no streaming aggregations"));
    }
    let rows = lowering.node(&resolved.plan)?;
    let schema = crate::batch::named_schema(resolved);
    // The sink sees the users' names; everything before it uses ids.
    let exprs = resolved.plan.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    lowering.project(rows, &exprs, resolved.plan.schema(), schema)?;
    Ok(lowering.graph)
}

impl Lowering<'_> {
    /// Lowers a node after its inputs.
    fn node(&mut self, plan: &LogicalPlan) -> Result<Rows> {
        if let LogicalPlan::TableScan(scan) = plan {
            return self.scan(scan);
        }
        if let LogicalPlan::Union(union) = plan {
            return self.union(union);
        }
        if let LogicalPlan::Join(join) = plan {
            let above = std::mem::take(&mut self.above_join);
            return self.join(join, &above);
        }
        if let LogicalPlan::Filter(filter) = plan
            && leads_to_join(&filter.input)
        {
            // The filter stays, and the join learns from it what the rows of the result have in common.
            self.above_join.push(filter.predicate.clone());
        }
        if let LogicalPlan::Aggregate(aggregate) = plan
            && let Some((panes, windows)) = self.in_panes(aggregate)?
        {
            let rows = self.node(&panes.input)?;
            return self.aggregate(rows, &panes, Some(windows));
        }
        // All other operators of a stream have one input.
        let inputs = plan.inputs();
        let [input] = inputs.as_slice() else { return Err(unsupported::operator(plan)) };
        let rows = self.node(input)?;
        match plan {
            LogicalPlan::SubqueryAlias(_) => Ok(rows),
            LogicalPlan::Projection(p) => {
                self.project(rows, &p.expr, p.input.schema(), arrow_schema(&p.schema))
            }
            LogicalPlan::Filter(f) => self.filter(rows, &f.predicate, f.input.schema()),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(rows, aggregate, None),
            LogicalPlan::Sort(sort) => self.sort(rows, sort),
            LogicalPlan::Limit(limit) => self.limit(rows, limit),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let keys: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
                self.deduplicate(rows, &keys, input.schema(), false)
            }
            LogicalPlan::Extension(e) => self.extension(rows, LogicalExtension::of(e.node.as_ref()), plan),
            other => Err(unsupported::operator(other)),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Rows> {
        let provider = source_as_provider(&scan.source).map_err(from_datafusion)?;
        let any: &dyn Any = provider.as_ref();
        let table = any
            .downcast_ref::<StreamingTable>()
            .ok_or_else(|| unsupported::static_input(&scan.table_name))?;
        let input = StreamInput { connector: table.connector.clone(), request: table.request.clone() };
        let whole = table.schema();
        let columns = whole.fields().iter().map(|f| f.name().clone());
        let mut rows = Rows {
            meaning: RowMeaning::of_source(input.name(), columns),
            operator: self.graph.source(input),
        };
        if let Some(projection) = &scan.projection {
            // The connector returns all columns, so the projection of the scan is a step.
            let whole = DFSchema::try_from(whole.as_ref().clone()).map_err(from_datafusion)?;
            let columns = whole.columns();
            let kept = projection
                .iter()
                .filter_map(|i| columns.get(*i).cloned())
                .map(Expr::Column)
                .collect::<Vec<_>>();
            rows = self.project(rows, &kept, &whole, arrow_schema(&scan.projected_schema))?;
        }
        // A stream is read without filters, so those that are part of the scan are steps as well.
        for filter in &scan.filters {
            rows = self.filter(rows, filter, &scan.projected_schema)?;
        }
        Ok(rows)
    }

    fn union(&mut self, union: &Union) -> Result<Rows> {
        let mut operators = vec![];
        let mut meaning: Option<RowMeaning> = None;
        let schema = arrow_schema(&union.schema);
        for input in &union.inputs {
            let rows = self.node(input)?;
            // The columns of the inputs have other names, and may have another nullability.
            let exprs = input.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
            let rows = self.project(rows, &exprs, input.schema(), Arc::clone(&schema))?;
            operators.push(rows.operator);
            meaning = Some(match meaning {
                None => rows.meaning,
                Some(before) => before.union(rows.meaning),
            });
        }
        let operator = self.graph.operator(OperatorSpec::Union, operators, StateMeaning::default());
        Ok(Rows { operator, meaning: meaning.unwrap_or_default() })
    }

    fn filter(&mut self, rows: Rows, predicate: &Expr, input: &DFSchema) -> Result<Rows> {
        let step = StatelessStep::Filter(self.physical(predicate, input)?);
        let text = rows.meaning.text(predicate, input)?;
        Ok(Rows { operator: self.graph.step(rows.operator, step), meaning: rows.meaning.passing(text) })
    }

    fn project(&mut self, rows: Rows, exprs: &[Expr], input: &DFSchema, schema: SchemaRef) -> Result<Rows> {
        if let Some(expr) = exprs.iter().find(|e| unsupported::is_subquery(e)) {
            return Err(unsupported::subquery(expr));
        }
        let columns = rows.meaning.texts(exprs, input)?;
        let exprs = exprs.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        let operator = self.graph.step(rows.operator, StatelessStep::Project { exprs, schema });
        Ok(Rows { operator, meaning: rows.meaning.with_columns(columns) })
    }

    fn extension(
        &mut self,
        rows: Rows,
        node: Option<LogicalExtension<'_>>,
        plan: &LogicalPlan,
    ) -> Result<Rows> {
        match node {
            Some(LogicalExtension::Generate(generate)) => self.generate(rows, generate, plan),
            Some(LogicalExtension::Watermark(node)) => Ok(self.watermark(rows, node)),
            Some(LogicalExtension::Deduplicate(node)) => {
                self.deduplicate(rows, &node.keys, node.input.schema(), node.within_watermark)
            }
            // The resolver puts neither into the plan of a stream.
            Some(LogicalExtension::SequentialProjection(_) | LogicalExtension::ComputeOnce(_)) | None => {
                Err(unsupported::operator(plan))
            }
        }
    }

    fn watermark(&mut self, rows: Rows, node: &WatermarkNode) -> Rows {
        let (column, delay_us) = (node.index(), node.delay_micros);
        let spec = OperatorSpec::Watermark { column, delay_us };
        let operator = self.graph.operator(spec, vec![rows.operator], StateMeaning::default());
        let text = format!("watermark on {} less {delay_us} us", rows.meaning.column(column));
        Rows { operator, meaning: rows.meaning.passing(text) }
    }

    fn generate(&mut self, rows: Rows, generate: &GenerateNode, plan: &LogicalPlan) -> Result<Rows> {
        if generate.outer {
            return Err(unsupported::outer_generator());
        }
        let column = generate.index();
        let step = StatelessStep::Unnest { column, schema: arrow_schema(plan.schema()) };
        let text = format!("each element of {}", rows.meaning.column(column));
        let meaning = rows.meaning.with_column(column, |c| format!("element of {c}")).passing(text);
        Ok(Rows { operator: self.graph.step(rows.operator, step), meaning })
    }

    fn physical(&self, expr: &Expr, input: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        unsupported::check_replayable(expr)?;
        create_physical_expr(expr, input, self.state.execution_props(), &PhysicalPlanningContext::default())
            .map_err(from_datafusion)
    }
}

fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    let plain: &Schema = schema.as_arrow();
    Arc::new(plain.clone())
}

/// Returns whether the rows of a plan are those of a join, possibly without some of them.
fn leads_to_join(plan: &LogicalPlan) -> bool {
    // Such a projection keeps an optimizer rule from moving conditions, and the columns keep their ids.
    let is_barrier = |e: &Expr| match e {
        Expr::Alias(alias) => *alias.expr == thalweg_logical::optimization_barrier(),
        other => matches!(other, Expr::Column(_)),
    };
    match plan {
        LogicalPlan::Join(_) => true,
        LogicalPlan::Filter(filter) => leads_to_join(&filter.input),
        LogicalPlan::Projection(p) => p.expr.iter().all(is_barrier) && leads_to_join(&p.input),
        _ => false,
    }
}

/// Returns whether a plan reads a stream.
fn reads_stream(plan: &LogicalPlan) -> bool {
    let is_stream = |plan: &LogicalPlan| {
        let LogicalPlan::TableScan(scan) = plan else { return Ok(false) };
        let provider = source_as_provider(&scan.source)?;
        let any: &dyn Any = provider.as_ref();
        Ok(any.is::<StreamingTable>())
    };
    plan.exists(is_stream).unwrap_or(false)
}
