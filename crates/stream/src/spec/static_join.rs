//! Describes joins of a stream with a bounded table.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::sync::Arc;
use thalweg_common::Result;

/// The bounded side of a join with a stream.
#[async_trait]
pub trait StaticTable: fmt::Debug + Send + Sync {
    /// Reads all rows as they are now.
    ///
    /// # Errors
    /// Those of reading, and `STREAM_STATIC_TABLE_TOO_LARGE` if the rows have too many bytes.
    async fn read(&self, request: StaticRead) -> Result<RecordBatch>;
}

/// How a bounded table is read for an epoch.
#[derive(Debug, Clone, Copy)]
pub struct StaticRead {
    /// The most bytes that the rows may have.
    pub bytes_max: usize,
    /// The current time in the table's expressions, in microseconds since 1970.
    pub processing_time_us: i64,
}

/// Which rows a join of a stream with a table emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaticJoinType {
    /// The pairs.
    Inner,
    /// The pairs, and rows of the stream without a match, with nulls.
    Outer,
    /// Rows of the stream that have a match.
    Semi,
    /// Rows of the stream that have none.
    Anti,
}

/// A join of a stream, the only input, with a table that is read anew for each epoch.
#[derive(Debug, Clone)]
pub struct StaticJoinSpec {
    /// Which rows are emitted.
    pub join_type: StaticJoinType,
    /// Whether the columns of the stream come first.
    pub stream_is_left: bool,
    /// The key expressions over the rows of the stream; none joins each row with all of the table.
    pub stream_keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The key expressions over the rows of the table, as many and of the same types.
    pub table_keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The condition besides the keys, over [`Self::joined_schema`].
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// The table.
    pub table: Arc<dyn StaticTable>,
    /// The columns of the table.
    pub table_schema: SchemaRef,
    /// The columns of the left side, then those of the right side.
    pub joined_schema: SchemaRef,
    /// The columns of the result: the joined ones, or those of the stream for a semi or anti join.
    pub output_schema: SchemaRef,
}
