//! CSV by Spark's rules: the format, its options, reading, inferring and writing.

mod config;
mod infer;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use crate::connector::{ReadRequest, WriteRequest};
use crate::files::open::{FileFormat, Reading};
use crate::files::write::SinkFormat;
use crate::files::{FileEntry, FileReader};
use arrow::datatypes::SchemaRef;
use config::CsvConfig;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::zone::Zone;

/// The format `csv`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv;

impl FileFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
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
