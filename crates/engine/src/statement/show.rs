//! `SHOW …`: returns the catalog's records as rows.

use super::rows;
use crate::catalog::{CatalogProvider, TableInfo};
use crate::session::{Output, Session};
use arrow::array::{ArrayRef, BooleanArray, StringArray};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_functions::FunctionRegistry;
use thalweg_sql::ir::FunctionScope;
use thalweg_sql::types::{DataType, StructField, StructType};

/// `SHOW TABLES`.
pub(super) async fn tables(
    session: &Session,
    database: Option<&[String]>,
    pattern: Option<&str>,
) -> Result<Output> {
    listing(&session.list_tables(database, pattern).await?, "tableName")
}

/// `SHOW VIEWS`.
pub(super) async fn views(
    session: &Session,
    database: Option<&[String]>,
    pattern: Option<&str>,
) -> Result<Output> {
    listing(&session.list_views(database, pattern).await?, "viewName")
}

fn listing(all: &[TableInfo], title: &str) -> Result<Output> {
    let database = |t: &TableInfo| t.database.clone().unwrap_or_default();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(all.iter().map(database))),
        Arc::new(StringArray::from_iter_values(all.iter().map(|t| &t.name))),
        Arc::new(BooleanArray::from_iter(all.iter().map(|t| Some(t.is_temporary)))),
    ];
    let fields = vec![
        StructField::new("namespace", DataType::String, false),
        StructField::new(title, DataType::String, false),
        StructField::new("isTemporary", DataType::Boolean, false),
    ];
    Output::of_columns(StructType { fields }, arrays)
}

/// `SHOW DATABASES`.
pub(super) async fn databases(session: &Session, pattern: Option<&str>) -> Result<Output> {
    let names = session.list_databases(pattern).await?.into_iter().map(|d| Some(d.name));
    rows(vec![("namespace", names.collect())])
}

/// `SHOW COLUMNS`.
pub(super) async fn columns(session: &Session, table: &[String]) -> Result<Output> {
    let names = session.list_columns(table).await?.into_iter().map(|c| Some(c.name));
    rows(vec![("col_name", names.collect())])
}

/// `SHOW FUNCTIONS`.
pub(super) async fn functions(
    session: &Session,
    scope: FunctionScope,
    database: Option<&[String]>,
    pattern: Option<&str>,
) -> Result<Output> {
    if let Some(database) = database {
        session.get_database(database).await?;
    }
    // A name of a built-in function counts as one of the system even where a function of the session hides it.
    let is_system = |name: &str| FunctionRegistry::built_in(name).is_some();
    let is_shown = |name: &str| match scope {
        FunctionScope::All => true,
        FunctionScope::System => is_system(name),
        FunctionScope::User => !is_system(name),
    };
    let all = session.list_functions(pattern).await?.into_iter();
    let names = all.filter(|f| is_shown(&f.name)).map(|f| Some(f.name));
    rows(vec![("function", names.collect())])
}
