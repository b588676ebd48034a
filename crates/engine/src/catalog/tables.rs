//! Lists and finds tables and views, and returns their columns.

use super::databases::single;
use super::info::{ColumnInfo, TableInfo};
use super::pattern::matches;
use super::session::{GLOBAL_TEMP, SessionCatalog};
use super::store::{TableDefinition, TableKind, database_not_found};
use crate::session::Session;
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_values::names::same_name;

/// Returns the tables and views of a database that match the pattern, then the temporary views.
pub(super) fn list(
    catalog: &SessionCatalog,
    database: Option<&[String]>,
    pattern: Option<&str>,
) -> Result<Vec<TableInfo>> {
    let database = match database {
        Some(parts) => single(parts)?.to_owned(),
        None => catalog.database(),
    };
    let lasting = catalog.store.list(&database).ok_or_else(|| database_not_found(&database))?;
    let lasting = lasting.into_iter().map(|definition| lasting_info(&database, definition));
    let temporary = catalog.views.names().into_iter().map(|name| temporary_info(None, name));
    Ok(lasting.chain(temporary).filter(|t| matches(&t.name, pattern)).collect())
}

/// Returns a temporary view, the table of a memory sink, or a persistent table or view, looked up in this order.
pub(super) async fn get(catalog: &SessionCatalog, parts: &[String]) -> Result<TableInfo> {
    if let Some(view) = catalog.temporary(parts) {
        let database = (parts.len() > 1).then(|| GLOBAL_TEMP.to_owned());
        return Ok(temporary_info(database, view.name));
    }
    if let ([name], Some(_)) = (parts, catalog.named_by_connector(parts).await?) {
        // It ends with the process, so it is a temporary view, as in Spark.
        return Ok(temporary_info(None, name.clone()));
    }
    let (name, definition) = catalog.definition(parts)?;
    Ok(lasting_info(&name.database, definition))
}

/// Returns the columns of a table or view, which are those of a query that reads it.
pub(super) async fn columns(session: &Session, parts: &[String]) -> Result<Vec<ColumnInfo>> {
    let node = ir::RelationNode::Table { name: parts.to_vec(), options: vec![], streaming: false };
    // The columns of a table of files are those of its files, which only opening it tells.
    let schema = session.resolve(&ir::Relation::new(node), None).await?.schema();
    let mut columns: Vec<_> = schema.fields.iter().map(ColumnInfo::from).collect();
    // A temporary view hides the table of its name, and has no partitions.
    let lasting = session.catalog.temporary(parts).is_none().then(|| session.catalog.definition(parts));
    if let Some(Ok((_, definition))) = lasting {
        for column in &mut columns {
            column.is_partition = definition.partition_by.iter().any(|name| same_name(name, &column.name));
        }
    }
    Ok(columns)
}

fn lasting_info(database: &str, definition: TableDefinition) -> TableInfo {
    let is_view = definition.kind == TableKind::View;
    TableInfo {
        name: definition.name,
        database: Some(database.to_lowercase()),
        kind: definition.kind,
        is_temporary: false,
        comment: definition.comment,
        format: (!is_view).then_some(definition.format),
        location: (!is_view).then_some(definition.location),
    }
}

fn temporary_info(database: Option<String>, name: String) -> TableInfo {
    TableInfo {
        name,
        database,
        kind: TableKind::View,
        is_temporary: true,
        comment: None,
        format: None,
        location: None,
    }
}
