//! Defines the trait of a connector and the requests that it gets.

use crate::OptionMap;
use crate::descriptor::{ConnectorDescriptor, Operation};
use crate::stream::{StreamSink, StreamSource};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::fmt::{Debug, Display};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::MetadataLog;

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
    /// Which rows the query emits: one of the modes of the sink's descriptor.
    pub output_mode: OutputMode,
}

/// Which rows of a result a streaming query emits, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// A row is emitted once, when it can no longer change. An aggregate needs a watermark before it, since otherwise
    /// no group closes.
    Append,
    /// Every group that an epoch touched is emitted with its value at the end of the epoch.
    Update,
    /// The whole result is emitted in every epoch, and replaces that of the epoch before.
    Complete,
}

impl OutputMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Append, Self::Update, Self::Complete];

    /// Returns Spark's name of the mode.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Update => "update",
            Self::Complete => "complete",
        }
    }
}

impl SinkRequest {
    /// Refuses partitions, for a sink that has none.
    pub(crate) fn check_unpartitioned(&self, sink: &str) -> Result<()> {
        if !self.partition_by.is_empty() {
            return Err(Error::unsupported(format!("partitionBy of the {sink} sink")));
        }
        Ok(())
    }
}

/// A format, for batch and streaming. The default methods refuse an operation with an error that names it.
///
/// A connector says in its descriptor what it can do and which options it takes. It is used through a
/// [`ConnectorRegistry`](crate::ConnectorRegistry), which refuses everything else before it calls the connector.
///
/// ```
/// use arrow::datatypes::Schema;
/// use datafusion::catalog::TableProvider;
/// use datafusion::datasource::empty::EmptyTable;
/// use std::sync::Arc;
/// use thalweg_common::Result;
/// use thalweg_connectors::descriptor::{BatchRead, ConnectorDescriptor, OptionSpec, OptionType};
/// use thalweg_connectors::{Connector, ConnectorRegistry, OptionMap, OutputMode, ReadRequest, SinkRequest};
///
/// /// Tables without rows.
/// #[derive(Debug)]
/// struct Empty;
///
/// static EMPTY: ConnectorDescriptor = ConnectorDescriptor {
///     batch_read: Some(BatchRead {
///         options: &[&[OptionSpec::new("strict", OptionType::Flag, "Whether columns must be given.")]],
///     }),
///     ..ConnectorDescriptor::new("empty", "Tables without rows.")
/// };
///
/// #[async_trait::async_trait]
/// impl Connector for Empty {
///     fn descriptor(&self) -> &ConnectorDescriptor {
///         &EMPTY
///     }
///     async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
///         if request.options.flag("strict", false)? && request.schema.is_none() {
///             return Err(request.options.bad("strict", "false, since no columns are given"));
///         }
///         let schema = request.schema.unwrap_or_else(|| Arc::new(Schema::empty()));
///         Ok(Arc::new(EmptyTable::new(schema)))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let registry = ConnectorRegistry::default().with(Arc::new(Empty))?;
/// let connector = registry.get("EMPTY")?;
/// let request = |key: &str| ReadRequest {
///     paths: vec![],
///     schema: None,
///     options: OptionMap::new([(key.to_owned(), "false".to_owned())]),
///     time_zone: "UTC".to_owned(),
///     corrupt_column: "_corrupt_record".to_owned(),
/// };
/// assert!(connector.table(request("strict")).await.is_ok());
/// let error = connector.table(request("strikt")).await.unwrap_err();
/// assert_eq!(error.message(), "The option `strikt` is not supported by empty.");
///
/// let request = SinkRequest {
///     time_zone: "UTC".into(),
///     path: None,
///     schema: Arc::new(Schema::empty()),
///     partition_by: vec![],
///     options: OptionMap::default(),
///     query_id: "query".to_owned(),
///     output_mode: OutputMode::Append,
/// };
/// let error = connector.sink(request).await.unwrap_err();
/// assert_eq!(error.message(), "Data source empty does not support streaming writing.");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Connector: Send + Sync + Debug {
    /// Returns what the connector is and can do.
    fn descriptor(&self) -> &ConnectorDescriptor;

    /// Opens a bounded table to scan.
    async fn table(&self, _request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        Err(cannot(self.descriptor().name, &Operation::BatchRead))
    }
    /// Returns the files that one of its tables reads, as URIs; none if the table is not one of its own, or is not
    /// made of files.
    fn input_files(&self, _table: &dyn TableProvider) -> Option<Vec<String>> {
        None
    }
    /// Writes a bounded result and commits it in one step.
    async fn write(&self, _request: WriteRequest, _rows: SendableRecordBatchStream) -> Result<WriteReport> {
        Err(cannot(self.descriptor().name, &Operation::BatchWrite))
    }
    /// Creates an empty table with those columns, in a format that keeps the columns of its tables.
    async fn create_table(&self, _request: WriteRequest, _columns: SchemaRef) -> Result<()> {
        Err(cannot(self.descriptor().name, &"tables that keep their columns"))
    }
    /// Returns the schema of an unbounded table, without starting to read it.
    async fn stream_schema(&self, _request: &ReadRequest) -> Result<SchemaRef> {
        Err(cannot(self.descriptor().name, &Operation::StreamRead))
    }
    /// Opens an unbounded table; `log` is the part of the checkpoint that belongs to this source.
    async fn source(&self, _request: ReadRequest, _log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        Err(cannot(self.descriptor().name, &Operation::StreamRead))
    }
    /// Opens the sink of a streaming query.
    async fn sink(&self, _request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        Err(cannot(self.descriptor().name, &Operation::StreamWrite))
    }
}

/// An operation that a connector does not have.
pub(crate) fn cannot(format: &str, what: &dyn Display) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_DATA_SOURCE_OPERATION",
        "0A000",
        format!("Data source {format} does not support {what}."),
    )
    .param("format", format)
    .param("operation", what.to_string())
}
