//! A catalog in memory and one `check`: SQL in, schema and rows out, optimised and not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::prelude::SessionContext;
use std::collections::HashMap;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_resolver::{Catalog, Context, ResolvedQuery, TableEntry, resolve};
use thalweg_sql::ir;

/// Tables and views by name.
#[derive(Default)]
pub(crate) struct Tables {
    pub entries: HashMap<String, TableEntry>,
}

#[async_trait]
impl Catalog for Tables {
    async fn table(&self, name: &ir::Name, _: &ir::Options, streaming: bool) -> Result<TableEntry> {
        let key = name.last().cloned().unwrap_or_default().to_lowercase();
        let entry = self.entries.get(&key).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Analysis, "TABLE_OR_VIEW_NOT_FOUND", "42P01", format!("no table {key}"))
        })?;
        Ok(match entry {
            TableEntry::Table { provider, schema, qualifier, .. } => {
                TableEntry::Table { provider, schema, streaming, qualifier }
            }
            view => view,
        })
    }
    async fn data_source(&self, _: &ir::DataSource) -> Result<TableEntry> {
        Err(Error::unsupported("data sources in tests"))
    }
}

impl Tables {
    pub(crate) fn add(&mut self, name: &str, provider: Arc<dyn TableProvider>) {
        let schema = thalweg_values::types::schema_to_spark(provider.schema().fields()).unwrap();
        let qualifier = ["spark_catalog", "default", name].map(str::to_owned).to_vec();
        let entry = TableEntry::Table { provider, schema, streaming: false, qualifier };
        self.entries.insert(name.to_owned(), entry);
    }

    pub(crate) fn add_columns(&mut self, name: &str, columns: Vec<(&str, ArrayRef, bool)>) {
        let fields: Vec<Field> =
            columns.iter().map(|(n, a, nullable)| Field::new(*n, a.data_type().clone(), *nullable)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, a, _)| a).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        self.add(name, Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap()));
    }

    pub(crate) fn add_view(&mut self, name: &str, text: &str) {
        let plan = Box::new(thalweg_sql::parse_query(text).unwrap());
        let entry = TableEntry::View { plan, columns: vec![], qualifier: vec![name.to_owned()] };
        self.entries.insert(name.to_owned(), entry);
    }
}

pub(crate) fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}
pub(crate) fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}
pub(crate) fn doubles(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}
pub(crate) fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// `t(a INT, b INT, s STRING, x DOUBLE)` and `u(k INT NOT NULL, a INT, n STRING)`.
pub(crate) fn tables() -> Tables {
    let mut tables = Tables::default();
    tables.add_columns(
        "t",
        vec![
            ("a", ints(&[Some(1), Some(2), Some(3), None, Some(5)]), true),
            ("b", ints(&[Some(10), Some(0), Some(30), Some(40), None]), true),
            ("s", texts(&[Some("7"), Some("x"), Some("9"), None, Some("")]), true),
            ("x", doubles(&[Some(0.5), Some(1.5), Some(2.5), Some(3.5), None]), true),
        ],
    );
    tables.add_columns(
        "u",
        vec![
            ("k", ints(&[Some(1), Some(2), Some(2), Some(9)]), false),
            ("a", ints(&[Some(1), Some(2), None, Some(4)]), true),
            ("n", texts(&[Some("one"), Some("two"), Some("deux"), Some("nine")]), true),
        ],
    );
    tables
}

pub(crate) fn context(text: &str) -> Context {
    Context {
        time_zone: "UTC".into(),
        now_micros: Some(1_700_000_000_000_000),
        current_database: "default".into(),
        user: "tester".into(),
        functions: Arc::default(),
        text: Some(text.into()),
    }
}

pub(crate) async fn resolved(tables: &Tables, text: &str) -> Result<ResolvedQuery> {
    let relation = thalweg_sql::parse_query(text)?;
    resolve(&relation, tables, &context(text)).await
}

/// DataFusion's own coercion must find nothing to do (a union may widen the nullability of an input).
pub(crate) fn assert_coercion_free(plan: &LogicalPlan) {
    let config = thalweg_physical::session_config();
    let coerced = TypeCoercion::new().analyze(plan.clone(), config.options()).unwrap();
    // It also writes `NOT (x IN ..)` as `x NOT IN ..`; what it must not do is add a cast.
    let casts = |p: &LogicalPlan| p.display_indent().to_string().matches("CAST(").count();
    assert_eq!(casts(&coerced), casts(plan), "{}", coerced.display_indent());
}

