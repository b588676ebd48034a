//! The aggregate operator: applies the rows of the oldest open epoch and closes epochs in order.
//!
//! Two epochs may be in flight, so rows of the next epoch can arrive early. They are buffered until the
//! current epoch is closed; otherwise its snapshot would contain state of the next one.

use super::build::{EpochTable, OperatorContext};
use super::chunk::Chunk;
use super::workers::Reporter;
use super::{EpochDescriptor, Report, StateReport};
use crate::ops::{Aggregate, Steps};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use thalweg_common::Result;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Operator;

struct AggregateOperator {
    aggregate: Aggregate,
    after: Steps,
    context: OperatorContext,
}

impl AggregateOperator {
    /// Closes an epoch; returns the rows to emit, in chunks, and the state changes.
    fn close(&mut self, descriptor: EpochDescriptor) -> Result<(Vec<RecordBatch>, StateReport)> {
        // The steps above the aggregate see the time of the epoch that is closed.
        self.after.start_epoch(descriptor.processing_time_us)?;
        let closed = self.aggregate.close(descriptor.watermark_us)?;
        let mut chunks = Vec::new();
        if let Some(emit) = closed.emit {
            // The watermark may close all groups at once, which are far more rows than a chunk should have.
            let step = self.context.rows_per_chunk.min(emit.num_rows()).max(1);
            for from in (0..emit.num_rows()).step_by(step) {
                let rows = step.min(emit.num_rows() - from);
                chunks.extend(self.after.apply(emit.slice(from, rows))?);
            }
        }
        let state = StateReport {
            delta: closed.delta,
            rows_total: closed.rows_total,
            rows_updated: closed.rows_updated,
            rows_removed: closed.rows_removed,
            groups_late: closed.groups_late,
            rows_late: closed.rows_late,
            memory_bytes: closed.memory_bytes,
        };
        Ok((chunks, state))
    }
}

pub(super) fn aggregate<'scope, P>(
    rows: Stream<'scope, u64, Chunk>,
    pact: P,
    (aggregate, after, context): (Aggregate, Steps, OperatorContext),
    epochs: &EpochTable,
    (first, reporter): (Epoch, Reporter),
) -> Stream<'scope, u64, Chunk>
where
    P: ParallelizationContract<u64, Chunk>,
{
    let epochs = epochs.clone();
    let scope = rows.scope();
    let mut operator = AggregateOperator { aggregate, after, context };
    let mut buffered: BTreeMap<u64, Vec<Chunk>> = BTreeMap::new();
    rows.unary_frontier::<NoopBuilder<Chunk>, _, _, _>(pact, "aggregate", |mut capability, info| {
        capability.downgrade(&first.0);
        // Rows may be buffered when the epoch starts here, and no input would wake the operator.
        epochs.activate_on_start(scope.activator_for(info.address));
        move |(input, frontier), output| {
            input.for_each(|time, chunk| {
                buffered.entry(*time.time()).or_default().push(std::mem::take(chunk));
            });
            while !reporter.is_stopping() {
                let now = *capability.time();
                // Another worker may have started the epoch already; its rows wait until this one starts it
                // too.
                let Some(descriptor) = epochs.get(now) else { return };
                let chunks = buffered.remove(&now).unwrap_or_default();
                let late_us = descriptor.late_us;
                // Rows are applied as they come; the credits of their chunks return when the chunks are dropped.
                let mut batches = chunks.iter().filter_map(|c| c.batch.as_ref());
                if let Err(error) = batches.try_for_each(|b| operator.aggregate.update(b, late_us)) {
                    return reporter.fail(error);
                }
                // Another worker may still send rows of this epoch.
                if frontier.less_equal(&now) {
                    return;
                }
                let (emit, state) = match operator.close(descriptor) {
                    Ok(closed) => closed,
                    Err(error) => return reporter.fail(error),
                };
                for batch in emit {
                    // What leaves is not the input any more, so it holds none of the credits of the input.
                    let mut chunk = Chunk { batch: Some(batch), permit: None };
                    output.session_with_builder(&capability).give_container(&mut chunk);
                }
                reporter.send(Report::State { epoch: Epoch(now), worker: context.worker, state });
                capability.downgrade(&(now + 1));
            }
        }
    })
}
