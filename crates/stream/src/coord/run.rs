//! The loop: hears what workers and tasks report, and starts whatever may start.

use super::finish::Piece;
use super::flight::{Flight, Snapshot};
use super::planner::{Ask, Planned, ms};
use super::recover::Recovered;
use super::{
    CALLERS_MAX, Context, Cut, Done, NO_WATERMARK, Position, STAGES_MAX, feed, finish, planner, report,
    upkeep,
};
use crate::checkpoint::{FileRef, MANIFEST_FORMAT, Manifest, OperatorFiles};
use crate::error::{crowded, refused};
use crate::machine::{Action, Machine};
use crate::options::Trigger;
use crate::query::Shared;
use crate::rt::{Report, Workers};
use crate::state::{KEY_HASH, wants_compaction};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::ids::Epoch;
use thalweg_common::planted::{Bug, is};
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::Subtask;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How often a source without news is asked again, if the trigger names no interval: Spark's delay.
const POLL: Duration = Duration::from_millis(10);
/// How often an idle query looks whether a later run has taken over.
const CHECK_EVERY_US: i64 = 1_000_000;

/// Who waits for an answer.
pub(crate) type Caller = oneshot::Sender<Result<()>>;

/// What a handle tells the coordinator.
#[derive(Debug)]
pub(crate) enum Command {
    Stop,
    /// Answer when everything that is there now is committed.
    ProcessAll(Caller),
    Drain,
}

/// Why the loop goes on or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// No further epoch; ends when those in flight are committed.
    AfterFlights,
    Now,
}

/// Where the compaction of state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upkeep {
    Idle,
    Busy,
    /// A new base is written; the manifest of this epoch or a later one will name it.
    BaseWritten(Epoch),
}

/// One running generation.
pub(crate) struct Coordinator {
    context: Arc<Context>,
    shared: Arc<Shared>,
    machine: Machine,
    workers: Workers,
    reports: mpsc::Receiver<Report>,
    commands: mpsc::Receiver<Command>,
    /// What runs beside the loop: at most a feed per worker and epoch in flight, [`STAGES_MAX`] pieces, a
    /// snapshot per epoch in flight, one plan, one step of a commit and one of upkeep.
    tasks: JoinSet<Result<Done>>,
    /// Pieces of output that are being written.
    stages: usize,
    /// Where the newest planned epoch ends.
    position: Position,
    flights: BTreeMap<Epoch, Flight>,
    chain: OperatorFiles,
    newest_plan: Option<Epoch>,
    planning: bool,
    finishing: bool,
    freeze: bool,
    finite: bool,
    /// Whether the plan under way may end the query by finding nothing.
    asked_finite: bool,
    drain: bool,
    ending: Ending,
    upkeep: Upkeep,
    planned_here: u64,
    due_us: i64,
    checked_us: i64,
    triggered_us: i64,
    before_us: Option<i64>,
    waiting: Vec<Caller>,
    /// Those that the plan under way answers if it finds nothing.
    asking: Vec<Caller>,
}

impl Coordinator {
    pub(crate) fn new(
        context: Arc<Context>,
        shared: Arc<Shared>,
        recovered: Recovered,
        (workers, reports): (Workers, mpsc::Receiver<Report>),
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let finite = !matches!(context.options.trigger, Trigger::ProcessingTime { .. });
        let now = context.options.clock.now_us();
        Self {
            drain: finite && context.options.drain_at_end,
            machine: recovered.machine,
            position: recovered.position,
            chain: recovered.chain,
            newest_plan: recovered.newest_plan,
            tasks: JoinSet::new(),
            stages: 0,
            flights: BTreeMap::new(),
            planning: false,
            finishing: false,
            freeze: finite,
            finite,
            asked_finite: finite,
            ending: Ending::No,
            upkeep: Upkeep::Idle,
            planned_here: 0,
            due_us: now,
            checked_us: now,
            triggered_us: now,
            before_us: None,
            waiting: Vec::new(),
            asking: Vec::new(),
            context,
            shared,
            workers,
            reports,
            commands,
        }
    }

    /// Runs to the end. Whatever the end, no task or thread is left when it returns.
    pub(crate) async fn run(mut self) -> Result<()> {
        let outcome = self.turns().await;
        self.tasks.shutdown().await;
        self.reports.close();
        self.workers.stop().await;
        outcome
    }

