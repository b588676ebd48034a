//! The Parquet connector.

use super::files::{DataFile, ParquetFiles, infer};
use super::sink::ParquetSink;
use crate::OptionMap;
use crate::connector::{Connector, ReadRequest, WriteReport, WriteRequest};
use crate::files::{Listing, partition, scan, write};
use crate::text::Zone;
use crate::text::config::unable_to_infer;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::sync::Arc;
use thalweg_common::Result;

/// The format `parquet`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parquet;

/// Takes the options of reading Parquet; those that would change what is read are refused.
fn read_options(options: &OptionMap) -> Result<Listing> {
    if options.flag("mergeSchema", false)? {
        return Err(options.bad("mergeSchema", "false"));
    }
    for key in ["datetimeRebaseMode", "int96RebaseMode"] {
        if options.get(key).is_some_and(|m| !m.eq_ignore_ascii_case("CORRECTED")) {
            return Err(options.bad(key, "CORRECTED"));
        }
    }
    let listing = Listing::from_options(options)?;
    options.finish("parquet")?;
    Ok(listing)
}

fn open(request: &ReadRequest) -> Result<ParquetFiles> {
    let listing = read_options(&request.options)?;
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
        Ok(Arc::new(scan::blocking(move || open(&request)).await?))
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        let format = ParquetSink::from_options(&request.options)?;
        request.options.finish("parquet")?;
        write::write(&request, rows, Arc::new(format)).await
    }
}
