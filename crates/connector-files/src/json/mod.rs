//! JSON by Spark's rules: the format, its options, reading, inferring and writing.

mod config;
mod descriptor;
mod infer;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use crate::files::format::{FileConnector, FileFormat, Reading};
use crate::files::write::SinkFormat;
use crate::files::{FileEntry, FileReader};
use arrow::datatypes::SchemaRef;
use config::JsonConfig;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::descriptor::ConnectorDescriptor;
use thalweg_connectors::{ReadRequest, WriteRequest};
use thalweg_values::zone::Zone;

/// Returns the connector of the format `json`.
pub fn connector() -> FileConnector {
    FileConnector::new(Json)
}

#[derive(Debug)]
pub(crate) struct Json;

impl FileFormat for Json {
    fn descriptor(&self) -> &'static ConnectorDescriptor {
        &descriptor::DESCRIPTOR
    }

    fn reading(&self, request: &ReadRequest) -> Result<Box<dyn Reading>> {
        let (zone, corrupt) = (&request.time_zone, &request.corrupt_column);
        Ok(Box::new(JsonConfig::from_options(&request.options, zone, corrupt)?))
    }

    fn writing(&self, request: &WriteRequest) -> Result<Arc<dyn SinkFormat>> {
        Ok(Arc::new(sink::JsonSink::from_options(&request.options, &request.time_zone)?))
    }
}

impl Reading for JsonConfig {
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef> {
        infer::schema(files, self)
    }

    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>> {
        Ok(Arc::new(source::JsonReader::new(schema, self.clone())?))
    }

    fn zone(&self) -> Zone {
        self.rules.zone
    }
}
