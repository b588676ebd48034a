//! The JSON connector.

use super::config::JsonConfig;
use super::infer;
use super::sink::JsonSink;
use super::source::JsonReader;
use crate::MetadataLog;
use crate::connector::{Connector, ReadRequest, WriteReport, WriteRequest};
use crate::files::open::{self, FileFormat};
use crate::files::stream::StreamConfig;
use crate::files::{FileEntry, FileReader, Listing, write};
use crate::stream::StreamSource;
use crate::text::Zone;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::sync::Arc;
use thalweg_common::Result;

/// The format `json`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl FileFormat for JsonConfig {
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef> {
        infer::schema(files, self)
    }

    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>> {
        Ok(Arc::new(JsonReader::new(schema, self.clone())?))
    }

    fn zone(&self) -> Zone {
        self.rules.zone
    }
}

fn config(request: &ReadRequest) -> Result<JsonConfig> {
    JsonConfig::from_options(&request.options, &request.time_zone, &request.corrupt_column)
}

fn stream_config(request: &ReadRequest) -> Result<(JsonConfig, StreamConfig)> {
    let both = (config(request)?, StreamConfig::from_options(&request.options)?);
    request.options.finish("json")?;
    Ok(both)
}

#[async_trait]
impl Connector for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        let (config, listing) = (config(&request)?, Listing::from_options(&request.options)?);
        request.options.finish("json")?;
        open::table(request, listing, config).await
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        let format = JsonSink::from_options(&request.options, &request.time_zone)?;
        request.options.finish("json")?;
        write::write(&request, rows, Arc::new(format)).await
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        let (config, stream) = stream_config(request)?;
        open::stream_schema(request.clone(), stream, config).await
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        let (config, stream) = stream_config(&request)?;
        open::source(request, stream, log, config).await
    }
}
