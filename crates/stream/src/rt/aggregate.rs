//! The aggregate operator: applies the rows of the oldest open epoch at once, keeps those of the
//! next aside, and closes epochs in order when the frontier has passed them.

use super::build::{Epochs, Shape};
use super::chunk::Chunk;
use super::workers::Outlet;
use super::{Descriptor, Report, StateReport};
use crate::ops::{Aggregate, Steps};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use thalweg_common::Result;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Operator;

struct Keyed {
    aggregate: Aggregate,
    after: Steps,
    shape: Shape,
}

impl Keyed {
    /// Closes an epoch: what to emit, in chunks, and the state to make durable.
    fn close(&mut self, descriptor: Descriptor) -> Result<(Vec<RecordBatch>, StateReport)> {
        self.after.begin(descriptor.processing_time_us)?;
        let closed = self.aggregate.close(descriptor.watermark_us)?;
        let mut chunks = Vec::new();
        if let Some(emit) = closed.emit {
            let step = self.shape.rows_per_chunk.min(emit.num_rows()).max(1);
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
    (aggregate, after, shape): (Aggregate, Steps, Shape),
    epochs: &Epochs,
    (first, outlet): (Epoch, Outlet),
) -> Stream<'scope, u64, Chunk>
where
    P: ParallelizationContract<u64, Chunk>,
{
    let epochs = epochs.clone();
    let scope = rows.scope();
    let mut keyed = Keyed { aggregate, after, shape };
    let mut aside: BTreeMap<u64, Vec<Chunk>> = BTreeMap::new();
    rows.unary_frontier::<NoopBuilder<Chunk>, _, _, _>(pact, "aggregate", |mut capability, info| {
        capability.downgrade(&first.0);
        epochs.wake(scope.activator_for(info.address));
        move |(input, frontier), output| {
            input.for_each(|time, chunk| aside.entry(*time.time()).or_default().push(std::mem::take(chunk)));
            while !outlet.poisoned() {
                let now = *capability.time();
                // A peer may be ahead: its rows wait until this worker has heard of the epoch too.
                let found = epochs.get(now);
                let Some(descriptor) = found else { return };
                let chunks = aside.remove(&now).unwrap_or_default();
                let late = descriptor.late_us;
                let batches = chunks.iter().filter_map(|c| c.batch.as_ref());
                if let Err(error) = batches.into_iter().try_for_each(|b| keyed.aggregate.update(b, late)) {
                    return outlet.fail(error);
                }
                if frontier.less_equal(&now) {
                    return;
                }
                let (emit, state) = match keyed.close(descriptor) {
                    Ok(closed) => closed,
                    Err(error) => return outlet.fail(error),
                };
                for batch in emit {
                    let mut chunk = Chunk { batch: Some(batch), permit: None };
                    output.session_with_builder(&capability).give_container(&mut chunk);
                }
                outlet.send(Report::State { epoch: Epoch(now), worker: shape.worker, state });
                capability.downgrade(&(now + 1));
            }
        }
    })
}
