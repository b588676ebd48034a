//! Runs the epochs of one generation: a loop that takes reports and results and starts whatever may start
//! next.
//!
//! The loop itself performs no I/O and waits for nothing but its four inputs: reports of workers, results of
//! tasks, commands of handles, and the clock. Waiting for anything else could stop the workers, which wait
//! for room in the queue of reports.

mod events;

use super::in_flight::{ExpectedReports, InFlightEpoch, SnapshotStatus};
use super::maintenance::{Compaction, Maintenance};
use super::planner::{PlanOutcome, PlanRequest, ms};
use super::recover::Recovered;
use super::{
    GenerationContext, NO_WATERMARK, PlannedEpoch, STAGES_MAX, SnapshotFiles, StateName, StreamPosition,
    TaskDone, WAITERS_MAX, feed, finish, maintenance, planner, progress,
};
use crate::checkpoint::{FORMAT, FileRef, Manifest, OperatorState, StateFiles};
use crate::error::{protocol_error, too_many_waiters};
use crate::machine::{Machine, ProtocolAction};
use crate::options::Trigger;
use crate::query::Shared;
use crate::rt::{Report, Workers};
use crate::spec::OperatorId;
use crate::state::{KEY_HASH, wants_compaction};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::ids::Epoch;
use thalweg_common::injected_bug::{InjectedBug, is_injected};
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::Subtask;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Delay before a source without new data is polled again. The same as Spark's `pollingDelay`.
const POLL_DELAY: Duration = Duration::from_millis(10);
/// Interval at which an idle query checks whether a later run has claimed the checkpoint.
const GENERATION_CHECK_US: i64 = 1_000_000;

/// Gets a message when everything that was available is committed, or the error that prevents it.
pub(crate) type ProcessAllWaiter = oneshot::Sender<Result<()>>;

/// A command that a query handle sends to the coordinator.
#[derive(Debug)]
pub(crate) enum QueryCommand {
    Stop,
    /// Notify the waiter when everything that is available now is committed.
    ProcessAll(ProcessAllWaiter),
    Drain,
}

/// Whether and when the loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// No further epoch starts; the loop ends when those in flight are committed.
    AfterInFlight,
    Now,
}

/// Runs one generation of a query.
pub(crate) struct Coordinator {
    context: Arc<GenerationContext>,
    shared: Arc<Shared>,
    machine: Machine,
    workers: Workers,
    reports: mpsc::Receiver<Report>,
    commands: mpsc::Receiver<QueryCommand>,
    /// Running tasks. Their number is bounded: a feed per worker, source and epoch in flight, [`STAGES_MAX`] stages,
    /// a snapshot per epoch in flight, one plan, one step of a commit, and two of maintenance.
    tasks: JoinSet<Result<TaskDone>>,
    /// Chunks of output that are being staged.
    stages: usize,
    /// Where the newest planned epoch ends.
    position: StreamPosition,
    in_flight: BTreeMap<Epoch, InFlightEpoch>,
    /// The state that the next manifest names.
    operators: BTreeMap<OperatorId, OperatorState>,
    /// Plans up to this epoch may exist.
    newest_plan: Option<Epoch>,
    planning: bool,
    committing: bool,
    /// Whether the next plan fixes the end of the input first.
    freeze: bool,
    /// Whether the query ends when the input is used up.
    finite: bool,
    /// Whether the query was finite already when the current plan was requested. A plan that was requested
    /// before the input was frozen may find nothing although there is input left.
    plan_may_end_query: bool,
    drain: bool,
    ending: Ending,
    maintenance: Maintenance,
    epochs_planned: u64,
    /// When the next plan is due by the trigger.
    due_us: i64,
    generation_checked_us: i64,
    /// When the current plan was requested.
    triggered_us: i64,
    /// When the epoch that was committed last was triggered.
    previous_triggered_us: Option<i64>,
    /// Waiters that the next plan will serve.
    waiters: Vec<ProcessAllWaiter>,
    /// Waiters that came before the current plan was requested: if it finds nothing new and nothing is in
    /// flight, everything they wait for is committed.
    waiters_on_plan: Vec<ProcessAllWaiter>,
}

