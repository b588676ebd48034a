//! `DESCRIBE …`: returns the columns of a table, view or query as rows, and the catalog's details of a table.

use super::rows;
use crate::catalog::{CatalogProvider, ColumnInfo, TableInfo};
use crate::session::{Output, Session};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_sql::ir;

/// `DESCRIBE TABLE`.
pub(super) async fn table(session: &Session, name: &[String], extended: bool) -> Result<Output> {
    let columns = session.list_columns(name).await?;
    let partitions: Vec<_> = columns.iter().filter(|c| c.is_partition).cloned().map(column_line).collect();
    let mut lines: Vec<_> = columns.into_iter().map(column_line).collect();
    if !partitions.is_empty() {
        let head = |name: &str, data_type: &str, comment: &str| {
            (name.to_owned(), data_type.to_owned(), Some(comment.to_owned()))
        };
        lines.push(head("# Partition Information", "", ""));
        lines.push(head("# col_name", "data_type", "comment"));
        lines.extend(partitions);
    }
    // A table that is named by its path has columns and is not in the catalog.
    if extended && let Ok(table) = session.get_table(name).await {
        lines.extend(detail_lines(session.name(), table));
    }
    described(lines)
}

/// `DESCRIBE QUERY`.
pub(super) async fn query(session: &Session, query: &ir::Relation, text: Option<Arc<str>>) -> Result<Output> {
    let schema = session.resolve(query, text).await?.schema();
    described(schema.fields.iter().map(|field| column_line(field.into())).collect())
}

type Line = (String, String, Option<String>);

fn column_line(column: ColumnInfo) -> Line {
    (column.name, column.data_type.simple_string(), column.comment)
}

/// Returns the details of a table; none for a temporary view, which is not in the catalog.
fn detail_lines(catalog: &str, table: TableInfo) -> Vec<Line> {
    if table.is_temporary {
        return vec![];
    }
    let line = |key: &str, value: &str| (key.to_owned(), value.to_owned(), Some(String::new()));
    vec![
        line("", ""),
        line("# Detailed Table Information", ""),
        line("Catalog", catalog),
        line("Database", &table.database.clone().unwrap_or_default()),
        line("Table", &table.name),
        line("Type", table.table_type()),
        line("Provider", &table.format.unwrap_or_default()),
        line("Location", &table.location.unwrap_or_default()),
    ]
}

fn described(lines: Vec<Line>) -> Result<Output> {
    let (mut names, mut types, mut comments) = (vec![], vec![], vec![]);
    for (name, data_type, comment) in lines {
        names.push(Some(name));
        types.push(Some(data_type));
        comments.push(comment);
    }
    rows(vec![("col_name", names), ("data_type", types), ("comment", comments)])
}
