//! Defines the resolver's inputs, the [`Catalog`] and the [`Context`], and its result.

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_functions::FunctionRegistry;
use thalweg_sql::ir;
use thalweg_sql::types::{DataType, StructField, StructType};

/// The table or view of a name.
#[derive(Debug, Clone)]
pub enum TableEntry {
    /// A table to scan.
    Table {
        /// Scans the rows.
        provider: Arc<dyn TableProvider>,
        /// Spark's types, nullability and metadata of the provider's columns.
        schema: StructType,
        /// Whether the table is unbounded.
        streaming: bool,
        /// The full name, which qualifies the columns.
        qualifier: Vec<String>,
    },
    /// A view.
    View {
        /// The unresolved plan of the view.
        plan: Box<ir::Relation>,
        /// New names of its columns; empty keeps those of the plan.
        columns: Vec<String>,
        /// The full name, which qualifies the columns.
        qualifier: Vec<String>,
    },
}

/// Finds the tables of a query. The engine implements it for a session.
///
/// ```
/// use arrow::datatypes::{DataType, Field, Schema};
/// use async_trait::async_trait;
/// use datafusion::datasource::empty::EmptyTable;
/// use std::sync::Arc;
/// use thalweg_common::{Error, Result};
/// use thalweg_resolver::{Catalog, TableEntry};
/// use thalweg_sql::{ir, types::parse_ddl_schema};
///
/// /// A catalog of one empty table.
/// struct Flights;
///
/// #[async_trait]
/// impl Catalog for Flights {
///     async fn table(&self, name: &ir::Name, _: &ir::Options, streaming: bool) -> Result<TableEntry> {
///         let schema = parse_ddl_schema("carrier STRING, delay INT")?;
///         let carrier = Field::new("carrier", DataType::Utf8, true);
///         let delay = Field::new("delay", DataType::Int32, true);
///         let provider = Arc::new(EmptyTable::new(Arc::new(Schema::new(vec![carrier, delay]))));
///         Ok(TableEntry::Table { provider, schema, streaming, qualifier: name.clone() })
///     }
///     async fn data_source(&self, _: &ir::DataSource) -> Result<TableEntry> {
///         Err(Error::unsupported("data sources"))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let context = thalweg_resolver::Context {
/// #     time_zone: "UTC".to_owned(), now_micros: Some(0), current_database: "default".to_owned(),
/// #     user: "ada".to_owned(), text: None, functions: Default::default(),
/// # };
/// let query = thalweg_sql::parse_query("SELECT carrier, delay + 1 AS later FROM flights")?;
/// let resolved = thalweg_resolver::resolve(&query, &Flights, &context).await?;
/// assert_eq!(resolved.schema().ddl(), "carrier STRING,later INT");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Returns the table or view of this name.
    ///
    /// # Errors
    /// `TABLE_OR_VIEW_NOT_FOUND` (42P01) if it does not exist.
    async fn table(&self, name: &ir::Name, options: &ir::Options, streaming: bool) -> Result<TableEntry>;
    /// Opens an external source; the schema is inferred if none is given.
    ///
    /// # Errors
    /// The connector's errors, such as a path that does not exist.
    async fn data_source(&self, source: &ir::DataSource) -> Result<TableEntry>;
}

/// The session state that a plan depends on.
#[derive(Debug, Clone)]
pub struct Context {
    /// IANA name of the session's time zone.
    pub time_zone: String,
    /// The time of the statement in microseconds since 1970: the value of `current_timestamp`. None for a query
    /// that runs as a stream: the function then stays in the plan, and every epoch replaces it by its own time.
    pub now_micros: Option<i64>,
    /// The database of unqualified names.
    pub current_database: String,
    /// The name of the user.
    pub user: String,
    /// The functions that the session can call.
    pub functions: Arc<FunctionRegistry>,
    /// The text that the plan was parsed from, for positions in errors.
    pub text: Option<Arc<str>>,
}

/// An output column: its opaque name inside the plan, and its name and type for the user.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedColumn {
    /// The name of the column in the schema of `ResolvedQuery::plan`, such as `#17`; unique in the plan.
    pub id: String,
    /// The name for the user.
    pub name: String,
    /// The type.
    pub data_type: DataType,
    /// Whether a value may be null.
    pub nullable: bool,
    /// Metadata as JSON text by key.
    pub metadata: BTreeMap<String, String>,
}

/// A resolved query.
#[derive(Debug, Clone)]
pub struct ResolvedQuery {
    /// The plan.
    pub plan: LogicalPlan,
    /// The output columns in order; the plan's schema has exactly these ids in this order.
    pub columns: Vec<ResolvedColumn>,
    /// Whether any input is unbounded.
    pub streaming: bool,
}

impl ResolvedQuery {
    /// Returns the schema with the users' names.
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
