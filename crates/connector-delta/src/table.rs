//! Implements the Delta connector, and scans a version of a table as a list of Parquet files.

use crate::definition::Definition;
use crate::descriptor::DESCRIPTOR;
use crate::log::Log;
use crate::{batch, history, sink};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use futures::TryStreamExt;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::files::{FileEntry, list, partition};
use thalweg_connector_files::parquet::files::{DataFile, ParquetFiles, paths};
use thalweg_connectors::background::blocking;
use thalweg_connectors::descriptor::ConnectorDescriptor;
use thalweg_connectors::stream::StreamSink;
use thalweg_connectors::{Connector, ReadRequest, SinkRequest, WriteReport, WriteRequest};
use thalweg_storage::path::{full_uri, local, uri};
use thalweg_values::{datetime, zone::Zone};

/// The format `delta`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta;

#[async_trait]
impl Connector for Delta {
    fn descriptor(&self) -> &ConnectorDescriptor {
        &DESCRIPTOR
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        // Versions of several tables have no common log.
        let [path] = request.paths.as_slice() else {
            return Err(Error::unsupported("a read of several Delta tables at once"));
        };
        if request.schema.is_some() {
            return Err(Error::unsupported("a schema for a Delta table, which has its own"));
        }
        let log = Log::new(local(path)?);
        let table = open(&log, &request).await?;
        let snapshot = log.snapshot(&table)?;
        let definition = Definition::of(snapshot)?;
        definition.check_readable(&log.root)?;
        let store = table.log_store();
        let mut files: Vec<_> = snapshot
            .file_views(store.as_ref(), None)
            .try_collect()
            .await
            .map_err(|e| log.failed("read", &e))?;
        // They come newest first, and a scan is expected in the order of the writes.
        files.reverse();
        let table = blocking(move || provider(&log, &definition, &files)).await?;
        Ok(Arc::new(table))
    }

    fn input_files(&self, table: &dyn TableProvider) -> Option<Vec<String>> {
        Some(paths(table)?.iter().map(|path| full_uri(path)).collect())
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        batch::write(Log::new(local(&request.path)?), request, rows).await
    }

    async fn create_table(&self, request: WriteRequest, columns: SchemaRef) -> Result<()> {
        batch::create(Log::new(local(&request.path)?), request, &columns).await
    }

    async fn sink(&self, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        let path = request.path.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::IllegalArgument,
                "DELTA_PATH_NOT_SPECIFIED",
                "42601",
                "'path' is not specified for the Delta sink.",
            )
            .hint("Name the table's folder: start(path) or option(\"path\", ...).")
        })?;
        sink::open(Log::new(local(&path)?), request)
    }
}

/// Opens the version that the request asks for, or the newest.
async fn open(log: &Log, request: &ReadRequest) -> Result<DeltaTable> {
    let options = &request.options;
    let version = match options.get("versionAsOf") {
        Some(text) => Some(text.parse().map_err(|_| options.bad("versionAsOf", "a version number"))?),
        None => None,
    };
    let time = match options.get("timestampAsOf") {
        Some(text) => {
            let zone = Zone::named(&request.time_zone)?;
            let time = datetime::timestamp(text)
                .and_then(|t| t.instant(zone))
                .and_then(DateTime::from_timestamp_micros);
            Some(time.ok_or_else(|| options.bad("timestampAsOf", "a timestamp"))?)
        }
        None => None,
    };
    if version.is_some() && time.is_some() {
        return Err(options.bad("versionAsOf", "nothing, since timestampAsOf is given too"));
    }
    // The library reads the nearest version in place of one that the log does not have.
    version.map_or(Ok(()), |version| history::check_version(log, version))?;
    time.map_or(Ok(()), |time| history::check_time(log, time))?;
    let Some(mut table) = log.open(version).await? else { return Err(missing(log)) };
    if let Some(time) = time {
        table.load_with_datetime(time).await.map_err(|e| log.failed("read", &e))?;
    }
    Ok(table)
}

fn provider(log: &Log, definition: &Definition, files: &[LogicalFileView]) -> Result<ParquetFiles> {
    let folders: Vec<Field> = definition
        .partition_by
        .iter()
        .filter_map(|name| definition.schema.field_with_name(name).ok())
        .cloned()
        .collect();
    let data = files.iter().map(|f| data_file(log, f, &folders)).collect::<Result<Vec<_>>>()?;
    // Unlike other files these keep what the table says about nulls, since every writer checks it.
    let in_files = |f: &&FieldRef| !definition.partition_by.iter().any(|p| p == f.name());
    let file_schema: Vec<FieldRef> = definition.schema.fields().iter().filter(in_files).cloned().collect();
    let file_schema = Arc::new(Schema::new(file_schema));
    ParquetFiles::open(file_schema, folders, &data)?.ordered_as(&definition.schema)
}

fn data_file(log: &Log, file: &LogicalFileView, folders: &[Field]) -> Result<DataFile> {
    if file.deletion_vector_descriptor().is_some() {
        return Err(Error::unsupported(format!("deletion vectors, which {} has", uri(&log.root))));
    }
    let named = file.path();
    // A table that was cloned names files of another folder by their URLs.
    let path = if named.contains("://") || named.starts_with("file:") {
        local(&named)?
    } else {
        log.root.join(named.as_ref())
    };
    // A file that is missing is found here and named, not in the middle of the scan.
    let metadata = std::fs::metadata(&path).map_err(|e| list::read_failed(&path, &e))?;
    let values = file.partition_values_map();
    let scalar = |field: &Field| {
        // Delta has no empty values of partitions: an empty text is a null.
        let text = values.get(field.name()).cloned().flatten().filter(|t| !t.is_empty());
        partition::scalar(text.as_deref().unwrap_or(partition::NULL_FOLDER), field, Zone::UTC)
    };
    Ok(DataFile {
        partition: folders.iter().map(scalar).collect::<Result<_>>()?,
        entry: FileEntry {
            size_bytes: metadata.len(),
            modified_us: list::modified_us(&metadata),
            path,
            folders: Vec::new(),
        },
    })
}

fn missing(log: &Log) -> Error {
    if !log.root.exists() {
        return list::not_found(&uri(&log.root));
    }
    Error::new(
        ErrorKind::Analysis,
        "DELTA_MISSING_DELTA_TABLE",
        "42P01",
        format!("{} is not a Delta table.", uri(&log.root)),
    )
    .param("tableName", uri(&log.root))
}