fn session(optimised: bool) -> SessionContext {
    let rules =
        if optimised { thalweg_physical::optimizer_rules() } else { thalweg_physical::required_rules() };
    let config = thalweg_physical::session_config().with_target_partitions(2);
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config)
        .with_optimizer_rules(rules)
        .with_query_planner(thalweg_physical::query_planner())
        .with_physical_optimizer_rules(thalweg_physical::physical_optimizer_rules())
        .build();
    SessionContext::new_with_state(state)
}

pub(crate) async fn rows(plan: &LogicalPlan, optimised: bool) -> Result<Vec<String>, String> {
    rows_of(plan, optimised, ",").await
}

pub(crate) async fn rows_of(
    plan: &LogicalPlan,
    optimised: bool,
    between: &str,
) -> Result<Vec<String>, String> {
    let context = session(optimised);
    let run = async { context.execute_logical_plan(plan.clone()).await?.collect().await };
    let batches = run.await.map_err(|e| error_text(&e))?;
    let mut rows = vec![];
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cell = |c: &ArrayRef| thalweg_values::display::cell(c.as_ref(), row, "UTC");
            rows.push(batch.columns().iter().map(cell).collect::<Vec<_>>().join(between));
        }
    }
    Ok(rows)
}

fn error_text(error: &datafusion::error::DataFusionError) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if let Some(ours) = e.downcast_ref::<Error>() {
            return ours.class().to_owned();
        }
        cause = e.source();
    }
    error.strip_backtrace()
}

/// The plans of a query, for a failure's message.
pub(crate) async fn explained(plan: &LogicalPlan) -> String {
    let plain = session(false).state().create_physical_plan(plan).await.unwrap();
    let plain = datafusion::physical_plan::displayable(plain.as_ref()).indent(false).to_string();
    let context = session(true);
    let optimised = context.state().optimize(plan).unwrap();
    let physical = context.state().create_physical_plan(plan).await.unwrap();
    let physical = datafusion::physical_plan::displayable(physical.as_ref()).indent(false).to_string();
    format!(
        "{}\n--\n{}\n--\n{physical}\n-- not optimised\n{plain}",
        plan.display_indent(),
        optimised.display_indent()
    )
}

pub(crate) fn schema_text(resolved: &ResolvedQuery) -> String {
    let field = |c: &thalweg_resolver::ResolvedColumn| {
        let not_null = if c.nullable { "" } else { " NOT NULL" };
        format!("{} {}{not_null}", c.name, c.data_type.sql())
    };
    resolved.columns.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// Runs a query both ways: its schema and its rows, or its error.
pub(crate) async fn answer(tables: &Tables, text: &str) -> (String, String) {
    match thalweg_sql::parse_query(text) {
        Ok(relation) => answer_in(tables, &relation, text, text.to_lowercase().contains("order by")).await,
        Err(e) => (String::new(), e.to_string()),
    }
}

/// As [`answer`], of a relation that has no text.
pub(crate) async fn answer_of(tables: &Tables, relation: &ir::Relation, ordered: bool) -> (String, String) {
    answer_in(tables, relation, "", ordered).await
}

async fn answer_in(tables: &Tables, relation: &ir::Relation, text: &str, ordered: bool) -> (String, String) {
    let resolved = match resolve(relation, tables, &context(text)).await {
        Ok(resolved) => resolved,
        Err(e) => return (String::new(), e.to_string()),
    };
    assert_coercion_free(&resolved.plan);
    let ids: Vec<_> = resolved.columns.iter().map(|c| c.id.clone()).collect();
    let fields: Vec<_> = resolved.plan.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(ids, fields, "{text}");
    for (c, f) in resolved.columns.iter().zip(resolved.plan.schema().fields()) {
        assert_eq!(&thalweg_values::types::to_arrow(&c.data_type), f.data_type(), "{text}: {}", c.name);
    }
    let mut one = rows(&resolved.plan, true).await;
    let mut two = rows(&resolved.plan, false).await;
    if !ordered {
        one.iter_mut().chain(&mut two).for_each(|r| r.sort());
    }
    if one != two {
        let plan = resolved.plan.display_indent();
        return (String::new(), format!("optimised {one:?}, not optimised {two:?}: {text}\n{plan}"));
    }
    let shown = one.map_or_else(|e| e, |r| r.join(" | "));
    (schema_text(&resolved), shown)
}

/// One query, its schema and its rows (sorted unless it sorts).
pub(crate) async fn check(tables: &Tables, text: &str, schema: &str, rows: &str) {
    let (found_schema, found_rows) = answer(tables, text).await;
    assert_eq!((found_schema.as_str(), found_rows.as_str()), (schema, rows), "{text}");
}
