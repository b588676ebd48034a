//! From a request to something that can be read: listing, partition columns, schema, reader.
//!
//! The same steps for every format made of files, in batch and in streams. A schema that is given
//! is taken; otherwise the format infers one from the files that are there.

use super::stream::{FileStreamSource, SourceParts, StreamConfig};
use super::{FileEntry, FileReader, FileTable, Listing, partition, scan};
use crate::MetadataLog;
use crate::connector::ReadRequest;
use crate::stream::StreamSource;
use crate::text::Zone;
use arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::TableProvider;
use std::sync::Arc;
use thalweg_common::Result;

/// A format with its options read.
pub(crate) trait FileFormat: Send + Sync {
    /// The columns of these files.
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef>;
    /// A reader of these columns.
    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>>;
    /// How timestamps in folder names are read.
    fn zone(&self) -> Zone;
}

/// A request whose files are listed.
pub(crate) struct Opened {
    pub reader: Arc<dyn FileReader>,
    pub files: Vec<FileEntry>,
    pub folders: Vec<Field>,
}

/// Lists, infers if need be, and makes the reader. Blocks.
pub(crate) fn open(request: &ReadRequest, listing: &Listing, format: &dyn FileFormat) -> Result<Opened> {
    let files = listing.files(&request.paths)?;
    let folders = partition::fields(&files, request.schema.as_deref(), format.zone())?;
    let schema = match &request.schema {
        Some(given) => Arc::clone(given),
        None => format.infer(&files)?,
    };
    Ok(Opened { reader: format.reader(scan::without_folders(&schema, &folders))?, files, folders })
}

/// The files of a request as a table.
pub(crate) async fn table(
    request: ReadRequest,
    listing: Listing,
    format: impl FileFormat + 'static,
) -> Result<Arc<dyn TableProvider>> {
    scan::blocking(move || {
        let opened = open(&request, &listing, &format)?;
        let table = FileTable::new(opened.reader, opened.files, opened.folders, format.zone());
        Ok(Arc::new(table) as Arc<dyn TableProvider>)
    })
    .await
}

/// The columns of a folder that is read as a stream.
pub(crate) async fn stream_schema(
    request: ReadRequest,
    config: StreamConfig,
    format: impl FileFormat + 'static,
) -> Result<SchemaRef> {
    scan::blocking(move || {
        let opened = open(&request, &config.listing, &format)?;
        Ok(scan::with_folders(opened.reader.schema(), &opened.folders))
    })
    .await
}

/// A folder as a stream.
pub(crate) async fn source(
    request: ReadRequest,
    config: StreamConfig,
    log: MetadataLog,
    format: impl FileFormat + 'static,
) -> Result<Arc<dyn StreamSource>> {
    scan::blocking(move || {
        let opened = open(&request, &config.listing, &format)?;
        let parts = SourceParts {
            paths: request.paths,
            reader: opened.reader,
            folders: opened.folders,
            zone: format.zone(),
            config,
            log,
        };
        Ok(Arc::new(FileStreamSource::new(parts)?) as Arc<dyn StreamSource>)
    })
    .await
}
