//! Defines the trait of a connector and the registry that finds connectors by name.

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

/// A request to read a table.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The paths, which may contain glob patterns.
    pub paths: Vec<String>,
    /// The columns; inferred from the data if absent.
    pub schema: Option<SchemaRef>,
    /// The options of the reader.
    pub options: OptionMap,
    /// IANA name of the zone of timestamps that are written without one. TIMESTAMP is `Timestamp(us, "UTC")`
    /// in Arrow.
    pub time_zone: String,
    /// The column for malformed records in PERMISSIVE mode, `_corrupt_record` by default.
    pub corrupt_column: String,
}

/// What a batch write does if the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Adds rows.
    Append,
    /// Replaces all rows.
    Overwrite,
    /// Fails.
    ErrorIfExists,
    /// Writes nothing.
    Ignore,
}

/// A request to write a bounded result.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The target.
    pub path: String,
    /// What to do if the target exists.
    pub mode: WriteMode,
    /// The columns whose values become folder names.
    pub partition_by: Vec<String>,
    /// Whether an overwrite also replaces the columns and the partitioning of a table that keeps its own.
    pub replace: bool,
    /// The options of the writer.
    pub options: OptionMap,
    /// IANA name of the zone in which timestamps are formatted.
    pub time_zone: String,
}

/// The result of a batch write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteReport {
    /// Rows that were written.
    pub rows: u64,
}

/// A request to open the sink of a streaming query.
#[derive(Debug, Clone)]
pub struct SinkRequest {
    /// The target, if the format has one.
    pub path: Option<String>,
    /// The columns of the rows.
    pub schema: SchemaRef,
    /// The columns by which the target is partitioned.
    pub partition_by: Vec<String>,
    /// The options of the writer.
    pub options: OptionMap,
    /// Identifies the query in all its generations.
    pub query_id: String,
    /// IANA name of the zone in which dates become timestamps.
    pub time_zone: String,
    /// `append` or `update`. A sink refuses a mode that it does not support.
    pub output_mode: String,
}

/// A format, for batch and streaming. The default methods refuse an operation with an error that names it.
///
/// ```
/// use arrow::datatypes::Schema;
/// use datafusion::catalog::TableProvider;
/// use datafusion::datasource::empty::EmptyTable;
/// use std::sync::Arc;
/// use thalweg_common::Result;
/// use thalweg_connectors::{Connector, OptionMap, ReadRequest, ConnectorRegistry, SinkRequest};
///
/// /// Tables without rows.
/// #[derive(Debug)]
/// struct Empty;
///
/// #[async_trait::async_trait]
/// impl Connector for Empty {
///     fn name(&self) -> &'static str {
///         "empty"
///     }
///     async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
///         // An option that the format does not know is an error.
///         request.options.finish("empty")?;
///         let schema = request.schema.unwrap_or_else(|| Arc::new(Schema::empty()));
///         Ok(Arc::new(EmptyTable::new(schema)))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let registry = ConnectorRegistry::default().with(Arc::new(Empty));
/// let connector = registry.get("EMPTY")?;
/// let request = SinkRequest {
///     time_zone: "UTC".into(),
///     path: None,
///     schema: Arc::new(Schema::empty()),
///     partition_by: vec![],
///     options: OptionMap::default(),
///     query_id: "query".to_owned(),
///     output_mode: "append".to_owned(),
/// };
/// let error = connector.sink(request).await.unwrap_err();
/// assert_eq!(error.message(), "Data source empty does not support streaming writing.");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Connector: Send + Sync + Debug {
    /// Returns the name in `format(..)` and `USING`.
    fn name(&self) -> &'static str;

    /// Opens a bounded table to scan.
    async fn table(&self, _request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        Err(cannot(self.name(), "batch reading"))
    }
    /// Writes a bounded result and commits it in one step.
    async fn write(&self, _request: WriteRequest, _rows: SendableRecordBatchStream) -> Result<WriteReport> {
        Err(cannot(self.name(), "batch writing"))
    }
    /// Creates an empty table with those columns, in a format that keeps the columns of its tables.
    async fn create_table(&self, _request: WriteRequest, _columns: SchemaRef) -> Result<()> {
        Err(cannot(self.name(), "tables that keep their columns"))
    }
    /// Returns the schema of an unbounded table, without starting to read it.
    async fn stream_schema(&self, _request: &ReadRequest) -> Result<SchemaRef> {
        Err(cannot(self.name(), "streaming reading"))
    }
    /// Opens an unbounded table; `log` is the part of the checkpoint that belongs to this source.
    async fn source(&self, _request: ReadRequest, _log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        Err(cannot(self.name(), "streaming reading"))
    }
    /// Opens the sink of a streaming query.
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

/// Finds connectors by name.
#[derive(Debug, Clone, Default)]
pub struct ConnectorRegistry {
    connectors: BTreeMap<String, Arc<dyn Connector>>,
}

impl ConnectorRegistry {
    /// Adds a connector under its own name.
    #[must_use]
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connectors.insert(connector.name().to_owned(), connector);
        self
    }

    /// Returns the connector with this name, in any case.
    ///
    /// # Errors
    /// `DATA_SOURCE_NOT_FOUND`, with the nearest names.
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
