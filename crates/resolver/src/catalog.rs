//! What the resolver asks of the world, and what it answers.

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_functions::FunctionRegistry;
use thalweg_sql::ir;
use thalweg_sql::types::{DataType, StructField, StructType};

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum TableEntry {
    /// Rows to scan. `schema` has Spark's types, nullability and metadata of the provider's columns.
    Table { provider: Arc<dyn TableProvider>, schema: StructType, streaming: bool, qualifier: Vec<String> },
    /// A view: an unresolved plan that stands for it, and the names its columns have (none: the plan's own).
    View { plan: Box<ir::Relation>, columns: Vec<String>, qualifier: Vec<String> },
}

/// Where the resolver finds tables. Implemented by the engine's session.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The table or view of that name; class `TABLE_OR_VIEW_NOT_FOUND` (42P01) otherwise.
    async fn table(&self, name: &ir::Name, options: &ir::Options, streaming: bool) -> Result<TableEntry>;
    /// An external source; the schema is inferred if none is given.
    async fn data_source(&self, source: &ir::DataSource) -> Result<TableEntry>;
}

/// The settings of a session that change what a plan means.
#[derive(Debug, Clone)]
pub struct Context {
    /// IANA name of the session's time zone.
    pub time_zone: String,
    /// The time of the statement, microseconds since 1970: what `current_timestamp` is. None for a query that
    /// runs as a stream: then it stays a function, which every epoch replaces by its own time.
    pub now_micros: Option<i64>,
    pub current_database: String,
    pub user: String,
    /// The functions that the session can call.
    pub functions: Arc<FunctionRegistry>,
    /// Session settings by full key.
    pub settings: BTreeMap<String, String>,
    /// The text the plan was parsed from, for positions in errors.
    pub text: Option<Arc<str>>,
}

/// One output column: the opaque name it has inside the plan, and what a user sees.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedColumn {
    /// Name of the column in `ResolvedQuery::plan`'s schema, such as `#17`; unique in the plan.
    pub id: String,
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    /// Metadata as JSON text by key.
    pub metadata: BTreeMap<String, String>,
}

/// A resolved query.
#[derive(Debug, Clone)]
pub struct ResolvedQuery {
    pub plan: LogicalPlan,
    /// The output columns in order; the plan's schema has exactly these ids in this order.
    pub columns: Vec<ResolvedColumn>,
    /// Whether any input is unbounded.
    pub streaming: bool,
}

impl ResolvedQuery {
    /// The schema as a user sees it.
    pub fn schema(&self) -> StructType {
        let field = |c: &ResolvedColumn| StructField {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            nullable: c.nullable,
            metadata: c.metadata.clone(),
        };
        StructType { fields: self.columns.iter().map(field).collect() }
    }
}
