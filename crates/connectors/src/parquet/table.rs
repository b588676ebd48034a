//! The Parquet connector.

use super::files::{DataFile, ParquetFiles, infer};
use super::sink::ParquetSink;
use super::source::ParquetReader;
use crate::connector::{Connector, ReadRequest, WriteReport, WriteRequest};
use crate::files::open::{self, FileFormat};
use crate::files::stream::StreamConfig;
use crate::files::{FileEntry, FileReader, Listing, partition, scan, write};
use crate::stream::StreamSource;
use crate::text::Zone;
use crate::text::config::unable_to_infer;
use crate::{MetadataLog, OptionMap};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::sync::Arc;
use thalweg_common::Result;

/// The format `parquet`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parquet;

/// Parquet files as rows of a stream.
struct Format {
    zone: Zone,
}

impl FileFormat for Format {
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef> {
        files.first().map_or_else(|| Err(unable_to_infer("Parquet")), infer)
    }

    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>> {
        Ok(Arc::new(ParquetReader { schema }))
    }

    fn zone(&self) -> Zone {
        self.zone
    }
}

fn stream_options(request: &ReadRequest) -> Result<(Format, StreamConfig)> {
    check_options(&request.options)?;
    let config = StreamConfig::from_options(&request.options)?;
    request.options.finish("parquet")?;
    Ok((Format { zone: Zone::of_session(&request.time_zone)? }, config))
}

/// Refuses options that would change what is read.
fn check_options(options: &OptionMap) -> Result<()> {
    if options.flag("mergeSchema", false)? {
        return Err(options.bad("mergeSchema", "false"));
    }
    for key in ["datetimeRebaseMode", "int96RebaseMode"] {
        if options.get(key).is_some_and(|m| !m.eq_ignore_ascii_case("CORRECTED")) {
            return Err(options.bad(key, "CORRECTED"));
        }
    }
    Ok(())
}

fn open_table(request: &ReadRequest) -> Result<ParquetFiles> {
    check_options(&request.options)?;
    let listing = Listing::from_options(&request.options)?;
    request.options.finish("parquet")?;
    let zone = Zone::of_session(&request.time_zone)?;
    let files = listing.files(&request.paths)?;
    let folders = partition::fields(&files, request.schema.as_deref(), zone)?;
    let schema = match (&request.schema, files.first()) {
        (Some(given), _) => Arc::clone(given),
        (None, Some(first)) => infer(first)?,
        (None, None) => return Err(unable_to_infer("Parquet")),
    };
    let schema = scan::without_folders(&schema, &folders);
    let mut data = Vec::with_capacity(files.len());
    for entry in files {
        let partition = partition::values(&entry, &folders, zone)?;
        data.push(DataFile { entry, partition });
    }
    ParquetFiles::open(schema, folders, &data)
}

#[async_trait]
impl Connector for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(scan::blocking(move || open_table(&request)).await?))
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        let (format, stream) = stream_options(request)?;
        open::stream_schema(request.clone(), stream, format).await
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        let (format, stream) = stream_options(&request)?;
        open::source(request, stream, log, format).await
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        let format = ParquetSink::from_options(&request.options)?;
        request.options.finish("parquet")?;
        write::write(&request, rows, Arc::new(format)).await
    }
}