impl Coordinator {
    pub(crate) fn new(
        context: Arc<GenerationContext>,
        shared: Arc<Shared>,
        recovered: Recovered,
        (workers, reports): (Workers, mpsc::Receiver<Report>),
        commands: mpsc::Receiver<QueryCommand>,
    ) -> Self {
        let finite = !matches!(context.options.trigger, Trigger::ProcessingTime { .. });
        let now = context.options.clock.now_us();
        Self {
            // A query without an end is drained by a command only.
            drain: finite && context.options.drain_at_end,
            machine: recovered.machine,
            position: recovered.position,
            operators: recovered.operators,
            newest_plan: recovered.newest_plan,
            tasks: JoinSet::new(),
            stages: 0,
            in_flight: BTreeMap::new(),
            planning: false,
            committing: false,
            // The end of the input is fixed before the first plan: what arrives later belongs to the next run.
            freeze: finite,
            finite,
            plan_may_end_query: finite,
            ending: Ending::No,
            maintenance: Maintenance::default(),
            epochs_planned: 0,
            // The first epoch does not wait for the interval, as in Spark.
            due_us: now,
            generation_checked_us: now,
            triggered_us: now,
            previous_triggered_us: None,
            waiters: Vec::new(),
            waiters_on_plan: Vec::new(),
            context,
            shared,
            workers,
            reports,
            commands,
        }
    }

    /// Runs until the query ends. When it returns, no task or thread of the query is left.
    pub(crate) async fn run(mut self) -> Result<()> {
        let outcome = self.run_loop().await;
        // Tasks end first: one of them may wait for room in the inbox of a worker that is about to stop.
        self.tasks.shutdown().await;
        // A worker may wait for room in the queue; closing the queue ends that wait, so that it can be
        // joined.
        self.reports.close();
        self.workers.stop().await;
        outcome
    }

    async fn run_loop(&mut self) -> Result<()> {
        loop {
            self.advance()?;
            if self.is_over() {
                return Ok(());
            }
            let wait = Duration::from_micros(u64::try_from(self.due_us - self.now()).unwrap_or(0));
            let clock = Arc::clone(&self.context.options.clock);
            tokio::select! {
                // While the sink is busy with as many chunks as allowed, reports stay in their queue, and the
                // workers wait: this is the back-pressure of the sink.
                Some(report) = self.reports.recv(), if self.stages < STAGES_MAX => self.on_report(report)?,
                Some(done) = self.tasks.join_next() => {
                    let ended_early = |e| Error::internal(format!("a task of a streaming query ended early: {e}"));
                    self.on_task_done(done.map_err(ended_early)??)?;
                }
                Some(command) = self.commands.recv() => self.on_command(command),
                // Without a plan that may start, only a report, a result or a command can change something.
                () = clock.sleep(wait), if self.may_plan() && !wait.is_zero() => {}
            }
        }
    }

    fn now(&self) -> i64 {
        self.context.options.clock.now_us()
    }

    fn is_over(&self) -> bool {
        match self.ending {
            Ending::No => false,
            Ending::Now => true,
            // A running maintenance task writes to the checkpoint, which the next run may already read.
            Ending::AfterInFlight => {
                self.in_flight.is_empty() && !self.planning && !self.maintenance.is_running()
            }
        }
    }

    /// Starts everything that may start now.
    fn advance(&mut self) -> Result<()> {
        // A waiter for all available data does not wait for the interval.
        if self.may_plan() && (self.now() >= self.due_us || !self.waiters.is_empty()) {
            self.start_plan();
        }
        self.start_snapshots();
        self.start_commit()
    }

    /// Returns whether the next epoch may be planned. Its watermark depends on the event times of all epochs
    /// before it, so these must have been read.
    fn may_plan(&self) -> bool {
        let once = self.context.options.trigger == Trigger::Once && self.epochs_planned > 0;
        !self.planning
            && !once
            && self.ending == Ending::No
            && self.machine.may_plan()
            && self.in_flight.values().all(InFlightEpoch::is_read)
    }

