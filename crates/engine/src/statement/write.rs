//! `df.write`: a bounded result to files or a table, committed once.

use crate::batch;
use crate::catalog::name::{TableName, not_found};
use crate::catalog::{TableDefinition, TableKind};
use crate::session::{Output, Session};
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::collections::HashSet;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::{OptionMap, WriteMode, WriteRequest};
use thalweg_plan::Resolved;
use thalweg_sql::ir;

/// The options that name the codec of Parquet files.
const PARQUET_CODEC_OPTIONS: [&str; 2] = ["compression", "parquet.compression"];

/// Runs a batch write.
pub async fn run(session: &Session, write: ir::Write) -> Result<Output> {
    let resolved = session.resolve(&write.input, None).await?;
    if resolved.streaming {
        return Err(streaming_input());
    }
    if !write.sort_by.is_empty() {
        return Err(Error::unsupported("sortBy without bucketBy"));
    }
    match write.target.clone() {
        ir::WriteTarget::Table(name) => save_as_table(session, write, &name, resolved).await,
        ir::WriteTarget::Insert(name) => insert_into(session, write, name).await,
        ir::WriteTarget::Path(path) => save(session, write, path, resolved).await,
        ir::WriteTarget::None => save(session, write, String::new(), resolved).await,
    }
}

async fn save(session: &Session, write: ir::Write, path: String, resolved: Resolved) -> Result<Output> {
    let mut options = write.options;
    let at = options.iter().position(|(k, _)| k.eq_ignore_ascii_case("path"));
    let option = at.map(|i| options.remove(i).1);
    let path = if path.is_empty() { option.unwrap_or_default() } else { path };
    let format = match write.format {
        Some(format) => format,
        None => session.config().get("spark.sql.sources.default")?,
    };
    let request = WriteRequest {
        path,
        mode: mode_of(write.mode),
        partition_by: write.partition_by,
        options: OptionMap::new(with_codec(session, &format, options)),
        time_zone: session.config().time_zone(),
    };
    commit(session, &format, request, resolved).await?;
    Ok(Output::nothing())
}

async fn save_as_table(
    session: &Session,
    write: ir::Write,
    parts: &ir::Name,
    resolved: Resolved,
) -> Result<Output> {
    let name = TableName::parse(parts, &session.current_database())?;
    let there = session.catalog.store.get(&name);
    match (&there, write.mode) {
        (Some(_), ir::SaveMode::ErrorIfExists) => return Err(super::table::already_exists(&name)),
        (Some(_), ir::SaveMode::Ignore) => return Ok(Output::nothing()),
        (Some(definition), ir::SaveMode::Append) => {
            write_rows(session, definition, WriteMode::Append, resolved).await?;
            return Ok(Output::nothing());
        }
        _ => {}
    }
    let table = ir::CreateTable {
        name: parts.clone(),
        schema: None,
        format: write.format,
        options: write.options,
        properties: vec![],
        partition_by: write.partition_by,
        location: None,
        comment: None,
        if_not_exists: false,
        replace: true,
        query: None,
        text: None,
    };
    let definition = super::table::define(session, &name, &table)?;
    write_rows(session, &definition, WriteMode::Overwrite, resolved).await?;
    session.catalog.store.put(&name.database, definition)?;
    Ok(Output::nothing())
}

/// The options of a write, with the session's codec for Parquet where they name none.
fn with_codec(session: &Session, format: &str, mut options: ir::Options) -> ir::Options {
    let named = |key: &String| PARQUET_CODEC_OPTIONS.iter().any(|option| key.eq_ignore_ascii_case(option));
    if format.eq_ignore_ascii_case("parquet") && !options.iter().any(|(key, _)| named(key)) {
        let codec = session.config().get_option("spark.sql.parquet.compression.codec");
        options.extend(codec.map(|codec| (PARQUET_CODEC_OPTIONS[0].to_owned(), codec)));
    }
    options
}

async fn insert_into(session: &Session, write: ir::Write, table: ir::Name) -> Result<Output> {
    let overwrite = write.mode == ir::SaveMode::Overwrite;
    let insert = ir::Insert { table, columns: vec![], query: write.input, overwrite, by_name: false };
    super::insert::run(session, insert, None).await
}

/// Writes a result into a lasting table's files.
pub async fn write_rows(
    session: &Session,
    definition: &TableDefinition,
    mode: WriteMode,
    resolved: Resolved,
) -> Result<()> {
    commit(session, &definition.format, request_for(session, definition, mode)?, resolved).await
}

/// Makes an empty table with a schema.
pub async fn write_empty(
    session: &Session,
    definition: &TableDefinition,
    mode: WriteMode,
    schema: SchemaRef,
) -> Result<()> {
    let connector = session.catalog.registry.get(&definition.format)?;
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::empty()));
    connector.write(request_for(session, definition, mode)?, rows).await.map(|_| ())
}

fn request_for(session: &Session, definition: &TableDefinition, mode: WriteMode) -> Result<WriteRequest> {
    if definition.kind == TableKind::View {
        return Err(not_found(std::slice::from_ref(&definition.name))
            .hint("It is a view: rows can't be written to it."));
    }
    Ok(WriteRequest {
        path: definition.location.clone(),
        mode,
        partition_by: definition.partition_by.clone(),
        options: OptionMap::new(with_codec(session, &definition.format, definition.options.clone())),
        time_zone: session.config().time_zone(),
    })
}

async fn commit(session: &Session, format: &str, request: WriteRequest, resolved: Resolved) -> Result<()> {
    if resolved.streaming {
        return Err(streaming_input());
    }
    let connector = session.catalog.registry.get(format)?;
    refuse_duplicates(&resolved)?;
    let schema = batch::named_schema(&resolved);
    let rows = session.engine()?.runtime.run(&resolved.plan, session.manner(true)).await?;
    let rows =
        batch::named(rows, schema.clone()).map(|b| b.map_err(|e| DataFusionError::External(Box::new(e))));
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    connector.write(request, rows).await.map(|_| ())
}

fn refuse_duplicates(resolved: &Resolved) -> Result<()> {
    let mut seen = HashSet::new();
    match resolved.columns.iter().find(|c| !seen.insert(c.name.to_lowercase())) {
        None => Ok(()),
        Some(column) => Err(Error::new(
            ErrorKind::Analysis,
            "COLUMN_ALREADY_EXISTS",
            "42711",
            format!(
                "The column `{}` already exists. Choose another name or rename the existing column.",
                column.name
            ),
        )
        .param("columnName", format!("`{}`", column.name))),
    }
}

fn streaming_input() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "CALL_ON_STREAMING_DATASET_UNSUPPORTED",
        "42KDE",
        "The method write can not be called on streaming Dataset/DataFrame.",
    )
    .param("methodName", "write")
}

fn mode_of(mode: ir::SaveMode) -> WriteMode {
    match mode {
        ir::SaveMode::Append => WriteMode::Append,
        ir::SaveMode::Overwrite => WriteMode::Overwrite,
        ir::SaveMode::ErrorIfExists => WriteMode::ErrorIfExists,
        ir::SaveMode::Ignore => WriteMode::Ignore,
    }
}
