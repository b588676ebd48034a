//! A connector by name, and the registry of them.

use crate::stream::{StreamSink, StreamSource};
use crate::{MetadataLog, OptionMap};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

/// What to read. Paths may hold globs; without a schema the reader infers one.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    pub paths: Vec<String>,
    pub schema: Option<SchemaRef>,
    pub options: OptionMap,
    /// IANA name: how timestamps without a zone are read. TIMESTAMP is `Timestamp(us, "UTC")` in Arrow.
    pub time_zone: String,
    /// Column that takes malformed records in PERMISSIVE mode, `_corrupt_record` by default.
    pub corrupt_column: String,
}

/// What a batch write does with what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    Append,
    Overwrite,
    ErrorIfExists,
    Ignore,
}

/// Where and how to write. Columns of `partition_by` go into folder names.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub path: String,
    pub mode: WriteMode,
    pub partition_by: Vec<String>,
    /// Whether an overwrite also replaces the columns and the partitioning of a table that keeps its own.
    pub replace: bool,
    pub options: OptionMap,
    pub time_zone: String,
}

/// What a batch write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteReport {
    pub rows: u64,
}

/// Where a stream goes. `query_id` names the query for good, across its generations.
#[derive(Debug, Clone)]
pub struct SinkRequest {
    pub path: Option<String>,
    pub schema: SchemaRef,
    pub partition_by: Vec<String>,
    pub options: OptionMap,
    pub query_id: String,
    /// The zone in which dates become timestamps.
    pub time_zone: String,
    /// `append` or `update`; a sink refuses what it can't do.
    pub output_mode: String,
}

/// One format. What a format can't do, it refuses by name: that is what the default methods are for.
#[async_trait]
pub trait Connector: Send + Sync + Debug {
    /// The name in `format(..)` and `USING`.
    fn name(&self) -> &'static str;

    /// A bounded table to scan.
    async fn table(&self, _request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        Err(cannot(self.name(), "batch reading"))
    }
    /// Writes a bounded result and commits it once.
    async fn write(&self, _request: WriteRequest, _rows: SendableRecordBatchStream) -> Result<WriteReport> {
        Err(cannot(self.name(), "batch writing"))
    }
    /// Makes an empty table with those columns, where a format keeps the columns of its tables.
    async fn create_table(&self, _request: WriteRequest, _columns: SchemaRef) -> Result<()> {
        Err(cannot(self.name(), "tables that keep their columns"))
    }
    /// The schema of an unbounded table, without starting to read it.
    async fn stream_schema(&self, _request: &ReadRequest) -> Result<SchemaRef> {
        Err(cannot(self.name(), "streaming reading"))
    }
    /// An unbounded table; `log` is the part of the checkpoint that belongs to this source.
    async fn source(&self, _request: ReadRequest, _log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        Err(cannot(self.name(), "streaming reading"))
    }
    /// The end of a streaming query.
    async fn sink(&self, _request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        Err(cannot(self.name(), "streaming writing"))
    }
}

fn cannot(format: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_DATA_SOURCE_OPERATION",
        "0A000",
        format!("Data source {format} does not support {what}."),
    )
    .param("format", format)
    .param("operation", what)
}

/// The connectors by lower-case name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    connectors: BTreeMap<String, Arc<dyn Connector>>,
}

impl Registry {
    /// Adds a connector under its own name.
    #[must_use]
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connectors.insert(connector.name().to_owned(), connector);
        self
    }

    /// The connector of that name, whatever its case; class `DATA_SOURCE_NOT_FOUND` otherwise.
    pub fn get(&self, format: &str) -> Result<Arc<dyn Connector>> {
        let found = self.connectors.get(&format.to_lowercase()).cloned();
        found.ok_or_else(|| {
            let near = nearest(format, self.connectors.keys().map(String::as_str));
            let known: Vec<_> = self.connectors.keys().cloned().collect();
            let hint = if near.is_empty() {
                format!("Known formats: {}.", known.join(", "))
            } else {
                format!("Did you mean {}?", near.join(", "))
            };
            Error::new(
                ErrorKind::Analysis,
                "DATA_SOURCE_NOT_FOUND",
                "42K02",
                format!("Failed to find the data source: {format}."),
            )
            .param("provider", format)
            .hint(hint)
        })
    }
}
