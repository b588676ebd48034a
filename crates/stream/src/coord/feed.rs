//! From the source to the workers: one task per worker and epoch, bounded by credits and inboxes.

use super::{Context, Done};
use crate::checkpoint::Plan;
use crate::rt::{Descriptor, Inbox, Order};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::stream::Subtask;

/// Starts an epoch on one worker, gives it its share of the rows, and ends it.
pub(crate) async fn feed(context: Arc<Context>, inbox: Inbox, plan: Plan, subtask: Subtask) -> Result<Done> {
    let descriptor = Descriptor {
        epoch: plan.epoch,
        watermark_us: plan.watermark_us,
        late_us: plan.late_us,
        processing_time_us: plan.processing_time_us,
    };
    if !inbox.send(Order::Start(descriptor)).await {
        return Ok(Done::Fed);
    }
    if let (true, Some(end)) = (plan.reads, &plan.end) {
        let mut rows = context.plan.source.read(plan.start.as_ref(), end, subtask).await?;
        while let Some(batch) = rows.try_next().await? {
            if !hand_over(&context, &inbox, batch).await? {
                return Ok(Done::Fed);
            }
        }
    }
    inbox.send(Order::End).await;
    Ok(Done::Fed)
}

/// False if the worker has ended.
async fn hand_over(context: &Context, inbox: &Inbox, batch: RecordBatch) -> Result<bool> {
    let rows = batch.num_rows();
    // A slice shares the buffers of its batch: it weighs its share of them.
    let bytes_per_row = batch.get_array_memory_size().div_ceil(rows.max(1));
    let step = context.options.rows_per_chunk_max.max(1);
    for from in (0..rows).step_by(step) {
        let chunk = batch.slice(from, step.min(rows - from));
        let permit = context.credits.take(chunk.num_rows() * bytes_per_row).await?;
        if !inbox.send(Order::Rows(chunk, permit)).await {
            return Ok(false);
        }
    }
    Ok(true)
}