    fn start_plan(&mut self) {
        let epoch = self.machine.next_plan();
        let now = self.now();
        let check_generation = now - self.generation_checked_us >= GENERATION_CHECK_US;
        // The check is a listing of the checkpoint, so it is not made for every poll of an idle source.
        if check_generation {
            self.generation_checked_us = now;
        }
        let request = PlanRequest {
            epoch,
            watermark_us: self.watermark(),
            position: self.position.clone(),
            may_exist: self.newest_plan.is_some_and(|newest| epoch <= newest),
            // The end stays fixed until the next request to fix it, so one request is enough.
            freeze: std::mem::take(&mut self.freeze),
            drain: self.drain && self.context.plan.graph.drains(self.context.plan.output_mode),
            check_generation,
        };
        self.planning = true;
        self.plan_may_end_query = self.finite;
        self.triggered_us = now;
        self.waiters_on_plan.append(&mut self.waiters);
        // Counted from the plan and not from the end of the epoch, so that a slow epoch does not shift those after
        // it.
        self.due_us = self.next_due(now);
        self.tasks.spawn(planner::plan(Arc::clone(&self.context), request));
    }

    /// Computes the watermark by Spark's rule: the greatest event time of all epochs so far, less the delay; the
    /// least of several watermarks. It never decreases.
    fn watermark(&self) -> i64 {
        let observed = self.context.plan.graph.watermarks().map(|(id, delay_us)| {
            let max_ms = self.position.event_times_max_ms.get(id);
            // Without an event time the watermark holds back the others.
            max_ms.map_or(NO_WATERMARK, |max| max.saturating_mul(1000).saturating_sub(delay_us))
        });
        // A watermark that decreased would reopen groups that are already emitted and removed.
        let least = self.position.watermark_us.max(NO_WATERMARK);
        observed.min().map_or(least, |w| w.max(least))
    }

    /// Returns when the plan after the one at `now` is due: at the next multiple of the interval, as in
    /// Spark.
    fn next_due(&self, now: i64) -> i64 {
        match self.context.options.trigger {
            Trigger::ProcessingTime { interval: Some(interval) } if !interval.is_zero() && !self.finite => {
                let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
                (now.div_euclid(interval) + 1).saturating_mul(interval)
            }
            Trigger::ProcessingTime { .. } | Trigger::AvailableNow | Trigger::Once => now,
        }
    }

    fn start_snapshots(&mut self) {
        let now = self.now();
        for in_flight in self.in_flight.values_mut() {
            if in_flight.snapshot == SnapshotStatus::Waiting && in_flight.is_state_known() {
                // Snapshots of two epochs may be written at once; they are different files.
                in_flight.snapshot = SnapshotStatus::Writing;
                in_flight.phases.state_known_us = now;
                let deltas = in_flight.take_deltas();
                self.tasks.spawn(finish::snapshot(Arc::clone(&self.context), in_flight.epoch(), deltas));
            }
        }
    }

    /// Begins to commit the oldest epoch if it is processed. Epochs are committed one after the other.
    fn start_commit(&mut self) -> Result<()> {
        if self.committing {
            return Ok(());
        }
        let now = self.now();
        let manifest = |a: &ProtocolAction| matches!(a, ProtocolAction::Manifest(_));
        let Some(ProtocolAction::Manifest(epoch)) = self.machine.enabled().into_iter().find(manifest) else {
            return Ok(());
        };
        if self.waits_to_mix(epoch) {
            return Ok(());
        }
        // The manifest names what is staged and written, so all of it must be durable.
        let Some(in_flight) = self.in_flight.get_mut(&epoch).filter(|f| f.is_processed()) else {
            return Ok(());
        };
        in_flight.phases.processed_us = now;
        self.committing = true;
        let manifest = self.manifest(epoch)?;
        self.tasks.spawn(finish::manifest(Arc::clone(&self.context), manifest));
        Ok(())
    }

    fn manifest(&mut self, epoch: Epoch) -> Result<Manifest> {
        let mut files = self.snapshot_of(epoch);
        if self.context.hooks.injected.mix_epochs() {
            files.extend(self.snapshot_of(epoch.next()));
        }
        for ((operator, state), file) in files {
            // The list grows in the order of the epochs, in which a recovery applies the files.
            self.state_files((operator, state)).deltas.push(file);
        }
        let generation = self.machine.generation();
        let operators = self.operators.clone();
        let in_flight = self.in_flight_epoch(epoch)?;
        let plan = in_flight.planned.plan.clone();
        Ok(Manifest {
            format: FORMAT,
            epoch,
            generation,
            key_hash: KEY_HASH.to_owned(),
            offsets: plan.ends(),
            watermark_us: plan.watermark_us,
            event_times_max_ms: in_flight.event_times_max_ms.clone(),
            last: plan.last,
            staged: in_flight.staged(),
            operators,
        })
    }

