//! `SHOW …`: returns the catalog's records as rows.

use super::rows;
use crate::catalog::{CatalogProvider, TableInfo};
use crate::session::{Output, Session};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use futures::StreamExt;
use std::sync::Arc;
use thalweg_common::{Error, Result};
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
    let fields = vec![
        Field::new("namespace", ArrowType::Utf8, false),
        Field::new(title, ArrowType::Utf8, false),
        Field::new("isTemporary", ArrowType::Boolean, false),
    ];
    let database = |t: &TableInfo| t.database.clone().unwrap_or_default();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(all.iter().map(database))),
        Arc::new(StringArray::from_iter_values(all.iter().map(|t| &t.name))),
        Arc::new(BooleanArray::from_iter(all.iter().map(|t| Some(t.is_temporary)))),
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Error::internal(e.to_string()))?;
    let spark = StructType {
        fields: vec![
            StructField::new("namespace", DataType::String, false),
            StructField::new(title, DataType::String, false),
            StructField::new("isTemporary", DataType::Boolean, false),
        ],
    };
    Ok(Output { schema: spark, rows: futures::stream::iter([Ok(batch)]).boxed(), query: None })
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
pub(super) async fn functions(session: &Session, pattern: Option<&str>) -> Result<Output> {
    let names = session.list_functions(pattern).await?.into_iter().map(|f| Some(f.name));
    rows(vec![("function", names.collect())])
}
