//! Creates and drops views. Temporary views store their plan, persistent views store their text.

use super::create_table::already_exists;
use super::drop_table::claim_lasting;
use super::name::TableName;
use super::session::{GLOBAL_TEMP, SessionCatalog, TemporaryView, Views};
use super::store::{TableDefinition, TableKind};
use super::temporary_plan;
use super::view_catalog::{NewView, ViewCatalog};
use crate::column_names;
use crate::session::Session;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;

/// Creates a view. Errors of its query have positions in `text`.
pub(super) async fn create(session: &Session, view: ir::CreateView, text: Option<Arc<str>>) -> Result<()> {
    let mut view = view;
    // A DataFrame has no text.
    let is_sql = view.text.is_some();
    if view.temporary || view.global {
        temporary_plan::qualify(&session.catalog, &mut view.query).await?;
        if !is_sql {
            temporary_plan::inline(&session.catalog, &mut view.query)?;
        }
    }
    // A view that cannot be resolved is refused now and not when it is first read.
    let catalog = ViewCatalog::new(&session.catalog, new_view(&session.catalog, &view)?, view.replace);
    let resolved = thalweg_resolver::resolve(&view.query, &catalog, &session.context(text)?).await?;
    if !view.columns.is_empty() && view.columns.len() != resolved.columns.len() {
        return Err(wrong_columns(&view, resolved.columns.len()));
    }
    if is_sql {
        check_names(&view, &resolved)?;
    }
    if view.temporary || view.global {
        return create_temporary(&session.catalog, view);
    }
    create_lasting(&session.catalog, view).await
}

/// Refuses two columns of one name. A DataFrame may have them, and so may its view.
fn check_names(view: &ir::CreateView, resolved: &ResolvedQuery) -> Result<()> {
    match view.columns.is_empty() {
        true => column_names::check_unique(resolved.columns.iter().map(|column| &column.name)),
        false => column_names::check_unique(&view.columns),
    }
}

fn new_view(catalog: &SessionCatalog, view: &ir::CreateView) -> Result<NewView> {
    let name = view.name.last().cloned().unwrap_or_default();
    match (view.global, view.temporary) {
        (true, _) => Ok(NewView::Global(name)),
        (false, true) => Ok(NewView::Temporary(name)),
        (false, false) => TableName::parse(&view.name, &catalog.database()).map(NewView::Persistent),
    }
}

fn create_temporary(catalog: &SessionCatalog, view: ir::CreateView) -> Result<()> {
    let views: &Views = if view.global { &catalog.global_views } else { &catalog.views };
    // The database of global views is implied, so its name may stand before the view or not.
    let name = view.name.last().cloned().unwrap_or_default();
    if view.name.len() > 1 && !(view.global && view.name.len() == 2) {
        return Err(Error::unsupported(format!(
            "the qualified name {} of a temporary view",
            view.name.join(".")
        )));
    }
    let made = TemporaryView { name: name.clone(), plan: *view.query, columns: view.columns };
    if views.put(made, view.replace) || view.if_not_exists {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        format!("Cannot create the temporary view `{name}` because it already exists. Choose a different name, drop or replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views."),
    )
    .param("relationName", format!("`{name}`")))
}

async fn create_lasting(catalog: &SessionCatalog, view: ir::CreateView) -> Result<()> {
    let name = TableName::parse(&view.name, &catalog.database())?;
    let _claim = catalog.claim(&name).await;
    let there = catalog.store.get(&name);
    if let Some(there) = &there {
        if view.if_not_exists {
            return Ok(());
        }
        // OR REPLACE replaces views alone, as in Spark.
        if !view.replace || there.kind != TableKind::View {
            return Err(already_exists(&name));
        }
    }
    // A plan of a client has no text, and its local rows have no place in a catalog.
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
        database: catalog.database(),
        stopped: false,
        settings: Default::default(),
        user: None,
    };
    match catalog.store.put_if(&name.database, definition, there.as_ref())? {
        true => Ok(()),
        false => Err(already_exists(&name)),
    }
}

/// Drops a view, temporary or persistent.
pub(super) async fn drop(catalog: &SessionCatalog, parts: &[String], if_exists: bool) -> Result<()> {
    // A temporary view hides a persistent one, so it is the one that the name means.
    if drop_temporary(catalog, parts) {
        return Ok(());
    }
    let Some((name, definition, _claim)) = claim_lasting(catalog, parts, if_exists).await? else {
        return Ok(());
    };
    if definition.kind != TableKind::View {
        return Err(no_view(&name, definition.kind));
    }
    catalog.store.remove(&name)?;
    Ok(())
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

/// Drops a temporary view of this name; returns whether there was one.
pub(super) fn drop_temporary(catalog: &SessionCatalog, parts: &[String]) -> bool {
    match parts {
        [name] => catalog.views.remove(name),
        [database, name] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => catalog.global_views.remove(name),
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
