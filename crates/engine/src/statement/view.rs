//! Views: temporary ones keep their plan, lasting ones keep their text.

use crate::catalog::session::{GLOBAL_TEMP, TemporaryView, Views};
use crate::catalog::{TableDefinition, TableKind, TableName};
use crate::session::{Output, Session};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir;

/// `CREATE VIEW` and `createOrReplaceTempView`.
pub async fn create(session: &Session, view: ir::CreateView, text: Option<Arc<str>>) -> Result<Output> {
    let resolved = session.resolve(&view.query, text).await?;
    if !view.columns.is_empty() && view.columns.len() != resolved.columns.len() {
        return Err(wrong_columns(&view, resolved.columns.len()));
    }
    if view.temporary || view.global {
        return create_temporary(session, view);
    }
    create_lasting(session, view)
}

fn create_temporary(session: &Session, view: ir::CreateView) -> Result<Output> {
    let views: &Views = if view.global { &session.catalog.global_views } else { &session.catalog.views };
    let name = view.name.last().cloned().unwrap_or_default();
    if view.name.len() > 1 && !(view.global && view.name.len() == 2) {
        return Err(Error::unsupported(format!(
            "the qualified name {} of a temporary view",
            view.name.join(".")
        )));
    }
    let made = TemporaryView { name: name.clone(), plan: *view.query, columns: view.columns };
    if views.put(made, view.replace)? || view.if_not_exists {
        return Ok(Output::nothing());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        format!("Cannot create the temporary view `{name}` because it already exists. Choose a different name, drop or replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views."),
    )
    .param("relationName", format!("`{name}`")))
}

fn create_lasting(session: &Session, view: ir::CreateView) -> Result<Output> {
    let name = TableName::parse(&view.name, &session.current_database())?;
    let there = session.catalog.store.get(&name);
    if let Some(there) = there {
        if view.if_not_exists {
            return Ok(Output::nothing());
        }
        if !view.replace || there.kind != TableKind::View {
            return Err(super::table::already_exists(&name));
        }
    }
    let text = view.text.ok_or_else(|| Error::unsupported("a lasting view over a DataFrame"))?;
    let definition = TableDefinition {
        name: name.table.clone(),
        kind: TableKind::View,
        format: String::new(),
        location: String::new(),
        schema: None,
        options: vec![],
        partition_by: vec![],
        comment: None,
        text: Some(text),
        columns: view.columns,
        database: session.current_database(),
        stopped: false,
    };
    session.catalog.store.put(&name.database, definition)?;
    Ok(Output::nothing())
}

/// `DROP VIEW`.
pub fn drop(session: &Session, parts: &[String], if_exists: bool) -> Result<Output> {
    if drop_temporary(session, parts) {
        return Ok(Output::nothing());
    }
    let Some((name, definition)) = super::table::lasting(session, parts, if_exists)? else {
        return Ok(Output::nothing());
    };
    if definition.kind != TableKind::View {
        return Err(no_view(&name, definition.kind));
    }
    session.catalog.store.remove(&name)?;
    Ok(Output::nothing())
}

fn no_view(name: &TableName, kind: TableKind) -> Error {
    let (name, found) = (name.qualifier().join("."), format!("{kind:?}").to_uppercase());
    let text = format!(
        "The operation DROP VIEW requires a VIEW or METRIC_VIEW. But {name} is a {found}. Use DROP TABLE instead."
    );
    Error::new(ErrorKind::Analysis, "WRONG_COMMAND_FOR_OBJECT_TYPE", "42809", text)
        .param("operation", "DROP VIEW")
        .param("requiredType", "VIEW or METRIC_VIEW")
        .param("objectName", name)
        .param("foundType", found)
        .param("alternative", "DROP TABLE")
}

/// Drops a temporary view of that name; answers whether there was one.
pub fn drop_temporary(session: &Session, parts: &[String]) -> bool {
    match parts {
        [name] => session.catalog.views.remove(name),
        [database, name] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => {
            session.catalog.global_views.remove(name)
        }
        _ => false,
    }
}

fn wrong_columns(view: &ir::CreateView, there: usize) -> Error {
    let (class, reason) = if view.columns.len() > there {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    let name = view.name.join(".");
    Error::new(
        ErrorKind::Analysis,
        class,
        "21S01",
        format!(
            "Cannot create view `{name}`, the reason is {reason}: {} column names for {there} columns.",
            view.columns.len()
        ),
    )
    .param("viewName", format!("`{name}`"))
}
