//! `SHOW …` and `DESCRIBE …`: what the catalog holds.

use super::rows;
use crate::catalog::name::TableName;
use crate::catalog::store::database_not_found;
use crate::catalog::{TableDefinition, TableKind};
use crate::session::{Output, Session};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use futures::StreamExt;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;
use thalweg_sql::types::{DataType, StructField, StructType};

/// One table or view in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub database: String,
    pub name: String,
    pub temporary: bool,
    pub view: bool,
}

/// The names of `database` that match a pattern (`*` any text, `|` or), temporary views last.
pub fn list(session: &Session, database: &str, pattern: Option<&str>) -> Result<Vec<Listed>> {
    let lasting = session.catalog.store.list(database).ok_or_else(|| database_not_found(database))?;
    let entry = |t: TableDefinition| Listed {
        database: database.to_lowercase(),
        name: t.name,
        temporary: false,
        view: t.kind == TableKind::View,
    };
    let temporary = session.catalog.views.names().into_iter().map(|name| Listed {
        database: String::new(),
        name,
        temporary: true,
        view: true,
    });
    let all = lasting.into_iter().map(entry).chain(temporary);
    Ok(all.filter(|t| pattern.is_none_or(|p| matches_pattern(&t.name, p))).collect())
}

/// Spark's SHOW patterns: `*` stands for any text, `|` separates alternatives, case does not count.
pub fn matches_pattern(name: &str, pattern: &str) -> bool {
    let name = name.to_lowercase();
    pattern.to_lowercase().split('|').any(|alternative| glob(&name, alternative.trim()))
}

fn glob(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(i, _)| i).chain([rest.len()]);
            starts.filter_map(|i| rest.get(i..)).any(|rest| glob(rest, tail))
        }),
    }
}

fn database_of(session: &Session, name: Option<ir::Name>) -> String {
    name.and_then(|n| n.last().cloned()).unwrap_or_else(|| session.current_database())
}

/// `SHOW TABLES`.
pub fn tables(session: &Session, database: Option<ir::Name>, pattern: Option<&str>) -> Result<Output> {
    listing(list(session, &database_of(session, database), pattern)?, "tableName")
}

/// `SHOW VIEWS`.
pub fn views(session: &Session, database: Option<ir::Name>, pattern: Option<&str>) -> Result<Output> {
    let all = list(session, &database_of(session, database), pattern)?;
    listing(all.into_iter().filter(|t| t.view).collect(), "viewName")
}

fn listing(all: Vec<Listed>, title: &str) -> Result<Output> {
    let fields = vec![
        Field::new("namespace", ArrowType::Utf8, false),
        Field::new(title, ArrowType::Utf8, false),
        Field::new("isTemporary", ArrowType::Boolean, false),
    ];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(all.iter().map(|t| &t.database))),
        Arc::new(StringArray::from_iter_values(all.iter().map(|t| &t.name))),
        Arc::new(BooleanArray::from_iter(all.iter().map(|t| Some(t.temporary)))),
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
pub fn databases(session: &Session, pattern: Option<&str>) -> Result<Output> {
    let all = session.catalog.store.databases().into_iter();
    let kept = all.filter(|d| pattern.is_none_or(|p| matches_pattern(d, p))).map(Some).collect();
    rows(vec![("namespace", kept)])
}

/// `SHOW COLUMNS`.
pub async fn columns(session: &Session, table: ir::Name) -> Result<Output> {
    let schema = schema_of(session, table).await?;
    rows(vec![("col_name", schema.fields.into_iter().map(|f| Some(f.name)).collect())])
}

/// `SHOW FUNCTIONS`.
pub fn functions(pattern: Option<&str>) -> Result<Output> {
    let mut names: Vec<_> =
        thalweg_plan::functions::names().filter(|n| pattern.is_none_or(|p| matches_pattern(n, p))).collect();
    names.sort_unstable();
    names.dedup();
    rows(vec![("function", names.into_iter().map(|n| Some(n.to_owned())).collect())])
}

async fn schema_of(session: &Session, name: ir::Name) -> Result<StructType> {
    let node = ir::RelationNode::Table { name, options: vec![], streaming: false };
    Ok(session.resolve(&ir::Relation::new(node), None).await?.schema())
}

/// `DESCRIBE table`.
pub async fn describe_table(session: &Session, name: ir::Name, extended: bool) -> Result<Output> {
    let schema = schema_of(session, name.clone()).await?;
    let mut lines = column_lines(&schema);
    if extended && let Ok((full, definition)) = session.catalog.definition(&name) {
        lines.extend(detail_lines(&full, &definition));
    }
    described(lines)
}

/// `DESCRIBE QUERY`.
pub async fn describe_query(
    session: &Session,
    query: &ir::Relation,
    text: Option<Arc<str>>,
) -> Result<Output> {
    described(column_lines(&session.resolve(query, text).await?.schema()))
}

type Line = (String, String, Option<String>);

fn column_lines(schema: &StructType) -> Vec<Line> {
    let comment = |f: &StructField| f.metadata.get("comment").map(|c| c.trim_matches('"').to_owned());
    schema.fields.iter().map(|f| (f.name.clone(), f.data_type.simple_string(), comment(f))).collect()
}

fn detail_lines(name: &TableName, definition: &TableDefinition) -> Vec<Line> {
    let line = |key: &str, value: &str| (key.to_owned(), value.to_owned(), Some(String::new()));
    let kind = match definition.kind {
        TableKind::Managed => "MANAGED",
        TableKind::External => "EXTERNAL",
        TableKind::View => "VIEW",
        TableKind::Streaming => "STREAMING_TABLE",
    };
    vec![
        line("", ""),
        line("# Detailed Table Information", ""),
        line("Catalog", crate::catalog::name::CATALOG),
        line("Database", &name.database),
        line("Table", &name.table),
        line("Type", kind),
        line("Provider", &definition.format),
        line("Location", &definition.location),
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

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn show_patterns_know_stars_and_alternatives() {
        for (name, pattern, expected) in [
            ("Flights", "fl*", true),
            ("flights", "a*|*ts", true),
            ("flights", "flight", false),
            ("a", "*", true),
        ] {
            assert_eq!(matches_pattern(name, pattern), expected, "{name} {pattern}");
        }
    }
}
