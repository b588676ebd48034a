//! Represents an unbounded table in a plan, from which a streaming query is lowered.
//!
//! It can be planned but not scanned: a batch execution refuses it.

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind};
use thalweg_connectors::{Connector, ReadRequest};

/// An unbounded table: a connector and what it reads.
#[derive(Debug)]
pub struct StreamingTable {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// What it reads.
    pub request: ReadRequest,
    /// The schema.
    pub schema: SchemaRef,
}

#[async_trait]
impl TableProvider for StreamingTable {
    /// The schema.
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(thalweg_values::errors::external(must_be_started()))
    }
}

/// Creates the error for a streaming query that is executed as a batch.
pub fn must_be_started() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "_LEGACY_ERROR_TEMP_3102",
        "0A000",
        "Queries with streaming sources must be executed with writeStream.start(), or from a streaming table or flow \
         definition within a Spark Declarative Pipeline.",
    )
    .hint("In SQL: CREATE STREAMING TABLE name AS SELECT … FROM STREAM ….")
}
