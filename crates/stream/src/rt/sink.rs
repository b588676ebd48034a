//! The sink operator: collects the output of an epoch and reports it in chunks.
//!
//! It writes nothing: the coordinator stages the chunks on tokio. A chunk is bounded in bytes, so that
//! collecting cannot hold all credits while the source waits for some.

use super::build::{EpochTable, OperatorContext};
use super::chunk::{Chunk, Permit};
use super::workers::Reporter;
use super::{OutputChunkId, Report};
use crate::spec::row_bytes;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

/// Output of one epoch that is not reported yet.
#[derive(Default)]
struct PendingOutput {
    rows: Vec<RecordBatch>,
    permits: Vec<Arc<Permit>>,
    bytes: usize,
    /// Chunks that were reported.
    chunks: usize,
}

impl PendingOutput {
    /// Adds a chunk. It counts with its own size or with the credits that it holds, whichever is more: a
    /// filtered chunk is small and still holds the credits of all its rows.
    fn add(&mut self, chunk: Chunk) {
        let Some(batch) = chunk.batch else { return };
        let held = chunk.permit.as_ref().map_or(0, |p| p.bytes);
        self.bytes += row_bytes(&batch).max(held);
        self.rows.push(batch);
        self.permits.extend(chunk.permit);
    }

    fn report(&mut self, epoch: Epoch, worker: usize, reporter: &Reporter) {
        if self.rows.is_empty() {
            return;
        }
        let (rows, permits) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.permits));
        let id = OutputChunkId { worker, number: self.chunks };
        reporter.send(Report::Output { epoch, id, rows, permits });
        self.bytes = 0;
        self.chunks += 1;
    }
}

pub(super) fn sink(
    rows: Stream<'_, u64, Chunk>,
    context: OperatorContext,
    epochs: EpochTable,
    reporter: Reporter,
) {
    let mut pending: BTreeMap<u64, PendingOutput> = BTreeMap::new();
    rows.unary_frontier::<NoopBuilder<Chunk>, _, _, _>(Pipeline, "sink", |mut capability, _| {
        capability.downgrade(&context.first.0);
        move |(input, frontier), _output| {
            input.for_each(|time, chunk| {
                let output = pending.entry(*time.time()).or_default();
                output.add(std::mem::take(chunk));
                // Reported early, so that rows that wait for the sink do not hold all credits.
                if output.bytes >= context.output_chunk_bytes {
                    output.report(Epoch(*time.time()), context.worker, &reporter);
                }
            });
            while !reporter.is_stopping() && !frontier.less_equal(capability.time()) {
                let epoch = Epoch(*capability.time());
                let mut rest = pending.remove(&epoch.0).unwrap_or_default();
                rest.report(epoch, context.worker, &reporter);
                reporter.send(Report::Closed { epoch, chunks: rest.chunks });
                // The sink is the last operator, so nothing asks for the descriptor any more.
                epochs.end(epoch);
                capability.downgrade(&epoch.next().0);
            }
        }
    });
}
