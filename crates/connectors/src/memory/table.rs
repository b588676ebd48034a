//! Finds tables in memory by the names of their queries, and reads them.

use super::sink::MemorySink;
use crate::connector::{Connector, OutputMode, ReadRequest, SinkRequest};
use crate::descriptor::{BatchRead, ConnectorDescriptor, SinkTarget, StreamWrite, TableCapabilities};
use crate::stream::{Commit, Guarantee, StreamSink};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use thalweg_common::ids::Generation;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};

static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    tables: TableCapabilities {
        keeps_columns: false,
        replaced_in_place: false,
        fits_rows: false,
        found_by_name: true,
    },
    batch_read: Some(BatchRead { options: &[] }),
    stream_write: Some(StreamWrite {
        options: &[],
        guarantee: Guarantee::ExactlyOnce,
        output_modes: &OutputMode::ALL,
        needs_checkpoint: false,
        target: SinkTarget::QueryName { missing: needs_name },
    }),
    ..ConnectorDescriptor::new(
        "memory",
        "Rows in the memory of the process, under the name of the query that wrote them.",
    )
};

/// The format `memory`. Clones share their tables.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tables: Arc<Mutex<BTreeMap<String, Arc<MemoryTable>>>>,
}

impl Memory {
    /// Returns the table that the query of that name fills; names are found in any case.
    pub fn find(&self, name: &str) -> Option<Arc<MemoryTable>> {
        lock(&self.tables).get(&name.to_lowercase()).cloned()
    }

    /// Returns the table for a query: the one that it filled before, or an empty one that replaces any other.
    fn open(&self, name: &str, schema: SchemaRef, query_id: &str) -> Arc<MemoryTable> {
        let mut tables = lock(&self.tables);
        // A query that restarts in this process continues its table. With other columns the rows would not fit.
        let old = tables.get(&name.to_lowercase()).filter(|t| t.query_id == query_id && t.schema == schema);
        let table = old.cloned().unwrap_or_else(|| {
            Arc::new(MemoryTable { query_id: query_id.to_owned(), schema, state: Mutex::default() })
        });
        tables.insert(name.to_lowercase(), Arc::clone(&table));
        table
    }
}

#[async_trait]
impl Connector for Memory {
    fn descriptor(&self) -> &ConnectorDescriptor {
        &DESCRIPTOR
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        let name = request.paths.first().map_or("", String::as_str);
        match self.find(name) {
            Some(table) => Ok(table),
            None => Err(Error::new(
                ErrorKind::Analysis,
                "TABLE_OR_VIEW_NOT_FOUND",
                "42P01",
                format!("The table or view `{name}` cannot be found."),
            )
            .param("relationName", format!("`{name}`"))),
        }
    }

    async fn sink(&self, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        request.check_unpartitioned("memory")?;
        let Some(name) = request.path else { return Err(needs_name()) };
        let table = self.open(&name, request.schema, &request.query_id);
        Ok(Arc::new(MemorySink::new(table, request.output_mode)))
    }
}

fn needs_name() -> Error {
    let class = "STREAMING_MEMORY_SINK_NEEDS_NAME";
    Error::new(ErrorKind::Analysis, class, "42K0E", "queryName must be specified for memory sink")
}

/// The rows that one query wrote.
#[derive(Debug)]
pub struct MemoryTable {
    query_id: String,
    schema: SchemaRef,
    state: Mutex<State>,
}

/// What commits change at once.
#[derive(Debug, Default)]
pub(super) struct State {
    pub batches: Vec<RecordBatch>,
    pub generation: Option<Generation>,
    pub last: Option<Commit>,
}

impl MemoryTable {
    /// Returns the rows that are committed.
    pub fn batches(&self) -> Vec<RecordBatch> {
        self.state().batches.clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[async_trait]
impl TableProvider for MemoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        // A copy of the batches, which share their columns: commits during the scan do not change its rows.
        let batches = self.batches();
        let rows = MemTable::try_new(Arc::clone(&self.schema), vec![batches])?;
        rows.scan(state, projection, filters, limit).await
    }
}
