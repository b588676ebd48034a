//! The source operator: executes the commands of its inbox.
//!
//! It holds the capability of the open epoch until the coordinator ends the epoch, so the frontier passes an
//! epoch only after all sources have ended it.

use super::build::EpochTable;
use super::chunk::Chunk;
use super::workers::Reporter;
use super::{Report, WorkerCommand};
use thalweg_common::Error;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::source as timely_source;
use timely::dataflow::{Scope, Stream};
use timely::scheduling::SyncActivator;
use tokio::sync::mpsc;

/// Commands that are executed in one activation, so that other operators of the worker run in between.
const COMMANDS_PER_ACTIVATION: usize = 16;

/// What a source needs.
pub(super) struct SourceState {
    /// The node of the graph.
    pub node: usize,
    pub inbox: mpsc::Receiver<WorkerCommand>,
    pub epochs: EpochTable,
}

pub(super) fn source<'scope>(
    scope: Scope<'scope, u64>,
    first: Epoch,
    mut state: SourceState,
    reporter: Reporter,
    activators: &mut Vec<SyncActivator>,
) -> Stream<'scope, u64, Chunk> {
    timely_source::<_, NoopBuilder<Chunk>, _, _>(scope, "source", |mut capability: Capability<u64>, info| {
        activators.push(scope.worker().sync_activator_for(info.address.to_vec()));
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
                    WorkerCommand::StartEpoch(d) if d.epoch.0 == *capability.time() => state.epochs.start(d),
                    WorkerCommand::StartEpoch(d) => {
                        let open = *capability.time();
                        let message = format!("epoch {} starts while epoch {open} is open", d.epoch);
                        reporter.fail(Error::internal(message));
                    }
                    WorkerCommand::Rows(batch, permit) => {
                        rows_read += batch.num_rows() as u64;
                        let mut chunk = Chunk { batch: Some(batch), permit: Some(permit) };
                        output.session_with_builder(&capability).give_container(&mut chunk);
                    }
                    WorkerCommand::EndEpoch => {
                        let epoch = Epoch(*capability.time());
                        let rows = std::mem::take(&mut rows_read);
                        reporter.send(Report::Read { epoch, node: state.node, rows });
                        capability.downgrade(&epoch.next().0);
                    }
                }
            }
            // There may be more commands, and the other operators run first.
            reactivate.activate();
        }
    })
}