    async fn turns(&mut self) -> Result<()> {
        loop {
            self.advance()?;
            if self.is_over() {
                return Ok(());
            }
            let wait = Duration::from_micros(u64::try_from(self.due_us - self.now()).unwrap_or(0));
            let clock = Arc::clone(&self.context.options.clock);
            tokio::select! {
                Some(report) = self.reports.recv(), if self.stages < STAGES_MAX => self.hear(report)?,
                Some(done) = self.tasks.join_next() => {
                    let done = done.map_err(|e| Error::internal(format!("a stream's task ended early: {e}")))?;
                    self.conclude(done?)?;
                }
                Some(command) = self.commands.recv() => self.obey(command),
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
            Ending::AfterFlights => self.flights.is_empty() && !self.planning && self.upkeep != Upkeep::Busy,
        }
    }

    /// Starts everything that may start now.
    fn advance(&mut self) -> Result<()> {
        if self.may_plan() && (self.now() >= self.due_us || !self.waiting.is_empty()) {
            self.start_plan();
        }
        self.start_snapshots();
        self.start_finish()
    }

    /// The next epoch may be cut when the event times of all before it are known.
    fn may_plan(&self) -> bool {
        let once = self.context.options.trigger == Trigger::Once && self.planned_here > 0;
        !self.planning
            && !once
            && self.ending == Ending::No
            && self.machine.may_plan()
            && self.flights.values().all(Flight::is_read)
    }

    fn start_plan(&mut self) {
        let epoch = self.machine.next_plan();
        let now = self.now();
        let check = now - self.checked_us >= CHECK_EVERY_US;
        if check {
            self.checked_us = now;
        }
        let ask = Ask {
            epoch,
            watermark_us: self.watermark(),
            position: self.position.clone(),
            known: self.newest_plan.is_some_and(|newest| epoch <= newest),
            freeze: std::mem::take(&mut self.freeze),
            drain: self.drain && self.context.program.drains(),
            check,
        };
        self.planning = true;
        self.asked_finite = self.finite;
        self.triggered_us = now;
        self.asking.append(&mut self.waiting);
        self.due_us = self.next_due(now);
        self.tasks.spawn(planner::plan(Arc::clone(&self.context), ask));
    }

    /// Spark's rule: the greatest event time of all epochs so far, less the delay, never back.
    fn watermark(&self) -> i64 {
        let delay = self.context.program.watermark_delay_us();
        let seen = self.position.event_time_max_ms.zip(delay);
        let mark = seen.map(|(max_ms, delay_us)| max_ms.saturating_mul(1000).saturating_sub(delay_us));
        let least = self.position.watermark_us.max(NO_WATERMARK);
        mark.map_or(least, |m| m.max(least))
    }

    fn next_due(&self, now: i64) -> i64 {
        match self.context.options.trigger {
            Trigger::ProcessingTime { interval: Some(interval) } if !interval.is_zero() && !self.finite => {
                let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
                (now.div_euclid(interval) + 1).saturating_mul(interval)
            }
            _ => now,
        }
    }

    fn start_snapshots(&mut self) {
        let now = self.now();
        for flight in self.flights.values_mut() {
            if flight.snapshot == Snapshot::Waiting && flight.state_is_known() {
                flight.snapshot = Snapshot::Writing;
                flight.state_known_us = now;
                let delta = flight.take_delta();
                self.tasks.spawn(finish::snapshot(Arc::clone(&self.context), flight.epoch(), delta));
            }
        }
    }

    /// Begins to commit the oldest epoch if it is processed.
    fn start_finish(&mut self) -> Result<()> {
        if self.finishing {
            return Ok(());
        }
        let now = self.now();
        let manifest = |a: &Action| matches!(a, Action::Manifest(_));
        let Some(Action::Manifest(epoch)) = self.machine.enabled().into_iter().find(manifest) else {
            return Ok(());
        };
        if self.waits_to_mix(epoch) {
            return Ok(());
        }
        let Some(flight) = self.flights.get_mut(&epoch).filter(|f| f.is_processed()) else {
            return Ok(());
        };
        flight.processed_us = now;
        self.finishing = true;
        let manifest = self.manifest(epoch)?;
        self.tasks.spawn(finish::manifest(Arc::clone(&self.context), manifest));
        Ok(())
    }

    fn manifest(&mut self, epoch: Epoch) -> Result<Manifest> {
        let mut files = vec![self.snapshot_of(epoch)];
        if self.context.hooks.planted.mix_epochs() {
            files.push(self.snapshot_of(epoch.next()));
        }
        self.chain.deltas.extend(files.into_iter().flatten());
        let generation = self.machine.generation();
        let fingerprint = self.context.plan.fingerprint.clone();
        let operators = vec![self.chain.clone()];
        let flight = self.flight(epoch)?;
        let plan = flight.cut.plan.clone();
        Ok(Manifest {
            format: MANIFEST_FORMAT,
            epoch,
            generation,
            fingerprint,
            key_hash: KEY_HASH.to_owned(),
            offset: plan.end,
            watermark_us: plan.watermark_us,
            event_time_max_ms: flight.event_time_max_ms,
            last: plan.last,
            staged: flight.staged.values().flatten().cloned().collect(),
            operators,
        })
    }

    /// Whether a bug that is planted into the process still lacks the snapshot of the epoch after, which it needs
    /// for its damage. Tests in one process arrange that themselves.
    fn waits_to_mix(&self, epoch: Epoch) -> bool {
        let next = self.flights.get(&epoch.next());
        let lacks = self.planning || next.is_some_and(|n| !matches!(n.snapshot, Snapshot::Written(_)));
        is(Bug::MixEpochs) && lacks
    }

    fn snapshot_of(&self, epoch: Epoch) -> Option<FileRef> {
        match &self.flights.get(&epoch)?.snapshot {
            Snapshot::Written(file) => file.clone(),
            _ => None,
        }
    }

    fn flight(&mut self, epoch: Epoch) -> Result<&mut Flight> {
        let unknown = || Error::internal(format!("a report about epoch {epoch}, which is not in flight"));
        self.flights.get_mut(&epoch).ok_or_else(unknown)
    }

    /// What a worker reported.
    fn hear(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Read { epoch, rows, times } => {
                self.flight(epoch)?.read(rows, &times);
                self.note_event_times(epoch)?;
            }
            Report::Output { epoch, worker, piece, rows, permits } => {
                let piece = Piece { epoch, place: (worker, piece), rows };
                let stage = finish::stage(Arc::clone(&self.context), piece);
                self.stages += 1;
                self.tasks.spawn(async move {
                    let done = stage.await;
                    drop(permits);
                    done
                });
            }
            Report::State { epoch, worker, state } => {
                self.flight(epoch)?.state.insert(worker, state);
            }
            Report::Closed { epoch, pieces } => self.flight(epoch)?.closed(pieces),
            Report::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// The event times of an epoch count for the next one as soon as all of it is read.
    fn note_event_times(&mut self, epoch: Epoch) -> Result<()> {
        let before = self.position.event_time_max_ms;
        let flight = self.flight(epoch)?;
        if !flight.is_read() {
            return Ok(());
        }
        let seen = (flight.times.count > 0).then_some(flight.times.max_ms);
        flight.event_time_max_ms = before.max(seen);
        self.position.event_time_max_ms = flight.event_time_max_ms;
        Ok(())
    }

    /// What a task did.
    fn conclude(&mut self, done: Done) -> Result<()> {
        match done {
            Done::Planned(planned) => self.planned(planned)?,
            Done::Fed => {}
            Done::Staged { epoch, place, staged, rows } => {
                self.stages -= 1;
                let flight = self.flight(epoch)?;
                flight.staged.insert(place, staged);
                flight.rows_out += rows;
            }
            Done::Snapshot { epoch, file } => {
                let now = self.now();
                let flight = self.flight(epoch)?;
                flight.snapshot = Snapshot::Written(file);
                flight.snapshot_us = now;
            }
            Done::Manifest(epoch) => {
                self.machine.manifest_written(epoch).map_err(|why| refused(&why))?;
                let staged = self.flight(epoch)?.staged.values().flatten().cloned().collect();
                self.tasks.spawn(finish::commit(Arc::clone(&self.context), epoch, staged));
            }
            Done::Committed { epoch, accepted } => {
                self.machine.committed(epoch, accepted).map_err(|why| refused(&why))?;
                let end = self.flight(epoch)?.cut.plan.end.clone();
                self.tasks.spawn(finish::record(Arc::clone(&self.context), epoch, end));
            }
            Done::Recorded { epoch, by } => {
                self.machine.recorded(epoch, by).map_err(|why| refused(&why))?;
                self.recorded(epoch);
            }
            Done::Compacted { replaced, base } => self.compacted(&replaced, base),
            Done::Collected => self.upkeep = Upkeep::Idle,
        }
        Ok(())
    }

    fn planned(&mut self, planned: Planned) -> Result<()> {
        self.planning = false;
        match planned {
            Planned::Nothing => self.nothing_to_plan(),
            Planned::Epoch(cut) => {
                self.machine.planned(cut.plan.epoch).map_err(|why| refused(&why))?;
                self.waiting.append(&mut self.asking);
                self.start_epoch(cut);
            }
        }
        Ok(())
    }

    fn nothing_to_plan(&mut self) {
        if self.asked_finite {
            self.ending = Ending::AfterFlights;
        }
        let poll = self.now() + i64::try_from(POLL.as_micros()).unwrap_or(0);
        self.due_us = self.due_us.max(poll);
        self.answer();
        self.shared.say("Waiting for data to arrive", false, !self.flights.is_empty());
    }

    /// Answers those who asked for everything, if everything is committed; else the next plan will.
    fn answer(&mut self) {
        if self.flights.is_empty() {
            for asking in self.asking.drain(..) {
                // Nobody listens any more if the client went away.
                let _ = asking.send(Ok(()));
            }
        } else {
            self.waiting.append(&mut self.asking);
        }
    }

    fn start_epoch(&mut self, cut: Cut) {
        let plan = cut.plan.clone();
        self.position.offset.clone_from(&plan.end);
        self.position.watermark_us = plan.watermark_us;
        self.position.last = plan.last;
        self.planned_here += 1;
        if plan.last || self.context.options.trigger == Trigger::Once {
            self.ending = Ending::AfterFlights;
        }
        self.shared.say("Processing new data", true, true);
        let parallelism = self.context.options.workers;
        for (index, inbox) in self.workers.inboxes.iter().enumerate() {
            let subtask = Subtask { index, parallelism };
            self.tasks.spawn(feed::feed(Arc::clone(&self.context), inbox.clone(), plan.clone(), subtask));
        }
        let times = (self.triggered_us, self.now());
        let flight = Flight::new(cut, parallelism, self.context.program.is_stateful(), times);
        self.flights.insert(plan.epoch, flight);
    }

    fn recorded(&mut self, epoch: Epoch) {
        self.finishing = false;
        let Some(flight) = self.flights.remove(&epoch) else { return };
        let progress = report::progress(&self.context, &flight, self.before_us, self.now());
        tracing::debug!(
            epoch = epoch.0,
            rows = flight.rows,
            took_ms = ms(self.now() - flight.triggered_us),
            "epoch committed"
        );
        self.before_us = Some(flight.triggered_us);
        self.shared.note(progress);
        if self.flights.is_empty() {
            self.shared.say("Waiting for next trigger", false, false);
        }
        self.keep_up(epoch);
    }

    /// Starts compaction or collection, one at a time.
    fn keep_up(&mut self, epoch: Epoch) {
        if let Upkeep::BaseWritten(named) = self.upkeep
            && epoch >= named
        {
            self.upkeep = Upkeep::Idle;
        }
        if self.upkeep != Upkeep::Idle {
            return;
        }
        if wants_compaction(&self.chain) {
            self.upkeep = Upkeep::Busy;
            let files = self.chain.clone();
            self.tasks.spawn(upkeep::compaction(Arc::clone(&self.context), epoch, files));
        } else if epoch.0 % upkeep::COLLECT_EVERY == upkeep::COLLECT_EVERY - 1 {
            self.upkeep = Upkeep::Busy;
            self.tasks.spawn(upkeep::collect(Arc::clone(&self.context), epoch));
        }
    }

    /// The next manifest names the new base instead of what it replaces. Deltas that came meanwhile stay.
    fn compacted(&mut self, replaced: &OperatorFiles, base: Option<FileRef>) {
        self.chain.base = base;
        self.chain.deltas.drain(..replaced.deltas.len().min(self.chain.deltas.len()));
        let manifest_under_way = self.finishing;
        let next = self.flights.keys().next().copied().unwrap_or(self.machine.next_plan());
        self.upkeep = Upkeep::BaseWritten(if manifest_under_way { next.next() } else { next });
    }

    /// Keeps a caller until everything is committed. Callers that went away make room.
    fn wait(&mut self, caller: Caller) {
        self.waiting.retain(|c| !c.is_closed());
        self.asking.retain(|c| !c.is_closed());
        if self.waiting.len() + self.asking.len() < CALLERS_MAX {
            self.waiting.push(caller);
        } else {
            let _ = caller.send(Err(crowded(CALLERS_MAX)));
        }
    }

    /// What a handle wants.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Stop => self.ending = Ending::Now,
            Command::ProcessAll(answer) => self.wait(answer),
            Command::Drain => {
                (self.freeze, self.finite, self.drain) = (true, true, true);
                self.due_us = self.now();
            }
        }
    }
}