    /// Returns whether a bug that is injected into the process has to wait for the snapshot of the next
    /// epoch, which it needs to do damage. Tests within one process arrange that themselves.
    fn waits_to_mix(&self, epoch: Epoch) -> bool {
        let next = self.in_flight.get(&epoch.next());
        let unwritten = next.is_some_and(|n| !matches!(n.snapshot, SnapshotStatus::Written(_)));
        is_injected(InjectedBug::MixEpochs) && (self.planning || unwritten)
    }

    fn snapshot_of(&self, epoch: Epoch) -> SnapshotFiles {
        match self.in_flight.get(&epoch).map(|e| &e.snapshot) {
            Some(SnapshotStatus::Written(files)) => files.clone(),
            Some(SnapshotStatus::Waiting | SnapshotStatus::Writing) | None => SnapshotFiles::new(),
        }
    }

    fn state_files(&mut self, (operator, state): StateName) -> &mut StateFiles {
        self.operators.entry(operator).or_default().states.entry(state).or_default()
    }

    fn in_flight_epoch(&mut self, epoch: Epoch) -> Result<&mut InFlightEpoch> {
        let unknown = || Error::internal(format!("a report about epoch {epoch}, which is not in flight"));
        self.in_flight.get_mut(&epoch).ok_or_else(unknown)
    }

    fn on_planned(&mut self, outcome: PlanOutcome) -> Result<()> {
        self.planning = false;
        match outcome {
            PlanOutcome::NothingNew => self.on_nothing_new(),
            PlanOutcome::Planned(planned) => {
                // The epoch may contain what the waiters wait for, so the next plan decides about them.
                self.machine.planned(planned.plan.epoch).map_err(|why| protocol_error(&why))?;
                self.waiters.append(&mut self.waiters_on_plan);
                self.start_epoch(planned);
            }
        }
        Ok(())
    }

    fn on_nothing_new(&mut self) {
        if self.plan_may_end_query {
            self.ending = Ending::AfterInFlight;
        }
        let poll_us = self.now() + i64::try_from(POLL_DELAY.as_micros()).unwrap_or(0);
        // Polling without a pause would keep a processor busy while the source has nothing.
        self.due_us = self.due_us.max(poll_us);
        self.notify_waiters();
        self.shared.set_status("Waiting for data to arrive", false, !self.in_flight.is_empty());
    }

    /// Notifies the waiters of the current plan if everything is committed; otherwise the next plan serves
    /// them.
    fn notify_waiters(&mut self) {
        if self.in_flight.is_empty() {
            for waiter in self.waiters_on_plan.drain(..) {
                // Sending fails if the client has gone away, and then nobody needs the notification.
                let _ = waiter.send(Ok(()));
            }
        } else {
            self.waiters.append(&mut self.waiters_on_plan);
        }
    }

    fn start_epoch(&mut self, planned: PlannedEpoch) {
        let plan = planned.plan.clone();
        self.position.offsets = plan.ends();
        self.position.watermark_us = plan.watermark_us;
        self.position.last = plan.last;
        self.epochs_planned += 1;
        // No input follows a drained window, and `once` is one epoch whatever is left.
        if plan.last || self.context.options.trigger == Trigger::Once {
            self.ending = Ending::AfterInFlight;
        }
        self.shared.set_status("Processing new data", true, true);
        let parallelism = self.context.options.workers;
        let (shared, tables) = (Arc::new(plan.clone()), feed::TablesOfEpoch::default());
        for (index, inboxes) in self.workers.inboxes.iter().enumerate() {
            let subtask = Subtask { index, parallelism };
            for (inbox, (id, source)) in inboxes.iter().zip(self.context.plan.graph.sources()) {
                let source = (id.clone(), Arc::clone(source));
                let (context, plan) = (Arc::clone(&self.context), (Arc::clone(&shared), Arc::clone(&tables)));
                self.tasks.spawn(feed::feed(context, inbox.clone(), plan, source, subtask));
            }
        }
        // From here the clock is only reported: no result depends on it.
        let times = (self.triggered_us, self.now());
        let expected = ExpectedReports::of(&self.context.plan.graph, parallelism);
        let in_flight = InFlightEpoch::new(planned, expected, times);
        self.in_flight.insert(plan.epoch, in_flight);
    }

