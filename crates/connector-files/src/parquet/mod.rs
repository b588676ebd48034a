//! Reads Parquet files as tables and streams, converts their types to those of tables, and writes them.

mod column_case;
mod config;
mod descriptor;
pub mod files;
pub mod sink;
pub(crate) mod source;
#[cfg(test)]
mod tests;
pub mod types;

pub use descriptor::COMPRESSION;

use crate::files::format::{FileConnector, FileFormat, Listed, Reading};
use crate::files::{FileEntry, FileReader, FileTable, partition, scan};
use arrow::datatypes::SchemaRef;
use config::ParquetConfig;
use datafusion::catalog::TableProvider;
use files::{DataFile, ParquetFiles};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::zone::Zone;

/// Returns the connector of the format `parquet`.
pub fn connector() -> FileConnector {
    FileConnector(PARQUET)
}

pub(crate) static PARQUET: FileFormat = FileFormat {
    descriptor: &descriptor::DESCRIPTOR,
    reading: |request| Ok(Box::new(ParquetConfig::from_options(&request.options, &request.time_zone)?)),
    writing: |request| Ok(Arc::new(sink::ParquetSink::from_options(&request.options)?)),
    paths: |table| files::paths(table).or_else(|| scan::paths(table)),
};

impl Reading for ParquetConfig {
    fn infer(&self, files: &[FileEntry]) -> Result<SchemaRef> {
        files::infer(files, self.merge_schema)
    }

    fn reader(&self, schema: SchemaRef) -> Result<Arc<dyn FileReader>> {
        Ok(Arc::new(source::ParquetReader { schema }))
    }

    fn zone(&self) -> Zone {
        self.zone
    }

    /// Scanned by DataFusion's own source, which prunes by the files' statistics.
    fn table(&self, listed: Listed) -> Result<Arc<dyn TableProvider>> {
        // That source ends with the first file that it cannot read.
        if listed.tolerance.is_any() {
            let reader = self.reader(Arc::clone(&listed.schema))?;
            return Ok(Arc::new(FileTable::new(reader, listed, self.zone)));
        }
        let mut data = Vec::with_capacity(listed.files.len());
        for entry in listed.files {
            let partition = partition::values(&entry, &listed.folders, self.zone)?;
            data.push(DataFile { entry, partition });
        }
        Ok(Arc::new(ParquetFiles::open(listed.schema, listed.folders, &data)?))
    }
}
