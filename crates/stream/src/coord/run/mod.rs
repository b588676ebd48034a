//! Runs the epochs of one generation: a loop that takes reports and results and starts whatever may start
//! next.
//!
//! The loop itself performs no I/O and waits for nothing but its four inputs: reports of workers, results of
//! tasks, commands of handles, and the clock. Waiting for anything else could stop the workers, which wait
//! for room in the queue of reports.

mod events;

use super::in_flight::{ExpectedReports, InFlightEpoch, SnapshotStatus, TriggerTime};
use super::maintenance::{Maintenance, MergeRequest};
use super::planner::{PlanOutcome, PlanRequest, ms};
use super::recover::Recovered;
use super::{
    GenerationContext, PlannedEpoch, STAGES_MAX, SnapshotRuns, StateName, StreamPosition, TaskDone,
    WAITERS_MAX, feed, finish, maintenance, planner, progress,
};
use crate::checkpoint::{FORMAT, Manifest, OperatorState, StateFiles, StateRun};
use crate::error::{protocol_error, too_many_waiters};
use crate::machine::{Machine, ProtocolAction};
use crate::options::Trigger;
use crate::query::Shared;
use crate::rt::{Report, Workers};
use crate::spec::OperatorId;
use crate::state::KEY_HASH;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::ids::Epoch;
use thalweg_common::injected_bug::{InjectedBug, is_injected};
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::{Commit, Subtask};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Delay before a source without new data is polled again. The same as Spark's `pollingDelay`.
const POLL_DELAY: Duration = Duration::from_millis(10);
/// Interval at which an idle query checks whether a later run has claimed the checkpoint.
const GENERATION_CHECK: Duration = Duration::from_secs(1);

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
    /// When the next plan is due by the trigger. As all times here, by the monotonic clock.
    due: Duration,
    /// The multiple of the trigger's interval at which it is due, by the time of day.
    due_wall_us: Option<i64>,
    generation_checked: Duration,
    /// When the current plan was requested.
    triggered: TriggerTime,
    /// When the epoch that was committed last was triggered.
    previous_triggered: Option<Duration>,
    /// Waiters that the next plan will serve.
    waiters: Vec<ProcessAllWaiter>,
    /// Waiters that came before the current plan was requested: if it finds nothing new and nothing is in
    /// flight, everything they wait for is committed.
    waiters_on_plan: Vec<ProcessAllWaiter>,
    /// Waiters whose plan found nothing new: they wait for the commit of the epoch.
    waiters_on_commit: Vec<(Epoch, ProcessAllWaiter)>,
}

impl Coordinator {
    pub(crate) fn new(
        context: Arc<GenerationContext>,
        shared: Arc<Shared>,
        recovered: Recovered,
        (workers, reports): (Workers, mpsc::Receiver<Report>),
        commands: mpsc::Receiver<QueryCommand>,
    ) -> Self {
        let finite = context.is_finite();
        let now = context.options.clock.monotonic();
        let triggered = TriggerTime { wall_us: context.options.clock.now_us(), monotonic: now };
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
            due: now,
            due_wall_us: None,
            generation_checked: now,
            triggered,
            previous_triggered: None,
            waiters: Vec::new(),
            waiters_on_plan: Vec::new(),
            waiters_on_commit: Vec::new(),
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
        // What an aborted task has begun goes on, such as a commit on a thread that blocks.
        self.context.close().await;
        // A worker may wait for room in the queue; closing the queue ends that wait, so that it can be
        // joined.
        self.reports.close();
        self.workers.stop().await;
        outcome
    }

