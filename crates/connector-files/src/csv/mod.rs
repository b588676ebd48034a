//! CSV by Spark's rules: the format, its options, reading, inferring and writing.

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
use config::CsvConfig;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::descriptor::ConnectorDescriptor;
use thalweg_connectors::{ReadRequest, WriteRequest};
use thalweg_values::zone::Zone;

/// Returns the connector of the format `csv`.
pub fn connector() -> FileConnector {
    FileConnector::new(Csv)
}

#[derive(Debug)]
pub(crate) struct Csv;

impl FileFormat for Csv {
    fn descriptor(&self) -> &'static ConnectorDescriptor {
        &descriptor::DESCRIPTOR
    }

    fn reading(&self, request: &ReadRequest) -> Result<Box<dyn Reading>> {
        let (zone, corrupt) = (&request.time_zone, &request.corrupt_column);
        Ok(Box::new(CsvConfig::from_options(&request.options, zone, corrupt)?))
    }

    fn writing(&self, request: &WriteRequest) -> Result<Arc<dyn SinkFormat>> {
        Ok(Arc::new(sink::CsvSink::from_options(&request.options, &request.time_zone)?))
    }
}

impl Reading for CsvConfig {
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef> {
        infer::schema(files, self)
    }

    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>> {
        Ok(Arc::new(source::CsvReader::new(schema, self.clone())?))
    }

    fn zone(&self) -> Zone {
        self.rules.zone
    }
}
