//! Handles what the loop receives: reports of workers and results of tasks.

use super::Coordinator;
use crate::coord::finish::OutputChunk;
use crate::coord::in_flight::SnapshotStatus;
use crate::coord::{TaskDone, finish};
use crate::error::protocol_error;
use crate::rt::Report;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::Epoch;

impl Coordinator {
    /// Handles a report of a worker.
    pub(super) fn on_report(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Read { epoch, node, rows } => {
                self.in_flight_epoch(epoch)?.worker_read(node, rows);
                self.observe_event_times(epoch)?;
            }
            Report::Observed { epoch, node, times } => {
                self.in_flight_epoch(epoch)?.worker_observed(node, &times);
                self.observe_event_times(epoch)?;
            }
            Report::Output { epoch, id, rows, permits } => {
                let stage = finish::stage(Arc::clone(&self.context), OutputChunk { epoch, id, rows });
                self.stages += 1;
                self.tasks.spawn(async move {
                    let done = stage.await;
                    // The credits bound the bytes inside the query, and these rows are inside until staged.
                    drop(permits);
                    done
                });
            }
            Report::State { epoch, worker, node, state } => {
                self.in_flight_epoch(epoch)?.state.insert((node, worker), state);
            }
            Report::Closed { epoch, chunks } => self.in_flight_epoch(epoch)?.worker_closed(chunks),
            Report::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes the event times of an epoch count for the next watermark once the epoch is read by all workers.
    fn observe_event_times(&mut self, epoch: Epoch) -> Result<()> {
        let context = Arc::clone(&self.context);
        let mut times_max_ms = self.position.event_times_max_ms.clone();
        let in_flight = self.in_flight_epoch(epoch)?;
        // A part of the rows would give a lower watermark, which another number of workers would not give.
        if !in_flight.is_read() {
            return Ok(());
        }
        for (node, times) in in_flight.times.iter().filter(|(_, times)| times.count > 0) {
            let Some(node) = context.plan.graph.nodes().get(*node) else { continue };
            let max = times_max_ms.entry(node.id.clone()).or_insert(times.max_ms);
            *max = (*max).max(times.max_ms);
        }
        // Kept with the epoch too: its manifest must not contain the times of epochs that are read after it.
        in_flight.event_times_max_ms.clone_from(&times_max_ms);
        self.position.event_times_max_ms = times_max_ms;
        Ok(())
    }

    /// Handles the result of a task.
    pub(super) fn on_task_done(&mut self, done: TaskDone) -> Result<()> {
        match done {
            TaskDone::Planned(outcome) => self.on_planned(outcome)?,
            TaskDone::Fed => {}
            TaskDone::Staged { epoch, id, staged, rows } => {
                // One stage less lets the loop receive reports again.
                self.stages -= 1;
                let in_flight = self.in_flight_epoch(epoch)?;
                in_flight.staged.insert(id, staged);
                in_flight.rows_out += rows;
            }
            TaskDone::Snapshot { epoch, runs } => {
                let now = self.now();
                let in_flight = self.in_flight_epoch(epoch)?;
                in_flight.snapshot = SnapshotStatus::Written(runs);
                in_flight.phases.snapshot_written = now;
            }
            TaskDone::Manifest(epoch) => {
                self.machine.manifest_written(epoch).map_err(|why| protocol_error(&why))?;
                let staged = self.in_flight_epoch(epoch)?.staged();
                self.tasks.spawn(finish::commit(Arc::clone(&self.context), epoch, staged));
            }
            TaskDone::Committed { epoch, accepted } => {
                self.machine.committed(epoch, accepted).map_err(|why| protocol_error(&why))?;
                // The sources may forget their input only after the commit is recorded.
                let ends = self.in_flight_epoch(epoch)?.planned.plan.ends();
                self.tasks.spawn(finish::record(Arc::clone(&self.context), epoch, ends));
            }
            TaskDone::Recorded { epoch, by } => {
                self.machine.recorded(epoch, by).map_err(|why| protocol_error(&why))?;
                self.on_recorded(epoch);
            }
            TaskDone::Merged { request, run } => self.on_merged(&request, run),
            TaskDone::Collected => self.maintenance.collecting = false,
        }
        Ok(())
    }
}