    fn on_recorded(&mut self, epoch: Epoch) {
        self.committing = false;
        // The epoch counts as done only now: until the record exists a recovery may commit it again.
        let Some(in_flight) = self.in_flight.remove(&epoch) else { return };
        let progress = progress::progress(&self.context, &in_flight, self.previous_triggered_us, self.now());
        tracing::debug!(
            epoch = epoch.0,
            rows = in_flight.rows_read(),
            took_ms = ms(self.now() - in_flight.phases.triggered_us),
            "epoch committed"
        );
        self.previous_triggered_us = Some(in_flight.phases.triggered_us);
        self.shared.add_progress(progress);
        if self.in_flight.is_empty() {
            self.shared.set_status("Waiting for next trigger", false, false);
        }
        self.start_maintenance(epoch);
    }

    /// Starts a compaction and a garbage collection after `epoch` if they are due and not running. Neither waits
    /// for the other: a compaction may take longer than many epochs.
    fn start_maintenance(&mut self, epoch: Epoch) {
        self.maintenance.on_recorded(epoch);
        if self.maintenance.may_compact()
            && let Some((of, files)) = self.state_to_compact()
        {
            let base = maintenance::base_name(&self.context, epoch, &of);
            self.maintenance.compaction = Compaction::Running(base.clone());
            self.tasks.spawn(maintenance::compact_state(Arc::clone(&self.context), base, (of, files)));
        }
        // After the compaction is noted: its base has the epoch up to which this collects.
        if !self.maintenance.collecting && maintenance::collects_after(epoch) {
            self.maintenance.collecting = true;
            let spared = self.maintenance.base().cloned();
            self.tasks.spawn(maintenance::collect_garbage(Arc::clone(&self.context), epoch, spared));
        }
    }

    /// Returns a state that is expensive to restore, with its files of now: deltas of later epochs are not in the
    /// base.
    fn state_to_compact(&self) -> Option<(StateName, StateFiles)> {
        let states = self.operators.iter().flat_map(|(id, o)| o.states.iter().map(move |s| (id, s)));
        let (id, (state, files)) = states.into_iter().find(|(_, (_, files))| wants_compaction(files))?;
        Some(((id.clone(), state.clone()), files.clone()))
    }

    /// Lets the next manifest name the new base instead of the files that it replaces. Deltas that were
    /// written since the compaction started stay.
    fn on_compacted(&mut self, of: StateName, replaced: &StateFiles, base: Option<FileRef>) {
        let files = self.state_files(of);
        files.base = base;
        files.deltas.drain(..replaced.deltas.len().min(files.deltas.len()));
        // A manifest that is being written was built before and names the old files.
        let manifest_in_progress = self.committing;
        let next = self.in_flight.keys().next().copied().unwrap_or(self.machine.next_plan());
        self.maintenance.on_compacted(if manifest_in_progress { next.next() } else { next });
    }

    /// Adds a waiter for everything that is available now. Waiters whose client has gone away make room.
    fn add_waiter(&mut self, waiter: ProcessAllWaiter) {
        self.waiters.retain(|w| !w.is_closed());
        self.waiters_on_plan.retain(|w| !w.is_closed());
        if self.waiters.len() + self.waiters_on_plan.len() < WAITERS_MAX {
            self.waiters.push(waiter);
        } else {
            // The client may have gone away, and then nobody needs the error.
            let _ = waiter.send(Err(too_many_waiters(WAITERS_MAX)));
        }
    }

    /// Handles a command of a query handle.
    fn on_command(&mut self, command: QueryCommand) {
        match command {
            // Epochs in flight are not committed: the next start replays them.
            QueryCommand::Stop => self.ending = Ending::Now,
            QueryCommand::ProcessAll(waiter) => self.add_waiter(waiter),
            QueryCommand::Drain => {
                (self.freeze, self.finite, self.drain) = (true, true, true);
                // The user waits, so the interval does not count.
                self.due_us = self.now();
            }
        }
    }
}
