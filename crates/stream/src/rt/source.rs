//! The source operator: executes the commands of the inbox and applies the first stateless steps.
//!
//! It holds the capability of the open epoch until the coordinator ends the epoch, so the frontier passes an
//! epoch only after all sources have ended it.

use super::build::EpochTable;
use super::chunk::{Chunk, Permit};
use super::workers::Reporter;
use super::{EpochDescriptor, Report, WorkerCommand};
use crate::ops::{AggregateInput, Steps};
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

/// Commands that are executed in one activation, so that other operators of the worker run in between.
const COMMANDS_PER_ACTIVATION: usize = 16;

/// The state of the source operator.
pub(super) struct SourceState {
    pub inbox: mpsc::Receiver<WorkerCommand>,
    pub steps: Steps,
    /// Present if an aggregate follows.
    pub aggregate_input: Option<AggregateInput>,
    pub epochs: EpochTable,
}

impl SourceState {
    fn start_epoch(&mut self, descriptor: EpochDescriptor) -> Result<()> {
        // The time of the epoch replaces `current_timestamp` in all steps before the first row.
        self.steps.start_epoch(descriptor.processing_time_us)?;
        self.aggregate_input.iter_mut().try_for_each(|a| a.start_epoch(descriptor.processing_time_us))?;
        self.epochs.start(descriptor);
        Ok(())
    }

    fn process(&mut self, batch: RecordBatch, permit: Arc<Permit>) -> Result<Option<Chunk>> {
        let Some(batch) = self.steps.apply(batch)? else { return Ok(None) };
        let batch = match &self.aggregate_input {
            Some(aggregate_input) => aggregate_input.apply(&batch)?,
            None => batch,
        };
        Ok(Some(Chunk { batch: Some(batch), permit: Some(permit) }))
    }
}

pub(super) fn source<'scope>(
    scope: Scope<'scope, u64>,
    first: Epoch,
    mut state: SourceState,
    reporter: Reporter,
    activator: &mut Option<SyncActivator>,
) -> Stream<'scope, u64, Chunk> {
    timely_source::<_, NoopBuilder<Chunk>, _, _>(scope, "source", |mut capability: Capability<u64>, info| {
        *activator = Some(scope.worker().sync_activator_for(info.address.to_vec()));
        let reactivate = scope.activator_for(info.address);
        // Epochs before the restored one are over, so nothing waits for them.
        capability.downgrade(&first.0);
        let mut rows_read = 0u64;
        move |output| {
            for _ in 0..COMMANDS_PER_ACTIVATION {
                // Another worker may have failed: its rows are missing, so no epoch may be closed.
                if reporter.is_stopping() {
                    return;
                }
                // Without a command the operator sleeps until the inbox activates it.
                let Ok(command) = state.inbox.try_recv() else { return };
                match command {
                    WorkerCommand::StartEpoch(d) if d.epoch.0 == *capability.time() => {
                        if let Err(error) = state.start_epoch(d) {
                            reporter.fail(error);
                        }
                    }
                    WorkerCommand::StartEpoch(d) => {
                        let open = *capability.time();
                        let message = format!("epoch {} starts while epoch {open} is open", d.epoch);
                        reporter.fail(Error::internal(message));
                    }
                    WorkerCommand::Rows(batch, permit) => {
                        rows_read += batch.num_rows() as u64;
                        match state.process(batch, permit) {
                            Ok(None) => {}
                            Ok(Some(mut chunk)) => {
                                output.session_with_builder(&capability).give_container(&mut chunk);
                            }
                            Err(error) => reporter.fail(error),
                        }
                    }
                    WorkerCommand::EndEpoch => {
                        let epoch = Epoch(*capability.time());
                        // Reported before the frontier moves: the coordinator plans the next watermark from these
                        // times.
                        let (rows, times) = (std::mem::take(&mut rows_read), state.steps.take_times());
                        reporter.send(Report::Read { epoch, rows, times });
                        capability.downgrade(&epoch.next().0);
                    }
                }
            }
            // There may be more commands, and the other operators run first.
            reactivate.activate();
        }
    })
}
