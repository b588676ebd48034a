//! Creates tables, with or without a query that fills them.

use super::drop_table::remove_files;
use super::name::TableName;
use super::store::{TableDefinition, TableKind, database_not_found};
use crate::column_names;
use crate::partitioning::{self, Target};
use crate::session::Session;
use crate::table_write::{TableWrite, write_empty, write_rows};
use arrow::datatypes::Schema;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::descriptor::TableCapabilities;
use thalweg_connectors::{OptionMap, WriteMode};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;
use thalweg_sql::types::StructType;

/// Creates a table. Errors of its query have positions in `text`.
pub(crate) async fn create(session: &Session, table: ir::CreateTable, text: Option<Arc<str>>) -> Result<()> {
    let name = TableName::parse(&table.name, &session.current_database())?;
    check_statement(&name, &table)?;
    let _claim = session.catalog.claim(&name).await;
    let old = session.catalog.store.get(&name);
    if let Some(old) = &old {
        if table.if_not_exists {
            return Ok(());
        }
        // A view is not a table, and the query of a streaming table continues to write to it.
        if !table.replace || matches!(old.kind, TableKind::View | TableKind::Streaming) {
            return Err(already_exists(&name));
        }
    }
    let resolved = match &table.query {
        // Resolved before the old table is touched, which the query may read.
        Some(query) => Some(session.resolve(query, text).await?),
        None => None,
    };
    let definition = define_anew(session, &name, &table, resolved.as_ref(), old.as_ref())?;
    let filled = fill(session, &table, &definition, resolved).await;
    settle(session, &name, definition, old.as_ref(), filled)
}

/// The definition that takes the place of `old`. A table whose format can do that is replaced where it is, which
/// keeps its history; any other managed table gets a folder of its own, so that the old one stays until the new
/// one is there.
pub(crate) fn define_anew(
    session: &Session,
    name: &TableName,
    table: &ir::CreateTable,
    rows: Option<&ResolvedQuery>,
    old: Option<&TableDefinition>,
) -> Result<TableDefinition> {
    let mut definition = define(session, name, table, rows)?;
    let managed = |d: &TableDefinition| d.kind == TableKind::Managed;
    if let Some(old) = old.filter(|old| managed(old) && managed(&definition)) {
        let in_place =
            capabilities(session, &definition)?.replaced_in_place && old.format == definition.format;
        definition.location = match in_place {
            true => old.location.clone(),
            // Another folder: the query may read the old table while the new one is written.
            false => format!("{}-{}", definition.location, uuid::Uuid::new_v4()),
        };
    }
    Ok(definition)
}

/// What the tables of a definition's format can do.
pub(crate) fn capabilities(session: &Session, definition: &TableDefinition) -> Result<TableCapabilities> {
    Ok(session.catalog.registry.get(&definition.format)?.descriptor().tables)
}

/// Adds a definition whose table was written to the catalog, and removes the files of the managed table
/// that it replaces; if the write failed, removes its incomplete files instead.
pub(crate) fn settle(
    session: &Session,
    name: &TableName,
    definition: TableDefinition,
    old: Option<&TableDefinition>,
    written: Result<()>,
) -> Result<()> {
    let moved = old.filter(|old| old.kind == TableKind::Managed && old.location != definition.location);
    if let Err(error) = written {
        // The files of an external table are not ours, and those of a table in place belong to its history.
        if moved.is_some() && definition.kind == TableKind::Managed {
            remove_files(&definition.location)?;
        }
        return Err(error);
    }
    if !session.catalog.store.put_if(&name.database, definition, old)? {
        return Err(already_exists(name));
    }
    // After the catalog names the new table: a crash in between leaves files, and no table without files.
    moved.map_or(Ok(()), |old| remove_files(&old.location))
}

/// Creates the definition of a statement whose query returns `rows`; checks what can be checked without reading files.
pub(crate) fn define(
    session: &Session,
    name: &TableName,
    table: &ir::CreateTable,
    rows: Option<&ResolvedQuery>,
) -> Result<TableDefinition> {
    // Before the table is written: files in a folder without a database would stay there.
    if session.catalog.store.list(&name.database).is_none() {
        return Err(database_not_found(&name.database));
    }
    let registry = &session.catalog.registry;
    let format = match &table.format {
        Some(format) => format.to_lowercase(),
        None => registry.default_table_format()?.to_owned(),
    };
    let connector = registry.get(&format)?;
    refuse_properties(table)?;
    let mut options = table.options.clone();
    let at = options.iter().position(|(k, _)| k.eq_ignore_ascii_case("path"));
    let path_option = at.map(|i| options.remove(i).1);
    // Reads and writes would refuse it too, but a table may be created long before.
    connector.descriptor().check_table(&OptionMap::new(options.iter().cloned()))?;
    let given = table.location.clone().or(path_option);
    let kind = if given.is_some() { TableKind::External } else { TableKind::Managed };
    let location = match given {
        Some(location) => location,
        None => managed_location(session, name)?,
    };
    if let Some(rows) = rows {
        check_columns(name, table, &rows.schema())?;
    }
    // Files do not have the schema of their table, or reading it from them costs time. What is inferred from the
    // names of folders, or from text, has other types than the query that wrote it.
    let columns = table.schema.clone().or_else(|| rows.map(|rows| rows.schema().as_nullable()));
    let columns = columns.map(|columns| partitioning::partitions_last(columns, &table.partition_by));
    let schema =
        columns.filter(|_| !connector.descriptor().tables.keeps_columns).map(|schema| schema.to_json());
    Ok(TableDefinition {
        name: name.table.clone(),
        kind,
        format,
        location,
        schema,
        options,
        partition_by: table.partition_by.clone(),
        comment: table.comment.clone(),
        text: None,
        columns: vec![],
        database: session.current_database(),
        stopped: false,
        settings: Default::default(),
        user: None,
    })
}

