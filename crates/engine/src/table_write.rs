//! Writes rows to a table or a folder in one commit, for the statements that write and those that create tables.

use crate::batch;
use crate::catalog::TableDefinition;
use crate::column_names;
use crate::session::Session;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::{OptionMap, WriteMode, WriteRequest};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;

/// The parameters of a write to a persistent table.
pub(crate) struct TableWrite {
    pub mode: WriteMode,
    /// Whether an overwrite gives the table the columns and partitioning of the rows.
    pub replace: bool,
    /// Options of this write, beyond the table's own.
    pub options: ir::Options,
    /// The partitioning that the write requires, if any.
    pub partition_by: Option<Vec<String>>,
}

impl TableWrite {
    /// Creates the parameters of a write that does not change the table's columns.
    pub(crate) fn new(mode: WriteMode) -> Self {
        Self { mode, replace: false, options: vec![], partition_by: None }
    }
}

/// Writes a result to the files of a persistent table.
pub(crate) async fn write_rows(
    session: &Session,
    definition: &TableDefinition,
    how: TableWrite,
    resolved: ResolvedQuery,
) -> Result<()> {
    commit(session, &definition.format, request_for(session, definition, how)?, resolved).await
}

/// Creates an empty table with a schema.
pub(crate) async fn write_empty(
    session: &Session,
    definition: &TableDefinition,
    replace: bool,
    schema: SchemaRef,
) -> Result<()> {
    let connector = session.catalog.registry.get(&definition.format)?;
    let how = TableWrite { replace, ..TableWrite::new(WriteMode::Overwrite) };
    connector.create_table(request_for(session, definition, how)?, schema).await
}

fn request_for(session: &Session, definition: &TableDefinition, how: TableWrite) -> Result<WriteRequest> {
    let options = with_settings(session, &definition.format, &definition.options, how.options)?;
    Ok(WriteRequest {
        path: definition.location.clone(),
        mode: how.mode,
        partition_by: how.partition_by.unwrap_or_else(|| definition.partition_by.clone()),
        replace: how.replace,
        options: OptionMap::of_table(&definition.options, options),
        time_zone: session.config().time_zone(),
    })
}

/// Computes the rows and writes them in one commit.
pub(crate) async fn commit(
    session: &Session,
    format: &str,
    request: WriteRequest,
    resolved: ResolvedQuery,
) -> Result<()> {
    if resolved.streaming {
        return Err(streaming_input());
    }
    let connector = session.catalog.registry.get(format)?;
    // Files find columns by name, and a name of two columns would lose one.
    column_names::check_unique(resolved.columns.iter().map(|c| &c.name))?;
    let schema = batch::named_schema(&resolved);
    // The rows are computed while they are written, so a large result is never in memory as a whole.
    let rows = session.engine()?.runtime.run(&resolved.plan, session.plan_options(true)).await?;
    let rows = batch::named(rows, schema.clone()).map(|b| b.map_err(thalweg_values::errors::external));
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    connector.write(request, rows).await.map(|_| ())
}

/// The options of a write, with the values of the session's settings where neither they nor the table have one.
pub(crate) fn with_settings(
    session: &Session,
    format: &str,
    kept: &ir::Options,
    mut options: ir::Options,
) -> Result<ir::Options> {
    let connector = session.catalog.registry.get(format)?;
    let groups = connector.descriptor().batch_write.map(|write| write.options).unwrap_or_default();
    for spec in groups.iter().flat_map(|group| *group) {
        let Some(setting) = spec.setting else { continue };
        // What the table keeps was chosen for it, so it counts before a setting of the session.
        if !kept.iter().chain(&options).any(|(key, _)| spec.is_named(key)) {
            let value = session.config().get_option(setting);
            options.extend(value.map(|value| (spec.name.to_owned(), value)));
        }
    }
    Ok(options)
}

/// The error of a batch write of a stream.
pub(crate) fn streaming_input() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "CALL_ON_STREAMING_DATASET_UNSUPPORTED",
        "42KDE",
        "The method write can not be called on streaming Dataset/DataFrame.",
    )
    .param("methodName", "write")
}
