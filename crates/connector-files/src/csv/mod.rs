//! Reads, infers and writes CSV files by Spark's rules.

mod config;
mod descriptor;
mod infer;
mod sink;
mod source;
#[cfg(test)]
mod tests;

use crate::files::format::{FileConnector, FileFormat, Reading};
use crate::files::{FileEntry, FileReader, scan};
use arrow::datatypes::SchemaRef;
use config::CsvConfig;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::zone::Zone;

/// Returns the connector of the format `csv`.
pub fn connector() -> FileConnector {
    FileConnector(CSV)
}

pub(crate) static CSV: FileFormat = FileFormat {
    descriptor: &descriptor::DESCRIPTOR,
    reading: |request| Ok(Box::new(CsvConfig::from_request(request)?)),
    writing: |request| Ok(Arc::new(sink::CsvSink::from_request(request)?)),
    paths: scan::paths,
};

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