/// Refuses columns that occur twice, and partition columns that do not fit the columns.
fn check_columns(name: &TableName, table: &ir::CreateTable, columns: &StructType) -> Result<()> {
    column_names::check_unique(columns.fields.iter().map(|field| &field.name))?;
    partitioning::check(&table.partition_by, columns, Target::Table(name))
}

/// Checks what the statement says of the columns, also if the table exists already.
fn check_statement(name: &TableName, table: &ir::CreateTable) -> Result<()> {
    match &table.schema {
        Some(schema) => check_columns(name, table, schema),
        // The columns and the partitions are those of the files.
        None if table.query.is_none() && !table.partition_by.is_empty() => Err(Error::new(
            ErrorKind::Analysis,
            "SPECIFY_PARTITION_IS_NOT_ALLOWED",
            "42601",
            "A CREATE TABLE without explicit column list cannot specify PARTITIONED BY. Please use the form with \
             explicit column list and specify PARTITIONED BY. Alternatively, allow partitioning to be inferred by \
             omitting the PARTITION BY clause.",
        )),
        None => Ok(()),
    }
}

/// Refuses table properties: they can change the behaviour of a table, and none is supported.
fn refuse_properties(table: &ir::CreateTable) -> Result<()> {
    match table.properties.first() {
        None => Ok(()),
        Some((key, _)) => Err(Error::unsupported(format!("the table property `{key}`"))),
    }
}

/// Returns the folder of a table whose statement names none.
pub(super) fn managed_location(session: &Session, name: &TableName) -> Result<String> {
    // Names are compared without case, so two spellings of a table must not have two folders.
    let warehouse = session.engine()?.warehouse();
    let folder = warehouse.join(name.database.to_lowercase()).join(name.table.to_lowercase());
    Ok(folder.to_string_lossy().into_owned())
}

async fn fill(
    session: &Session,
    table: &ir::CreateTable,
    definition: &TableDefinition,
    resolved: Option<ResolvedQuery>,
) -> Result<()> {
    // A folder may have files although the catalog has no table there.
    let mode = if table.replace { WriteMode::Overwrite } else { WriteMode::ErrorIfExists };
    if let Some(resolved) = resolved {
        if table.schema.is_some() {
            return Err(Error::unsupported("a column list in CREATE TABLE … AS SELECT"));
        }
        let how = TableWrite { replace: table.replace, ..TableWrite::new(mode) };
        return write_rows(session, definition, how, resolved).await;
    }
    let Some(schema) = &table.schema else { return check_location(table, definition) };
    if capabilities(session, definition)?.keeps_columns {
        // Such a table has its columns in its own files, which nothing else writes for a table without rows.
        let arrow = Arc::new(Schema::new(thalweg_values::types::struct_fields(schema)));
        write_empty(session, definition, table.replace, arrow).await?;
    } else if definition.kind == TableKind::Managed {
        std::fs::create_dir_all(&definition.location).map_err(|e| no_folder(&definition.location, &e))?;
    } else if let Ok(folder) = thalweg_storage::path::local(&definition.location)
        // A pattern of paths is not the name of a folder.
        && !(folder.exists() || definition.location.contains(['*', '?', '[', '{']))
    {
        std::fs::create_dir_all(folder).map_err(|e| no_folder(&definition.location, &e))?;
    }
    Ok(())
}

fn no_folder(location: &str, cause: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CREATE_FOLDER_FAILED",
        "58030",
        format!("The folder '{location}' of the table could not be made: {cause}."),
    )
}

fn check_location(table: &ir::CreateTable, definition: &TableDefinition) -> Result<()> {
    if table.location.is_some() || definition.kind == TableKind::External {
        return Ok(());
    }
    // Without columns, files and a location there is nothing from which a schema could be inferred.
    Err(Error::new(
        ErrorKind::Analysis,
        "UNABLE_TO_INFER_SCHEMA",
        "42KD9",
        format!("Unable to infer schema for {}. It must be specified manually.", definition.format),
    )
    .param("format", definition.format.clone()))
}

/// `[TABLE_OR_VIEW_ALREADY_EXISTS]`.
pub(crate) fn already_exists(name: &TableName) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        format!("Cannot create table or view {name} because it already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects."),
    )
    .param("relationName", name.to_string())
}
