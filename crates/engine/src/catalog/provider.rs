//! Defines the typed interface to a catalog for SQL commands, Spark Connect's calls and other callers.

use super::change::CatalogChange;
use super::info::{ColumnInfo, DatabaseInfo, FunctionInfo, TableInfo};
use super::name::CATALOG;
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{CreateTable, CreateView, Options};
use thalweg_values::names::quoted;

/// Databases, tables, views and functions by name. A [`Session`](crate::Session) is the provider that sees
/// its own temporary views besides the persistent catalog.
///
/// A name is given by its parts, in any case: `["t"]`, `["db", "t"]` or `["spark_catalog", "db", "t"]`. A
/// pattern is one of [`matches_pattern`](super::matches_pattern). A record of an object is returned by a
/// `get_` or `list_` method, in the order of the names; a missing object is an error with Spark's class
/// (`TABLE_OR_VIEW_NOT_FOUND`, `SCHEMA_NOT_FOUND`, `UNRESOLVED_ROUTINE`). The default methods refuse an
/// operation with an error that names it.
///
/// ```
/// use thalweg_connectors_all::standard_registry;
/// use thalweg_engine::catalog::{CatalogProvider, TableKind};
/// use thalweg_engine::{Engine, EngineConfig};
///
/// # #[tokio::main]
/// # async fn main() -> thalweg_common::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let data_dir = folder.path();
/// let engine = Engine::open(EngineConfig::new(data_dir), standard_registry()?).await?;
/// let session = engine.new_session("ada", "1");
/// session.sql("CREATE TABLE flights (id INT COMMENT 'the number', carrier STRING) USING parquet").await?;
///
/// let catalog: &dyn CatalogProvider = &*session;
/// let flights = ["flights".to_owned()];
/// let table = catalog.get_table(&flights).await?;
/// assert_eq!((table.kind, table.database.as_deref()), (TableKind::Managed, Some("default")));
/// let columns = catalog.list_columns(&flights).await?;
/// assert_eq!(columns[0].comment.as_deref(), Some("the number"));
///
/// catalog.drop_table(&flights, false).await?;
/// assert!(!catalog.table_exists(&flights).await?);
///
/// let error = catalog.truncate_table(&flights).await.unwrap_err();
/// assert_eq!(error.message(), "The feature is not supported: truncateTable.");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait CatalogProvider: Send + Sync + Debug {
    /// Returns the name of the catalog, the first part of full names.
    fn name(&self) -> &str {
        CATALOG
    }
    /// Returns the database of names of one part.
    fn current_database(&self) -> String;
    /// Makes a database the current one.
    async fn set_current_database(&self, _database: &[String]) -> Result<()> {
        Err(Error::unsupported("setCurrentDatabase"))
    }

    /// Returns the databases that match the pattern.
    async fn list_databases(&self, pattern: Option<&str>) -> Result<Vec<DatabaseInfo>>;
    /// Returns a database.
    async fn get_database(&self, database: &[String]) -> Result<DatabaseInfo>;
    /// Returns whether there is a database of this name.
    async fn database_exists(&self, database: &[String]) -> Result<bool> {
        found(self.get_database(database).await)
    }
    /// Creates a database without tables.
    async fn create_database(&self, database: &[String], _if_not_exists: bool) -> Result<()> {
        Err(refused("CREATE DATABASE", database))
    }
    /// Changes a database.
    async fn alter_database(&self, database: &[String], change: &CatalogChange) -> Result<()> {
        Err(refused_change("ALTER DATABASE", database, change))
    }
    /// Drops a database; `cascade` also drops its tables.
    async fn drop_database(&self, database: &[String], _if_exists: bool, _cascade: bool) -> Result<()> {
        Err(refused("DROP DATABASE", database))
    }

    /// Returns the tables and views of a database (none is the current one) that match the pattern, then the
    /// session's temporary views.
    async fn list_tables(&self, database: Option<&[String]>, pattern: Option<&str>)
    -> Result<Vec<TableInfo>>;
    /// Returns a table or view. A temporary view hides a table of its name.
    async fn get_table(&self, table: &[String]) -> Result<TableInfo>;
    /// Returns whether there is a table or view of this name.
    async fn table_exists(&self, table: &[String]) -> Result<bool> {
        found(self.get_table(table).await)
    }
    /// Returns the columns of a table or view in their order.
    async fn list_columns(&self, table: &[String]) -> Result<Vec<ColumnInfo>>;
    /// Creates a table with the rows of its query, if it has one. `text` is the statement's text, for the positions
    /// in errors of the query.
    async fn create_table(&self, table: CreateTable, _text: Option<Arc<str>>) -> Result<()> {
        Err(refused("CREATE TABLE", &table.name))
    }
    /// Changes a table.
    async fn alter_table(&self, table: &[String], change: &CatalogChange) -> Result<()> {
        Err(refused_change("ALTER TABLE", table, change))
    }
    /// Drops a table or view.
    async fn drop_table(&self, table: &[String], _if_exists: bool) -> Result<()> {
        Err(refused("DROP TABLE", table))
    }
    /// Removes all rows of a table.
    async fn truncate_table(&self, _table: &[String]) -> Result<()> {
        Err(Error::unsupported("truncateTable"))
    }
    /// Computes the statistics of a table; `no_scan` leaves out those that need its rows.
    async fn analyze_table(&self, _table: &[String], _no_scan: bool) -> Result<()> {
        Err(Error::unsupported("analyzeTable"))
    }
    /// Returns the partitions of a table in Spark's form: `year=2026/month=1`.
    async fn list_partitions(&self, _table: &[String]) -> Result<Vec<String>> {
        Err(Error::unsupported("listPartitions"))
    }
    /// Adds the partitions that have folders but are not in the catalog.
    async fn recover_partitions(&self, _table: &[String]) -> Result<()> {
        Err(Error::unsupported("recoverPartitions"))
    }
    /// Returns the properties of a table.
    async fn table_properties(&self, _table: &[String]) -> Result<Options> {
        Err(Error::unsupported("getTableProperties"))
    }
    /// Returns the statement that would create the table.
    async fn create_table_statement(&self, _table: &[String]) -> Result<String> {
        Err(Error::unsupported("getCreateTableString"))
    }

    /// Returns the views among the tables that [`Self::list_tables`] returns.
    async fn list_views(&self, database: Option<&[String]>, pattern: Option<&str>) -> Result<Vec<TableInfo>> {
        let tables = self.list_tables(database, pattern).await?;
        Ok(tables.into_iter().filter(TableInfo::is_view).collect())
    }
    /// Creates a view, temporary or persistent. `text` is as for [`Self::create_table`].
    async fn create_view(&self, view: CreateView, _text: Option<Arc<str>>) -> Result<()> {
        Err(refused("CREATE VIEW", &view.name))
    }
    /// Changes a view.
    async fn alter_view(&self, view: &[String], change: &CatalogChange) -> Result<()> {
        Err(refused_change("ALTER VIEW", view, change))
    }
    /// Drops a view, temporary or persistent.
    async fn drop_view(&self, view: &[String], _if_exists: bool) -> Result<()> {
        Err(refused("DROP VIEW", view))
    }
    /// Drops a temporary view, or a global one in `global_temp`, and no other object of this name; returns
    /// whether there was one.
    async fn drop_temporary_view(&self, _view: &[String]) -> Result<bool> {
        Err(Error::unsupported("dropTempView"))
    }

    /// Returns the functions that match the pattern, each name once.
    async fn list_functions(&self, pattern: Option<&str>) -> Result<Vec<FunctionInfo>>;
    /// Returns a function.
    async fn get_function(&self, function: &[String]) -> Result<FunctionInfo>;
    /// Returns whether there is a function of this name.
    async fn function_exists(&self, function: &[String]) -> Result<bool> {
        found(self.get_function(function).await)
    }
    /// Creates a function.
    async fn create_function(&self, function: &[String]) -> Result<()> {
        Err(refused("CREATE FUNCTION", function))
    }
    /// Drops a function.
    async fn drop_function(&self, function: &[String], _if_exists: bool) -> Result<()> {
        Err(refused("DROP FUNCTION", function))
    }
}

fn refused(statement: &str, name: &[String]) -> Error {
    Error::unsupported(format!("{statement} {}", quoted(name)))
}

fn refused_change(statement: &str, name: &[String], change: &CatalogChange) -> Error {
    Error::unsupported(format!("{statement} {} {}", quoted(name), change.clause()))
}

/// Returns whether a `get_` method found its object. Any error but a missing object is returned.
fn found<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(e)
            if matches!(e.class(), "TABLE_OR_VIEW_NOT_FOUND" | "SCHEMA_NOT_FOUND" | "UNRESOLVED_ROUTINE") =>
        {
            Ok(false)
        }
        Err(e) => Err(e),
    }
}
