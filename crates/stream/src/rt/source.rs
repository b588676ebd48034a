//! The source operator: takes orders from the inbox, applies the first stateless steps, and leaves
//! an epoch when told that it has no more rows.

use super::build::Epochs;
use super::chunk::{Chunk, Permit};
use super::workers::Outlet;
use super::{Descriptor, Order, Report};
use crate::ops::{Prepare, Steps};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use timely::container::NoopBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::source as timely_source;
use timely::dataflow::{Scope, Stream};
use timely::scheduling::SyncActivator;
use tokio::sync::mpsc;

/// Orders that are taken in one activation, so that other operators get their turn.
const ORDERS_PER_TURN: usize = 16;

/// What the source operator works with.
pub(super) struct Intake {
    pub inbox: mpsc::Receiver<Order>,
    pub steps: Steps,
    /// Set if an aggregate follows.
    pub prepare: Option<Prepare>,
    pub epochs: Epochs,
}

impl Intake {
    fn begin(&mut self, descriptor: Descriptor) -> Result<()> {
        self.steps.begin(descriptor.processing_time_us)?;
        self.prepare.iter_mut().try_for_each(|p| p.begin(descriptor.processing_time_us))?;
        self.epochs.start(descriptor);
        Ok(())
    }

    fn chunk(&mut self, batch: RecordBatch, permit: Arc<Permit>) -> Result<Option<Chunk>> {
        let Some(batch) = self.steps.apply(batch)? else { return Ok(None) };
        let batch = match &self.prepare {
            Some(prepare) => prepare.apply(&batch)?,
            None => batch,
        };
        Ok(Some(Chunk { batch: Some(batch), permit: Some(permit) }))
    }
}

pub(super) fn source<'scope>(
    scope: Scope<'scope, u64>,
    first: Epoch,
    mut intake: Intake,
    outlet: Outlet,
    waker: &mut Option<SyncActivator>,
) -> Stream<'scope, u64, Chunk> {
    timely_source::<_, NoopBuilder<Chunk>, _, _>(scope, "source", |mut capability: Capability<u64>, info| {
        *waker = Some(scope.worker().sync_activator_for(info.address.to_vec()));
        let again = scope.activator_for(info.address);
        capability.downgrade(&first.0);
        let mut rows_read = 0u64;
        move |output| {
            for _ in 0..ORDERS_PER_TURN {
                if outlet.poisoned() {
                    return;
                }
                let Ok(order) = intake.inbox.try_recv() else { return };
                match order {
                    Order::Start(d) if d.epoch.0 == *capability.time() => {
                        if let Err(error) = intake.begin(d) {
                            outlet.fail(error);
                        }
                    }
                    Order::Start(d) => {
                        let open = *capability.time();
                        outlet
                            .fail(Error::internal(format!("epoch {} starts while {open} is open", d.epoch)));
                    }
                    Order::Rows(batch, permit) => {
                        rows_read += batch.num_rows() as u64;
                        match intake.chunk(batch, permit) {
                            Ok(None) => {}
                            Ok(Some(mut chunk)) => {
                                output.session_with_builder(&capability).give_container(&mut chunk);
                            }
                            Err(error) => outlet.fail(error),
                        }
                    }
                    Order::End => {
                        let epoch = Epoch(*capability.time());
                        let (rows, times) = (std::mem::take(&mut rows_read), intake.steps.take_times());
                        outlet.send(Report::Read { epoch, rows, times });
                        capability.downgrade(&epoch.next().0);
                    }
                }
            }
            again.activate();
        }
    })
}
