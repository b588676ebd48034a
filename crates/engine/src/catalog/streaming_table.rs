//! An unbounded table in a plan: what the lowering finds at the bottom of a streaming query.
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

/// A connector and what it shall read.
#[derive(Debug)]
pub struct StreamingTable {
    pub connector: Arc<dyn Connector>,
    pub request: ReadRequest,
    pub schema: SchemaRef,
}

#[async_trait]
impl TableProvider for StreamingTable {
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

/// A streaming query was run as if it were a batch.
pub fn must_be_started() -> Error {
    Error::new(
        ErrorKind::Analysis,
        "STREAMING_QUERY_WITHOUT_START",
        "0A000",
        "Queries with streaming sources must be executed with writeStream.start().",
    )
    .hint("In SQL: CREATE STREAMING TABLE name AS SELECT … FROM STREAM ….")
}
