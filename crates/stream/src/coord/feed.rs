//! Reads one worker's share of one source in an epoch and sends it to the worker.
//!
//! One task runs per worker, source and epoch. Credits bound the bytes, and the inbox of the worker bounds the
//! chunks.

use super::retry::retry_if;
use super::{GenerationContext, TaskDone};
use crate::checkpoint::EpochPlan;
use crate::ops::{EpochDescriptor, EpochTables};
use crate::rt::{Inbox, WorkerCommand};
use crate::spec::{OperatorId, StaticRead, row_bytes};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::stream::{StreamSource, Subtask};
use tokio::sync::OnceCell;

/// The most bytes of a bounded table that a stream is joined with: each worker has an index over all of its rows.
pub(crate) const STATIC_TABLE_BYTES_MAX: usize = 256 << 20;

/// The bounded tables of an epoch, which are read once for all workers.
pub(crate) type TablesOfEpoch = Arc<OnceCell<Arc<EpochTables>>>;

/// Starts an epoch of a source on one worker, sends it the worker's share of the rows, and ends the epoch.
pub(crate) async fn feed(
    context: Arc<GenerationContext>,
    inbox: Inbox,
    (plan, tables): (Arc<EpochPlan>, TablesOfEpoch),
    (id, source): (OperatorId, Arc<dyn StreamSource>),
    subtask: Subtask,
) -> Result<TaskDone> {
    // Whichever task comes first reads them, so that all workers join with the same rows.
    let tables = tables.get_or_try_init(|| read_tables(&context, &plan)).await?;
    let descriptor = EpochDescriptor {
        epoch: plan.epoch,
        watermark_us: plan.watermark_us,
        late_us: plan.late_us,
        processing_time_us: plan.processing_time_us,
        tables: Arc::clone(tables),
    };
    if !inbox.send(WorkerCommand::StartEpoch(descriptor)).await {
        return Ok(TaskDone::Fed);
    }
    // An epoch without new data still runs: its watermark closes groups.
    if let Some(range) = plan.sources.get(&id).filter(|r| r.reads)
        && let Some(end) = &range.end
    {
        let mut rows = source.read(range.start.as_ref(), end, subtask).await?;
        while let Some(batch) = rows.try_next().await? {
            if !send_batch(&context, &inbox, batch).await? {
                return Ok(TaskDone::Fed);
            }
        }
    }
    inbox.send(WorkerCommand::EndEpoch).await;
    Ok(TaskDone::Fed)
}

/// Reads the bounded tables that an epoch joins with.
///
/// Neither rows nor state of an epoch that is not committed survive, so an epoch that is repeated may read other rows
/// than before: those that it commits are of one state of the table.
async fn read_tables(context: &GenerationContext, plan: &EpochPlan) -> Result<Arc<EpochTables>> {
    let mut tables = EpochTables::new();
    for (id, table) in context.plan.graph.static_tables() {
        let (bytes_max, processing_time_us) = (STATIC_TABLE_BYTES_MAX, plan.processing_time_us);
        let read = || table.read(StaticRead { bytes_max, processing_time_us });
        tables.insert(id.clone(), retry_if(context, ("read of a table", may_pass), read).await?);
    }
    Ok(Arc::new(tables))
}

/// Returns whether a table that could not be read may be readable later, as it is opened again.
fn may_pass(error: &Error) -> bool {
    // A table that is replaced while it is read may be absent for a moment, and the error about a file of which one half
    // is new is whatever its reader finds first.
    error.class().starts_with("FAILED_READ_FILE")
        || error.class() == "PATH_NOT_FOUND"
        || error.kind() == ErrorKind::Internal
}

/// Sends a batch in chunks; returns false if the worker has ended.
async fn send_batch(context: &GenerationContext, inbox: &Inbox, batch: RecordBatch) -> Result<bool> {
    let rows = batch.num_rows();
    let step = context.options.rows_per_chunk_max.max(1);
    for from in (0..rows).step_by(step) {
        let chunk = batch.slice(from, step.min(rows - from));
        // Waiting here is the back-pressure: the source is not read faster than rows leave the query.
        let permit = context.credits.take(row_bytes(&chunk)).await?;
        if !inbox.send(WorkerCommand::Rows(chunk, permit)).await {
            return Ok(false);
        }
    }
    Ok(true)
}
