//! The sink operator: collects an epoch's output and hands it over in pieces that fit the credits.
//!
//! Writing is not its business: the coordinator stages pieces on tokio.

use super::Report;
use super::build::{Epochs, Shape};
use super::chunk::{Chunk, Permit};
use super::workers::Outlet;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

#[derive(Default)]
struct Pending {
    rows: Vec<RecordBatch>,
    permits: Vec<Arc<Permit>>,
    bytes: usize,
    pieces: usize,
}

impl Pending {
    /// Counts what a chunk weighs or what it holds of the credits, whichever is more.
    fn add(&mut self, chunk: Chunk) {
        let Some(batch) = chunk.batch else { return };
        let held = chunk.permit.as_ref().map_or(0, |p| p.bytes);
        self.bytes += batch.get_array_memory_size().max(held);
        self.rows.push(batch);
        self.permits.extend(chunk.permit);
    }

    fn hand_over(&mut self, epoch: Epoch, worker: usize, outlet: &Outlet) {
        if self.rows.is_empty() {
            return;
        }
        let (rows, permits) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.permits));
        outlet.send(Report::Output { epoch, worker, piece: self.pieces, rows, permits });
        self.bytes = 0;
        self.pieces += 1;
    }
}

pub(super) fn sink(
    rows: Stream<'_, u64, Chunk>,
    (first, shape): (Epoch, Shape),
    epochs: Epochs,
    outlet: Outlet,
) {
    let mut pending: BTreeMap<u64, Pending> = BTreeMap::new();
    rows.unary_frontier::<NoopBuilder<Chunk>, _, _, _>(Pipeline, "sink", |mut capability, _| {
        capability.downgrade(&first.0);
        move |(input, frontier), _output| {
            input.for_each(|time, chunk| {
                let epoch = pending.entry(*time.time()).or_default();
                epoch.add(std::mem::take(chunk));
                if epoch.bytes >= shape.piece_bytes {
                    epoch.hand_over(Epoch(*time.time()), shape.worker, &outlet);
                }
            });
            while !outlet.poisoned() && !frontier.less_equal(capability.time()) {
                let epoch = Epoch(*capability.time());
                let mut rest = pending.remove(&epoch.0).unwrap_or_default();
                rest.hand_over(epoch, shape.worker, &outlet);
                outlet.send(Report::Closed { epoch, pieces: rest.pieces });
                epochs.end(epoch);
                capability.downgrade(&epoch.next().0);
            }
        }
    });
}
