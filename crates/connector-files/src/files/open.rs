//! Opens tables, streams and writes for every format made of files, which provides a reader, an inference and a
//! writer.
//!
//! From a request to a table, a stream or a folder that was written, by the same steps for every
//! format: options, listing, partition columns, schema, reader. A schema that is given is taken;
//! otherwise the format infers one from the files that are there. Knows no format.
//!
//! The options of a request were checked against the format's descriptor before it comes here.

use super::stream::{FileSourceArgs, FileStreamSource, StreamConfig};
use super::write::{self, SinkFormat};
use super::{FileEntry, FileReader, FileTable, Listing, partition, scan};
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::any::Any;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::descriptor::ConnectorDescriptor;
use thalweg_connectors::stream::StreamSource;
use thalweg_connectors::{Connector, ReadRequest, WriteMode, WriteReport, WriteRequest};
use thalweg_storage::MetadataLog;
use thalweg_storage::path;
use thalweg_values::zone::Zone;

/// A format of files of rows. A [`FileConnector`] makes a [`Connector`] of it.
pub(crate) trait FileFormat: Send + Sync + Debug {
    /// What the format is and can do.
    fn descriptor(&self) -> &'static ConnectorDescriptor;
    /// Takes the options of reading.
    fn reading(&self, request: &ReadRequest) -> Result<Box<dyn Reading>>;
    /// Takes the options of writing.
    fn writing(&self, request: &WriteRequest) -> Result<Arc<dyn SinkFormat>>;
    /// The files of a table that [`Reading::table`] made.
    fn paths(&self, table: &dyn TableProvider) -> Option<Vec<PathBuf>> {
        let table: &dyn Any = table;
        let table = table.downcast_ref::<FileTable>()?;
        Some(table.paths().map(Path::to_owned).collect())
    }
}

/// The connector of a format of files.
#[derive(Debug)]
pub struct FileConnector(Box<dyn FileFormat>);

impl FileConnector {
    pub(crate) fn new(format: impl FileFormat + 'static) -> Self {
        Self(Box::new(format))
    }

    fn name(&self) -> &'static str {
        self.0.descriptor().name
    }
}

/// A format with its options of reading.
pub(crate) trait Reading: Send + Sync + Debug {
    /// The columns of these files.
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef>;
    /// A reader of these columns.
    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>>;
    /// How timestamps in folder names are read.
    fn zone(&self) -> Zone;
    /// The files as a table.
    fn table(&self, listed: Listed) -> Result<Arc<dyn TableProvider>> {
        let reader = self.reader(listed.schema)?;
        Ok(Arc::new(FileTable::new(reader, listed.files, listed.folders, self.zone())))
    }
}

/// The files of a request and their columns.
pub(crate) struct Listed {
    pub files: Vec<FileEntry>,
    /// The columns of the files.
    pub schema: SchemaRef,
    /// The columns of their folders.
    pub folders: Vec<Field>,
}

/// Lists the files, and infers their columns if need be. Blocks.
fn list(request: &ReadRequest, listing: &Listing, format: &dyn Reading) -> Result<Listed> {
    let files = listing.files(&request.paths)?;
    let folders = partition::fields(&files, request.schema.as_deref(), format.zone())?;
    let schema = match &request.schema {
        Some(given) => {
            scan::check_names(given)?;
            Arc::clone(given)
        }
        None => format.infer(&files)?,
    };
    let schema = scan::without_folders(&schema, &folders);
    Ok(Listed { files, schema, folders })
}

fn stream_options(
    format: &dyn FileFormat,
    request: &ReadRequest,
) -> Result<(Box<dyn Reading>, StreamConfig)> {
    let both = (format.reading(request)?, StreamConfig::from_options(&request.options, &request.time_zone)?);
    check_writing(format, request)?;
    Ok(both)
}

/// Refuses bad values of the options of writing that a table keeps, also where it is read.
fn check_writing(format: &dyn FileFormat, request: &ReadRequest) -> Result<()> {
    if !request.options.are_kept() {
        return Ok(());
    }
    let write = WriteRequest {
        path: String::new(),
        mode: WriteMode::Append,
        partition_by: vec![],
        replace: false,
        options: request.options.clone(),
        time_zone: request.time_zone.clone(),
    };
    format.writing(&write).map(|_| ())
}

/// Refuses bad values of the options of reading that a table keeps, also where it is written.
fn check_reading(format: &dyn FileFormat, request: &WriteRequest) -> Result<()> {
    if !request.options.are_kept() {
        return Ok(());
    }
    let read = ReadRequest {
        paths: vec![],
        schema: None,
        options: request.options.clone(),
        time_zone: request.time_zone.clone(),
        corrupt_column: String::new(),
    };
    format.reading(&read)?;
    StreamConfig::from_options(&read.options, &read.time_zone).map(|_| ())
}

#[async_trait]
impl Connector for FileConnector {
    fn descriptor(&self) -> &ConnectorDescriptor {
        self.0.descriptor()
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        let (reading, listing) =
            (self.0.reading(&request)?, Listing::from_options(&request.options, &request.time_zone)?);
        check_writing(self.0.as_ref(), &request)?;
        scan::blocking(move || reading.table(list(&request, &listing, reading.as_ref())?)).await
    }

    fn input_files(&self, table: &dyn TableProvider) -> Option<Vec<String>> {
        Some(self.0.paths(table)?.iter().map(|p| path::full_uri(p)).collect())
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        scan::check_not_empty(self.name(), &rows.schema())?;
        let format = self.0.writing(&request)?;
        check_reading(self.0.as_ref(), &request)?;
        write::write(&request, rows, format).await
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        let ((reading, config), request) = (stream_options(self.0.as_ref(), request)?, request.clone());
        scan::blocking(move || {
            let listed = list(&request, &config.listing, reading.as_ref())?;
            Ok(scan::with_folders(reading.reader(listed.schema)?.schema(), &listed.folders))
        })
        .await
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        let (reading, config) = stream_options(self.0.as_ref(), &request)?;
        scan::blocking(move || {
            let listed = list(&request, &config.listing, reading.as_ref())?;
            let args = FileSourceArgs {
                paths: request.paths,
                reader: reading.reader(listed.schema)?,
                folders: listed.folders,
                zone: reading.zone(),
                config,
                log,
            };
            Ok(Arc::new(FileStreamSource::new(args)?) as Arc<dyn StreamSource>)
        })
        .await
    }
}
