//! The CSV connector: puts options, listing, inference and reader together.

use super::config::CsvConfig;
use super::infer;
use super::source::CsvReader;
use crate::connector::{Connector, ReadRequest};
use crate::files::{FileEntry, FileReader, FileTable, Listing, partition, scan};
use arrow::datatypes::Field;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use std::sync::Arc;
use thalweg_common::Result;

/// The format `csv`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv;

/// What a request comes to once its files are listed.
struct Opened {
    reader: Arc<dyn FileReader>,
    files: Vec<FileEntry>,
    folders: Vec<Field>,
    config: CsvConfig,
}

fn open(request: &ReadRequest) -> Result<Opened> {
    let config = CsvConfig::from_options(&request.options, &request.time_zone, &request.corrupt_column)?;
    let listing = Listing::from_options(&request.options)?;
    request.options.finish("csv")?;
    let files = listing.files(&request.paths)?;
    let folders = partition::fields(&files, request.schema.as_deref(), config.rules.zone)?;
    let schema = match &request.schema {
        Some(given) => scan::without_folders(given, &folders),
        None => infer::schema(&files, &config)?,
    };
    let schema = scan::without_folders(&schema, &folders);
    Ok(Opened { reader: Arc::new(CsvReader::new(schema, config.clone())?), files, folders, config })
}

#[async_trait]
impl Connector for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        let opened = scan::blocking(move || open(&request)).await?;
        Ok(Arc::new(FileTable::new(opened.reader, opened.files, opened.folders, opened.config.rules.zone)))
    }
}
