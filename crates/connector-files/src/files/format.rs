//! Makes connectors of formats of files: a format brings a reader, an inference and a writer, the rest is here.
//!
//! A request becomes a table, a stream or a folder by the same steps for every format: options, listing, partition
//! columns, schema, reader. A schema that is given is taken; otherwise the format infers one from the files. Nothing
//! here names a format. The options of a request have been checked against the format's descriptor before.

use super::stream::{FileRows, FileSourceArgs, FileStreamSource, StreamConfig};
use super::tolerance::Tolerance;
use super::write::{self, SinkFormat};
use super::{FileEntry, FileReader, FileTable, Listing, partition, scan};
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::clock::SystemClock;
use thalweg_connectors::background::blocking;
use thalweg_connectors::descriptor::ConnectorDescriptor;
use thalweg_connectors::stream::StreamSource;
use thalweg_connectors::{Connector, ReadRequest, WriteMode, WriteReport, WriteRequest};
use thalweg_storage::MetadataLog;
use thalweg_storage::path;
use thalweg_values::zone::Zone;

/// A format of files of rows. A [`FileConnector`] makes a [`Connector`] of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileFormat {
    pub descriptor: &'static ConnectorDescriptor,
    /// Reads the options of reading.
    pub reading: fn(&ReadRequest) -> Result<Box<dyn Reading>>,
    /// Reads the options of writing.
    pub writing: fn(&WriteRequest) -> Result<Arc<dyn SinkFormat>>,
    /// Returns the files of a table that [`Reading::table`] made; none for a table of another format.
    pub paths: fn(&dyn TableProvider) -> Option<Vec<PathBuf>>,
}

/// The connector of a format of files.
#[derive(Debug)]
pub struct FileConnector(pub(crate) FileFormat);

/// A format with its options of reading.
pub(crate) trait Reading: Send + Sync + Debug {
    /// Infers the columns of these files.
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef>;
    /// Makes a reader of these columns.
    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>>;
    /// Returns the zone of timestamps in folder names.
    fn zone(&self) -> Zone;
    /// Makes a table of the files.
    fn table(&self, listed: Listed) -> Result<Arc<dyn TableProvider>> {
        let reader = self.reader(Arc::clone(&listed.schema))?;
        Ok(Arc::new(FileTable::new(reader, listed, self.zone())))
    }
}

/// The files of a request and their columns.
pub(crate) struct Listed {
    pub files: Vec<FileEntry>,
    /// The columns of the files.
    pub schema: SchemaRef,
    /// The columns of their folders.
    pub folders: Vec<Field>,
    /// Which of the files may be left out.
    pub tolerance: Tolerance,
}

/// Lists the files of a table, and infers their columns unless the request has a schema. Blocks.
fn list(request: &ReadRequest, listing: &Listing, format: &dyn Reading) -> Result<Listed> {
    // Options are checked before the files are listed, which may be long.
    let tolerance = Tolerance::from_options(&request.options)?;
    listed(request, listing.files(&request.paths)?, tolerance, format)
}

/// Lists as many files as a stream needs to know its columns. Blocks.
fn list_stream(request: &ReadRequest, listing: &Listing, format: &dyn Reading) -> Result<Listed> {
    let tolerance = Tolerance::from_options(&request.options)?;
    // Columns are inferred from all files. The files that are read are those of the source's plans.
    let files = match &request.schema {
        Some(_) => listing.file_of_each_folder(&request.paths)?,
        None => listing.files(&request.paths)?,
    };
    listed(request, files, tolerance, format)
}

fn listed(
    request: &ReadRequest,
    files: Vec<FileEntry>,
    tolerance: Tolerance,
    format: &dyn Reading,
) -> Result<Listed> {
    let folders = partition::fields(&files, request.schema.as_deref(), format.zone())?;
    let schema = match &request.schema {
        // A schema that is given is not compared with the files: those that differ have nulls or malformed records.
        Some(given) => {
            scan::check_names(given)?;
            Arc::clone(given)
        }
        None => infer(format, &files, tolerance)?,
    };
    let schema = scan::without_folders(&schema, &folders);
    Ok(Listed { files, schema, folders, tolerance })
}

/// Infers the columns of the files, without those that may be left out.
fn infer(format: &dyn Reading, files: &[FileEntry], tolerance: Tolerance) -> Result<SchemaRef> {
    match format.infer(files) {
        // Which file it was is not known, so each is tried alone.
        Err(_) if tolerance.is_any() => {
            let mut readable = Vec::new();
            for file in files {
                match format.infer(std::slice::from_ref(file)) {
                    Err(e) if tolerance.leaves_out(&file.path, &e) => {}
                    _ => readable.push(file.clone()),
                }
            }
            format.infer(&readable)
        }
        other => other,
    }
}

fn stream_options(format: &FileFormat, request: &ReadRequest) -> Result<(Box<dyn Reading>, StreamConfig)> {
    let both =
        ((format.reading)(request)?, StreamConfig::from_options(&request.options, &request.time_zone)?);
    check_writing(format, request)?;
    Ok(both)
}

/// Refuses bad values of the options of writing that a table keeps, since a read would ignore them.
fn check_writing(format: &FileFormat, request: &ReadRequest) -> Result<()> {
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
    (format.writing)(&write).map(|_| ())
}

/// Refuses bad values of the options of reading that a table keeps, since a write would ignore them.
fn check_reading(format: &FileFormat, request: &WriteRequest) -> Result<()> {
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
    (format.reading)(&read)?;
    Tolerance::from_options(&read.options)?;
    StreamConfig::from_options(&read.options, &read.time_zone).map(|_| ())
}

#[async_trait]
impl Connector for FileConnector {
    fn descriptor(&self) -> &ConnectorDescriptor {
        self.0.descriptor
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        let (reading, listing) =
            ((self.0.reading)(&request)?, Listing::from_options(&request.options, &request.time_zone)?);
        check_writing(&self.0, &request)?;
        // A listing may read the names of thousands of files, and inference their content.
        blocking(move || reading.table(list(&request, &listing, reading.as_ref())?)).await
    }

    fn input_files(&self, table: &dyn TableProvider) -> Option<Vec<String>> {
        Some((self.0.paths)(table)?.iter().map(|p| path::full_uri(p)).collect())
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        scan::check_not_empty(self.0.descriptor.name, &rows.schema())?;
        let format = (self.0.writing)(&request)?;
        check_reading(&self.0, &request)?;
        write::write(&request, rows, format).await
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        let ((reading, config), request) = (stream_options(&self.0, request)?, request.clone());
        blocking(move || {
            let listed = list_stream(&request, &config.listing, reading.as_ref())?;
            Ok(scan::with_folders(reading.reader(listed.schema)?.schema(), &listed.folders))
        })
        .await
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        let (reading, config) = stream_options(&self.0, &request)?;
        blocking(move || {
            let listed = list_stream(&request, &config.listing, reading.as_ref())?;
            let rows = FileRows {
                reader: reading.reader(listed.schema)?,
                folders: listed.folders,
                zone: reading.zone(),
                tolerance: listed.tolerance,
            };
            let clock = Arc::new(SystemClock::default());
            let args = FileSourceArgs { paths: request.paths, rows, config, log, clock };
            Ok(Arc::new(FileStreamSource::new(args)?) as Arc<dyn StreamSource>)
        })
        .await
    }
}
