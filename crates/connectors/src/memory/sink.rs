//! Writes a stream into a table in memory: fenced by generation, exactly once while the process lives.
//!
//! In update mode the rows that changed are appended, as by Spark's memory sink. In complete mode an epoch replaces
//! the rows of the one before, so nothing that the table has lost with its process is needed: the checkpoint decides
//! where the query goes on, and the next epoch brings the whole result.

use super::table::MemoryTable;
use crate::connector::OutputMode;
use crate::staging::Staging;
use crate::stream::{Commit, Guarantee, Staged, StreamSink};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use std::sync::Arc;
use thalweg_common::fail_point::{FailPoint, hit};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, ErrorKind, Result};

/// Fills one table for one generation.
#[derive(Debug)]
pub(super) struct MemorySink {
    table: Arc<MemoryTable>,
    staging: Staging,
    /// Whether an epoch replaces the rows of the one before.
    replaces: bool,
    generation: std::sync::OnceLock<Generation>,
}

impl MemorySink {
    pub(super) fn new(table: Arc<MemoryTable>, mode: OutputMode) -> Self {
        let replaces = mode == OutputMode::Complete;
        Self { table, staging: Staging::default(), replaces, generation: std::sync::OnceLock::new() }
    }
}

#[async_trait]
impl StreamSink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn decides_where_to_continue(&self) -> bool {
        // An epoch that is committed again gives the same table, and one that was lost is part of the next.
        !self.replaces
    }

    async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        hit(FailPoint::SinkFence);
        let mut state = self.table.state();
        if let Some(other) = state.generation.filter(|g| *g > generation) {
            return Err(fenced(generation, other));
        }
        state.generation = Some(generation);
        // A sink serves one generation, so the number is set once.
        let own = *self.generation.get_or_init(|| generation);
        if own != generation {
            return Err(Error::internal(format!("a sink of generation {own} was fenced for {generation}")));
        }
        let last = state.last;
        // A fail point may hold this thread while another generation takes the lock.
        drop(state);
        hit(FailPoint::SinkFenced);
        Ok(last)
    }

    async fn last_commit(&self) -> Result<Option<Commit>> {
        Ok(self.table.state().last)
    }

    async fn stage(&self, _epoch: Epoch, _chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        Ok(self.staging.stage(rows))
    }

    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let Some(generation) = self.generation.get().copied() else {
            return Err(Error::internal("an epoch was committed before the sink was fenced"));
        };
        let schema = datafusion::catalog::TableProvider::schema(self.table.as_ref());
        // Taken before the lock: a commit that is refused below has no use for them any more.
        let rows = self.staging.take(&staged, &schema)?;
        hit(FailPoint::SinkCommit);
        // Checked and changed under one lock, so that a generation that is fenced meanwhile commits nothing.
        let mut state = self.table.state();
        if let Some(other) = state.generation.filter(|g| *g != generation) {
            return Err(fenced(generation, other));
        }
        let is_old = |last: &Commit| last.epoch >= epoch && !(self.replaces && last.generation < generation);
        if let Some(last) = state.last.filter(is_old) {
            return Err(if last.generation == generation {
                Error::internal(format!("epoch {epoch} is committed already"))
            } else {
                fenced(generation, last.generation)
            });
        }
        if self.replaces {
            state.batches.clear();
        }
        state.batches.extend(rows);
        state.last = Some(Commit { epoch, generation });
        drop(state);
        hit(FailPoint::SinkCommitted);
        Ok(())
    }
}

fn fenced(own: Generation, other: Generation) -> Error {
    Error::new(
        ErrorKind::StreamingQuery,
        "STREAM_FENCED",
        "XXKST",
        format!("Generation {own} was shut out of a table in memory by generation {other}."),
    )
    .param("generation", own.to_string())
    .param("fencedBy", other.to_string())
}