    async fn run_loop(&mut self) -> Result<()> {
        // A run may have a single epoch, and a merge that starts after it would be in no manifest.
        if let Some(last) = self.machine.next_plan().0.checked_sub(1) {
            self.start_merge(Epoch(last), "restored");
        }
        loop {
            self.advance()?;
            if self.is_over() {
                return Ok(());
            }
            let wait = self.due.saturating_sub(self.now());
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

    fn now(&self) -> Duration {
        self.context.options.clock.monotonic()
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
        if self.may_plan() && (self.now() >= self.due || !self.waiters.is_empty()) {
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
        let check_generation = now.saturating_sub(self.generation_checked) >= GENERATION_CHECK;
        // The check is a listing of the checkpoint, so it is not made for every poll of an idle source.
        if check_generation {
            self.generation_checked = now;
        }
        let request = PlanRequest {
            epoch,
            watermark_us: self.position.watermark(&self.context.plan.graph),
            position: self.position.clone(),
            may_exist: self.newest_plan.is_some_and(|newest| epoch <= newest),
            // The end stays fixed until the next request to fix it, so one request is enough.
            freeze: std::mem::take(&mut self.freeze),
            drain: self.drain && self.context.plan.graph.drains(self.context.plan.output_mode),
            check_generation,
        };
        self.planning = true;
        self.plan_may_end_query = self.finite;
        self.triggered = TriggerTime { wall_us: self.context.options.clock.now_us(), monotonic: now };
        self.waiters_on_plan.append(&mut self.waiters);
        // Counted from the plan and not from the end of the epoch, so that a slow epoch does not shift those after
        // it.
        self.schedule();
        self.tasks.spawn(planner::plan(Arc::clone(&self.context), request));
    }

    /// Sets when the plan after the one that starts now is due: at the next multiple of the interval by the time of
    /// day, as in Spark. The wait until then is monotonic and never longer than two intervals, so a time of day that is
    /// set to another time neither delays nor repeats an epoch.
    fn schedule(&mut self) {
        let TriggerTime { wall_us, monotonic } = self.triggered;
        let was_due = monotonic >= self.due;
        self.due = monotonic;
        let Trigger::ProcessingTime { interval: Some(interval) } = self.context.options.trigger else {
            return;
        };
        if interval.is_zero() || self.finite {
            return;
        }
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let mut next = (wall_us.div_euclid(interval) + 1).saturating_mul(interval);
        // The clocks differ a little in speed, so a plan may start just before the multiple at which it was due.
        if was_due && self.due_wall_us == Some(next) {
            next = next.saturating_add(interval);
        }
        self.due_wall_us = Some(next);
        self.due += Duration::from_micros(next.saturating_sub(wall_us).unsigned_abs());
    }

    fn start_snapshots(&mut self) {
        let now = self.now();
        for in_flight in self.in_flight.values_mut() {
            if in_flight.snapshot == SnapshotStatus::Waiting && in_flight.is_state_known() {
                // Snapshots of two epochs may be written at once; they are different files.
                in_flight.snapshot = SnapshotStatus::Writing;
                in_flight.phases.state_known = now;
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
        if self.waits_to_mix(epoch) || self.waits_for_merge() {
            return Ok(());
        }
        // The manifest names what is staged and written, so all of it must be durable.
        let Some(in_flight) = self.in_flight.get_mut(&epoch).filter(|f| f.is_processed()) else {
            return Ok(());
        };
        in_flight.phases.processed = now;
        self.committing = true;
        let manifest = self.manifest(epoch)?;
        self.tasks.spawn(finish::manifest(Arc::clone(&self.context), manifest));
        Ok(())
    }

    fn manifest(&mut self, epoch: Epoch) -> Result<Manifest> {
        let mut runs = self.snapshot_of(epoch);
        if self.context.hooks.injected.mix_epochs() {
            runs.extend(self.snapshot_of(epoch.next()));
        }
        for (of, run) in runs {
            // The list grows in the order of the epochs, in which a recovery applies the runs.
            self.state_files(of).runs.push(run);
        }
        let generation = self.machine.generation();
        let operators = self.operators.clone();
        let continues = self.context.plan.graph.continues_after_drain();
        let sources = self.context.plan.graph.source_meanings();
        let in_flight = self.in_flight_epoch(epoch)?;
        let plan = in_flight.planned.plan.clone();
        let drained = plan.last && continues;
        Ok(Manifest {
            format: FORMAT,
            epoch,
            generation,
            key_hash: KEY_HASH.to_owned(),
            offsets: plan.ends(),
            sources,
            watermark_us: if drained { in_flight.watermark_after_drain() } else { plan.watermark_us },
            event_times_max_ms: in_flight.event_times_max_ms.clone(),
            processing_time_us: plan.processing_time_us,
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

    fn snapshot_of(&self, epoch: Epoch) -> SnapshotRuns {
        match self.in_flight.get(&epoch).map(|e| &e.snapshot) {
            Some(SnapshotStatus::Written(runs)) => runs.clone(),
            Some(SnapshotStatus::Waiting | SnapshotStatus::Writing) | None => SnapshotRuns::new(),
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
        // Polling without a pause would keep a processor busy while the source has nothing.
        self.due = self.due.max(self.now() + POLL_DELAY);
        self.on_waiters_planned();
        self.shared.set_status("Waiting for data to arrive", false, !self.in_flight.is_empty());
    }

    /// Lets the waiters of a plan that found nothing new wait for the commit of the newest epoch in flight, which has
    /// all that they wait for. No further plan is needed for them.
    fn on_waiters_planned(&mut self) {
        let newest = self.in_flight.keys().next_back().copied();
        for waiter in self.waiters_on_plan.drain(..) {
            match newest {
                Some(epoch) => self.waiters_on_commit.push((epoch, waiter)),
                // Sending fails if the client has gone away, and then nobody needs the notification.
                None => drop(waiter.send(Ok(()))),
            }
        }
    }

    /// Notifies the waiters for the commit of an epoch.
    fn on_waiters_committed(&mut self, committed: Epoch) {
        for (_, waiter) in self.waiters_on_commit.extract_if(.., |(epoch, _)| *epoch <= committed) {
            drop(waiter.send(Ok(())));
        }
    }

    fn start_epoch(&mut self, planned: PlannedEpoch) {
        let plan = planned.plan.clone();
        self.position.offsets = plan.ends();
        self.position.watermark_us = plan.watermark_us;
        self.position.processing_time_us = plan.processing_time_us;
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
        let times = (self.triggered, self.now());
        let expected = ExpectedReports::of(&self.context.plan.graph, parallelism);
        let in_flight = InFlightEpoch::new(planned, expected, times);
        self.in_flight.insert(plan.epoch, in_flight);
    }

    fn on_recorded(&mut self, epoch: Epoch) {
        self.committing = false;
        // The epoch counts as done only now: until the record exists a recovery may commit it again.
        let Some(in_flight) = self.in_flight.remove(&epoch) else { return };
        let (now, triggered) = (self.now(), in_flight.phases.triggered.monotonic);
        let progress = progress::progress(&self.context, &in_flight, self.previous_triggered, now);
        tracing::debug!(
            epoch = epoch.0,
            rows = in_flight.rows_read(),
            took_ms = ms(now.saturating_sub(triggered)),
            "epoch committed"
        );
        self.previous_triggered = Some(triggered);
        self.shared.add_progress(progress);
        self.on_waiters_committed(epoch);
        if self.in_flight.is_empty() {
            self.shared.set_status("Waiting for next trigger", false, false);
        }
        self.start_maintenance(epoch);
    }

    /// Starts a merge of state files and a garbage collection after `epoch` if they are due. Neither waits for the
    /// other: a merge may take longer than many epochs.
    fn start_maintenance(&mut self, epoch: Epoch) {
        self.maintenance.on_recorded(epoch);
        self.start_merge(epoch, "merged");
        // After the merge is noted: the names of its files have the epoch up to which this collects.
        if !self.maintenance.collecting && maintenance::collects_after(epoch) {
            self.maintenance.collecting = true;
            let spared = self.maintenance.spared_prefixes();
            self.tasks.spawn(maintenance::collect_garbage(Arc::clone(&self.context), epoch, spared));
        }
    }

    /// Starts a merge of state files after `epoch` if one is due.
    fn start_merge(&mut self, epoch: Epoch, kind: &str) {
        let states = self.operators.iter().flat_map(|(id, operator)| {
            operator.states.iter().map(move |(state, files)| ((id.clone(), state.clone()), files))
        });
        let commit = Commit { epoch, generation: self.context.generation };
        if let Some(request) = self.maintenance.start_merge(states, (commit, kind)) {
            self.tasks.spawn(maintenance::merge_runs(Arc::clone(&self.context), request));
        }
    }

    /// Returns whether a manifest waits for a merge. Only where the query ends with its input: any other one has further
    /// manifests, and goes on meanwhile.
    fn waits_for_merge(&self) -> bool {
        self.finite && self.maintenance.should_wait(self.operators.values().flat_map(|o| o.states.values()))
    }

    /// Lets the next manifest name the new run instead of those that it replaces.
    fn on_merged(&mut self, request: &MergeRequest, run: StateRun) {
        // A manifest that is being written was built before and names the replaced runs.
        let next = self.in_flight.keys().next().copied().unwrap_or(self.machine.next_plan());
        let named = if self.committing { next.next() } else { next };
        let (operator, state) = request.of.clone();
        let files = self.operators.entry(operator).or_default().states.entry(state).or_default();
        self.maintenance.on_merged(request, run, files, named);
    }

    /// Adds a waiter for everything that is available now. Waiters whose client has gone away make room.
    fn add_waiter(&mut self, waiter: ProcessAllWaiter) {
        self.waiters.retain(|w| !w.is_closed());
        self.waiters_on_plan.retain(|w| !w.is_closed());
        self.waiters_on_commit.retain(|(_, w)| !w.is_closed());
        let waiting = self.waiters.len() + self.waiters_on_plan.len() + self.waiters_on_commit.len();
        if waiting < WAITERS_MAX {
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
            QueryCommand::ProcessAll(waiter) => {
                self.context.plan.graph.sources().for_each(|(_, source)| source.look_now());
                self.add_waiter(waiter);
            }
            QueryCommand::Drain => {
                (self.freeze, self.finite, self.drain) = (true, true, true);
                // The user waits, so the interval does not count.
                self.due = self.now();
            }
        }
    }
}
