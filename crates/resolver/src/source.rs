//! Resolves relations without inputs: tables, views, CTEs, files, ranges, local rows, VALUES.

use crate::catalog::TableEntry;
use crate::clause::Clause;
use crate::errors::analysis;
use crate::errors::columns_mismatch;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::load::Request;
use crate::resolver::CteInSight;
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, project};
use arrow::datatypes::DataType as Arrow;
use arrow::ipc::reader::StreamReader;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions_table::generate_series::{GenSeriesArgs, GenerateSeriesTable};
use datafusion::logical_expr::{Cast, Expr, LogicalPlanBuilder, lit};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Name, Relation, RelationNode};
use thalweg_sql::types::{DataType, StructType};
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::same_name;
use thalweg_values::types::{schema_to_spark, to_arrow};

/// One row without columns.
pub(crate) fn one_row() -> ResolvedRelation {
    let plan =
        datafusion::logical_expr::LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
            produce_one_row: true,
            schema: Arc::new(datafusion::common::DFSchema::empty()),
        });
    ResolvedRelation { plan, scope: Scope::default(), streaming: false, excludes: false }
}

impl Resolver<'_> {
    /// A CTE, view or table by name.
    pub(crate) fn table(
        &self,
        name: &Name,
        options: &ir::Options,
        streaming: bool,
    ) -> Result<ResolvedRelation> {
        // A CTE hides tables of its name, but not one with a qualifier, and not one that is read as a stream.
        if let [single] = name.as_slice()
            && !streaming
            && let Some(cte) = self.cte(single)
        {
            return self.cte_relation(&cte);
        }
        let request = Request::Table { name: name.clone(), options: options.clone(), streaming };
        let entry = self.loaded(&request)?;
        self.entry(entry, name)
    }

    pub(crate) fn data_source(&self, source: &ir::DataSource) -> Result<ResolvedRelation> {
        let entry = self.loaded(&Request::Source(source.clone()))?;
        let mut relation = self.entry(entry, &vec!["source".to_owned()])?;
        relation.scope.columns.iter_mut().for_each(|c| c.qualifier.clear());
        Ok(relation)
    }

    fn loaded(&self, request: &Request) -> Result<TableEntry> {
        match self.loads.get(request) {
            Some(entry) => entry.clone(),
            None => {
                Err(Error::internal("a table that the query reads was not loaded before it was resolved"))
            }
        }
    }

    fn entry(&self, entry: TableEntry, name: &Name) -> Result<ResolvedRelation> {
        match entry {
            TableEntry::Table { provider, schema, streaming, qualifier } => {
                let shown = name.last().map_or("table", String::as_str);
                let mut relation = self.scan(shown, provider, &schema)?;
                relation.streaming = streaming;
                for column in &mut relation.scope.columns {
                    column.qualifier.clone_from(&qualifier);
                }
                Ok(relation)
            }
            TableEntry::View { plan, columns, qualifier } => self.view(&plan, &columns, &qualifier),
        }
    }

    pub(crate) fn view(
        &self,
        plan: &Relation,
        columns: &[String],
        qualifier: &Name,
    ) -> Result<ResolvedRelation> {
        // A view was defined outside of the query that reads it: it sees none of its CTEs, and its places refer to
        // another text.
        let hidden = self.ctes.replace(vec![]);
        let text = self.text.replace(None);
        let relation = self.relation(plan, None);
        self.text.replace(text);
        self.ctes.replace(hidden);
        let mut relation = relation?;
        rename(&mut relation.scope, columns, "a view")?;
        for column in &mut relation.scope.columns {
            column.qualifier.clone_from(qualifier);
            column.plan_ids.clear();
        }
        relation.scope.hidden.clear();
        Ok(relation)
    }

    /// A scan whose columns have new ids and Spark's layout.
    pub(crate) fn scan(
        &self,
        name: &str,
        provider: Arc<dyn TableProvider>,
        schema: &StructType,
    ) -> Result<ResolvedRelation> {
        let table = TableReference::bare(name.to_owned());
        let provided = provider.schema();
        let plan = LogicalPlanBuilder::scan(table.clone(), provider_as_source(provider), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)?;
        if provided.fields().len() != schema.fields.len() {
            return Err(Error::internal(format!(
                "the provider of table {name} has another number of columns than its schema"
            )));
        }
        let (mut columns, mut exprs) = (vec![], vec![]);
        for (field, spark) in provided.fields().iter().zip(&schema.fields) {
            let id = self.new_id();
            let read = Expr::Column(Column::new(Some(table.clone()), field.name()));
            let wanted = to_arrow(&spark.data_type);
            let read = match field.data_type() == &wanted {
                true => read,
                false => Expr::Cast(Cast::new(Box::new(read), wanted)),
            };
            exprs.push(read.alias(&id));
            // A char or varchar column reads as a string.
            let data_type = match &spark.data_type {
                DataType::Char(_) | DataType::Varchar(_) => DataType::String,
                other => other.clone(),
            };
            let mut column = ScopeColumn::new(id, &spark.name, data_type, spark.nullable);
            column.metadata.clone_from(&spark.metadata);
            columns.push(column);
        }
        Ok(ResolvedRelation {
            plan: project(plan, exprs)?,
            scope: Scope::new(columns),
            streaming: false,
            excludes: false,
        })
    }

    pub(crate) fn range(&self, start: i64, end: i64, step: i64) -> Result<ResolvedRelation> {
        if step == 0 {
            return Err(Error::unsupported("a range with step 0"));
        }
        let args = GenSeriesArgs::Int64Args { start, end, step, include_end: false, name: "range" };
        let field = arrow::datatypes::Field::new("id", Arrow::Int64, false);
        let arrow = Arc::new(arrow::datatypes::Schema::new(vec![field]));
        let provider = Arc::new(GenerateSeriesTable::new(arrow, args));
        let schema =
            StructType { fields: vec![thalweg_sql::types::StructField::new("id", DataType::Long, false)] };
        self.scan("range", provider, &schema)
    }

    /// Resolves rows that the client sent, with the schema that it requests for them.
    pub(crate) fn local(&self, ipc: Option<&[u8]>, schema: Option<&StructType>) -> Result<ResolvedRelation> {
        let failed = |e: arrow::error::ArrowError| {
            analysis("INVALID_PLAN_INPUT", "42K0I", format!("The local rows can't be read: {e}"))
        };
        let (arrow, batches) = match ipc {
            Some(bytes) => {
                let reader = StreamReader::try_new(std::io::Cursor::new(bytes), None).map_err(failed)?;
                (reader.schema(), reader.collect::<Result<Vec<_>, _>>().map_err(failed)?)
            }
            None => {
                let fields = schema.map(thalweg_values::types::struct_fields).unwrap_or_default();
                (Arc::new(arrow::datatypes::Schema::new(fields)), vec![])
            }
        };
        let given = schema_to_spark(arrow.fields())
            .ok_or_else(|| Error::unsupported(format!("local rows of the schema {arrow}")))?;
        if arrow.fields().is_empty() {
            let rows = batches.iter().map(|b| b.num_rows()).sum::<usize>();
            return self.empty_rows(rows);
        }
        // A client may send two columns of one name, which DataFusion's schema refuses.
        let plain: Vec<_> = (0..arrow.fields().len()).map(|i| format!("c{i}")).collect();
        let unique = renamed(&arrow, &plain);
        let batches = batches
            .into_iter()
            .map(|b| arrow::record_batch::RecordBatch::try_new(Arc::clone(&unique), b.columns().to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let table = MemTable::try_new(unique, vec![batches]).map_err(from_datafusion)?;
        let relation = self.scan("local", Arc::new(table), &given)?;
        match schema {
            Some(schema) => self.as_schema(relation, schema),
            None => Ok(relation),
        }
    }

    fn empty_rows(&self, rows: usize) -> Result<ResolvedRelation> {
        let count = i64::try_from(rows).map_err(|_| {
            Error::unsupported(format!("{rows} rows without columns"))
                .hint("Use spark.range(n).select() for them.")
        })?;
        let mut relation = self.range(0, count, 1)?;
        relation.plan = project(relation.plan, vec![])?;
        relation.scope.columns.clear();
        Ok(relation)
    }

    /// Casts and renames the columns, in order, to those of `schema`.
    fn as_schema(&self, relation: ResolvedRelation, schema: &StructType) -> Result<ResolvedRelation> {
        if relation.scope.columns.len() != schema.fields.len() {
            return Err(columns_mismatch(
                "LOCAL RELATION",
                schema.fields.len(),
                relation.scope.columns.len(),
            ));
        }
        let (mut columns, mut exprs) = (vec![], vec![]);
        for (from, to) in relation.scope.columns.iter().zip(&schema.fields) {
            let value = self.cast(crate::attribute::value_of(from), &to.data_type, ir::EvalMode::Ansi)?;
            let id = self.new_id();
            exprs.push(value.expr.alias(&id));
            let mut column = ScopeColumn::new(id, &to.name, to.data_type.clone(), to.nullable);
            column.metadata.clone_from(&to.metadata);
            columns.push(column);
        }
        Ok(ResolvedRelation { plan: project(relation.plan, exprs)?, scope: Scope::new(columns), ..relation })
    }

    pub(crate) fn values(
        &self,
        rows: &[Vec<ir::Expr>],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let scope = Scope::default();
        let expr_scope = ExprScope { clause: Clause::InlineTable, ..ExprScope::new(&scope, outer) };
        let width = rows.first().map_or(0, Vec::len);
        let mut typed_rows: Vec<Vec<ResolvedExpr>> = vec![];
        for (i, row) in rows.iter().enumerate() {
            if row.len() != width {
                return Err(inline_width(width, row.len(), i));
            }
            typed_rows.push(row.iter().map(|e| self.cell(e, &expr_scope)).collect::<Result<_>>()?);
        }
        let columns = (0..width).map(|i| self.inline_column(&typed_rows, i));
        let (columns, targets): (Vec<_>, Vec<_>) = columns.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let mut exprs = vec![];
        for row in typed_rows {
            let cells = row.into_iter().zip(&targets).map(|(c, t)| self.coerced(c, t).map(|c| c.expr));
            exprs.push(cells.collect::<Result<Vec<_>>>()?);
        }
        let plan =
            LogicalPlanBuilder::values(exprs).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        let read = plan.schema().columns();
        let exprs = read.into_iter().zip(&columns).map(|(c, to)| Expr::Column(c).alias(&to.id));
        let plan = project(plan, exprs.collect::<Vec<_>>())?;
        Ok(ResolvedRelation { plan, scope: Scope::new(columns), streaming: false, excludes: false })
    }

    /// The column at a place of an inline table, and the type to which its cells are coerced.
    fn inline_column(&self, rows: &[Vec<ResolvedExpr>], place: usize) -> Result<(ScopeColumn, Arrow)> {
        let cells: Vec<&ResolvedExpr> = rows.iter().filter_map(|r| r.get(place)).collect();
        let types: Vec<Arrow> = cells.iter().map(|c| c.data_type.clone()).collect();
        let target = thalweg_functions::common_type(&types).ok_or_else(|| incompatible(place, &types))?;
        let spark_type = match crate::interval_fields::of_alternatives(&target, &cells) {
            Some(interval) => interval,
            None => ResolvedExpr::new(lit(ScalarValue::Null), target.clone(), false).spark_type()?,
        };
        let nullable = cells.iter().any(|c| c.nullable);
        Ok((ScopeColumn::new(self.new_id(), format!("col{}", place + 1), spark_type, nullable), target))
    }

    fn cell(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let resolved = self.expr(expr, expr_scope)?;
        if !resolved.expr.contains_outer() {
            return Ok(resolved);
        }
        let shown = self.name_of(expr, expr_scope);
        let text = format!(
            "Invalid inline table. Cannot evaluate the expression \"{shown}\" in inline table definition."
        );
        let class = "INVALID_INLINE_TABLE.CANNOT_EVALUATE_EXPRESSION_IN_INLINE_TABLE";
        Err(self.at(analysis(class, "42000", text).param("expr", format!("\"{shown}\"")), expr.origin))
    }

    pub(crate) fn with(
        &self,
        ctes: &[ir::Cte],
        recursive: bool,
        input: &Relation,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let before = self.ctes.borrow().len();
        for cte in ctes {
            if recursive && names_itself(cte) {
                return Err(Error::unsupported(format!(
                    "the recursive common table expression {}",
                    cte.name
                )));
            }
            let visible = self.ctes.borrow().len();
            self.ctes.borrow_mut().push(Rc::new(CteInSight {
                cte: cte.clone(),
                visible,
                seeds: Cell::new(None),
            }));
        }
        let relation = self.relation(input, outer);
        self.ctes.borrow_mut().truncate(before);
        relation
    }

    fn cte(&self, name: &str) -> Option<Rc<CteInSight>> {
        self.ctes.borrow().iter().rev().find(|c| same_name(&c.cte.name, name)).cloned()
    }

    fn cte_relation(&self, found: &CteInSight) -> Result<ResolvedRelation> {
        // The query of a CTE sees only those before it: its own name there is that of an outer CTE or a table, so this
        // recursion ends.
        let later = self.ctes.borrow_mut().split_off(found.visible);
        let now = self.seeds.get();
        let first = found.seeds.get().unwrap_or(now);
        found.seeds.set(Some(first));
        self.seeds.set(first);
        let relation = self.relation(&found.cte.query, None);
        // The count never goes back to a seed that was given out: what follows draws numbers of its own.
        self.seeds.set(now.max(self.seeds.get()));
        self.ctes.borrow_mut().extend(later);
        let mut relation = relation?;
        rename(&mut relation.scope, &found.cte.columns, "a common table expression")?;
        for column in &mut relation.scope.columns {
            column.qualifier = vec![found.cte.name.clone()];
        }
        relation.scope.hidden.clear();
        Ok(relation)
    }
}

fn renamed(schema: &arrow::datatypes::Schema, names: &[String]) -> Arc<arrow::datatypes::Schema> {
    let fields = schema.fields().iter().zip(names).map(|(f, n)| f.as_ref().clone().with_name(n));
    Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns whether a CTE reads itself.
fn names_itself(cte: &ir::Cte) -> bool {
    let mut found = false;
    cte.query.for_each_table(&mut |table| {
        let is_cte = |name: &Name| matches!(name.as_slice(), [single] if same_name(single, &cte.name));
        found |= matches!(&table.node, RelationNode::Table { name, streaming: false, .. } if is_cte(name));
    });
    found
}

/// Renames all columns of a scope; an empty list keeps the names.
pub(crate) fn rename(scope: &mut Scope, names: &[String], what: &str) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    if names.len() != scope.columns.len() {
        let text = format!(
            "Number of column aliases does not match number of columns. Number of column aliases: {}; number of \
             columns: {} ({what}).",
            names.len(),
            scope.columns.len()
        );
        return Err(analysis("ASSIGNMENT_ARITY_MISMATCH", "42802", text)
            .param("numTarget", names.len().to_string())
            .param("numExpr", scope.columns.len().to_string()));
    }
    for (column, name) in scope.columns.iter_mut().zip(names) {
        column.name.clone_from(name);
        // As in Spark, a new name makes a new column: two of one name are ambiguous.
        column.repeats = None;
    }
    Ok(())
}

fn inline_width(expected: usize, actual: usize, row: usize) -> Error {
    let text = format!(
        "Invalid inline table. Found {actual} columns at row index {row} while {expected} columns are expected."
    );
    analysis("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "42000", text)
        .param("expectedNumCols", expected.to_string())
        .param("actualNumCols", actual.to_string())
        .param("rowIndex", row.to_string())
}

fn incompatible(column: usize, types: &[Arrow]) -> Error {
    let types: Vec<_> = types.iter().map(thalweg_values::types::sql_name).collect();
    let name = format!("`col{}`", column + 1);
    let text =
        format!("Invalid inline table. Found incompatible types in the column {name}: {}.", types.join(", "));
    analysis("INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE", "42000", text).param("colName", name)
}
