//! Starts, wakes and stops the worker threads, and handles a panic in one of them.
//!
//! The threads are spawned here, since timely's own start-up can neither be stopped nor catches panics. The
//! peers of a worker that panics would wait for it for ever, so the panic is caught and reported, and a flag
//! stops the whole set: every worker checks the flag between two steps.

use super::build::{Dataflow, RestoredRows, build};
use super::{INBOX_MAX, REPORTS_MAX, Report, WorkerCommand};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use timely::communication::allocator::ProcessBuilder;
use timely::communication::{Allocator, Hooks};
use timely::scheduling::SyncActivator;
use timely::worker::Worker;
use tokio::sync::{mpsc, oneshot};

/// Longest time that an idle worker sleeps before it checks the stop flag.
const PARK_MAX: Duration = Duration::from_millis(100);

/// Sends the reports of a worker, and holds the flag that stops the set.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    reports: mpsc::Sender<Report>,
    stop: Arc<AtomicBool>,
}

impl Reporter {
    /// Sends a report; waits while the queue holds [`REPORTS_MAX`]. After the receiver is gone the report is
    /// dropped: the generation is over, and the worker ends soon.
    ///
    /// The wait ends, since whatever empties the queue never waits for a worker:
    ///
    /// * The coordinator receives a report without awaiting anything else, unless
    ///   [`STAGES_MAX`](crate::coord::STAGES_MAX) chunks of output are being staged. Staging ends by itself:
    ///   it is I/O of the sink, which needs neither credits nor rows. Until then the coordinator does
    ///   everything else.
    /// * Tasks that fill inboxes may wait for workers and for credits, but nothing waits for such a task.
    /// * Before the coordinator joins the threads it closes the queue, which ends all waits.
    /// * Before the coordinator receives anything, a worker has at most one report to send.
    pub(crate) fn send(&self, report: Report) {
        // The error says that the coordinator is gone, and then nobody reads reports.
        let _ = self.reports.blocking_send(report);
    }

    /// Reports an error and stops all workers.
    pub(crate) fn fail(&self, error: Error) {
        // Before the flag: the coordinator must not see workers that stop without a reason.
        self.send(Report::Failed(error));
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// Sends commands to one source on one worker.
#[derive(Clone)]
pub(crate) struct Inbox {
    commands: mpsc::Sender<WorkerCommand>,
    source: Arc<SyncActivator>,
}

impl Inbox {
    /// Sends a command; waits while the inbox is full. Returns false if the worker has ended, which it has
    /// then reported itself.
    pub(crate) async fn send(&self, command: WorkerCommand) -> bool {
        let sent = self.commands.send(command).await.is_ok();
        // A parked worker does not look into its inbox by itself.
        sent && self.source.activate().is_ok()
    }
}

/// The workers of one generation. Dropping them stops them without waiting.
pub(crate) struct Workers {
    /// By worker, then by source in the order of the graph.
    pub inboxes: Vec<Vec<Inbox>>,
    reporter: Reporter,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts a worker per element of `restored` that continues with the epoch `first`. Returns when all have
    /// restored what they received.
    pub(crate) async fn start(
        dataflow: Dataflow,
        first: Epoch,
        restored: Vec<mpsc::Receiver<RestoredRows>>,
    ) -> Result<(Self, mpsc::Receiver<Report>)> {
        let (reports, reports_rx) = mpsc::channel(REPORTS_MAX);
        let reporter = Reporter { reports, stop: Arc::new(AtomicBool::new(false)) };
        let mut set = Self { inboxes: Vec::new(), reporter: reporter.clone(), threads: Vec::new() };
        let mut starting: Vec<(Vec<_>, _)> = Vec::new();
        let peers = ProcessBuilder::new_typed_vector(restored.len(), Hooks::default().refill, None);
        for (index, (peer, restored)) in peers.into_iter().zip(restored).enumerate() {
            let (commands, inboxes) = (0..dataflow.sources()).map(|_| mpsc::channel(INBOX_MAX)).unzip();
            let (started, on_started) = oneshot::channel();
            let dataflow = dataflow.clone();
            let start = WorkerStart { index, first, dataflow, restored, inboxes, started };
            // If one does not start, dropping the set stops those that did.
            let thread = spawn(peer, start, reporter.clone())?;
            set.threads.push(thread);
            starting.push((commands, on_started));
        }
        for (commands, on_started) in starting {
            let not_started = |_| Error::internal("a worker of a streaming query did not start");
            let sources = on_started.await.map_err(not_started)??;
            let inbox = |(commands, source)| Inbox { commands, source: Arc::new(source) };
            set.inboxes.push(commands.into_iter().zip(sources).map(inbox).collect());
        }
        Ok((set, reports_rx))
    }

    /// Stops all workers and waits until their threads have ended. The receiver of the reports must be closed
    /// before, since a worker may be waiting for room.
    pub(crate) async fn stop(mut self) {
        self.signal_stop();
        let threads = std::mem::take(&mut self.threads);
        // Joining blocks for at most one step of a worker. A panic was reported by the thread itself.
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join())));
        let _ = joined.await;
    }

    fn signal_stop(&self) {
        self.reporter.stop.store(true, Ordering::SeqCst);
        // A parked worker would see the flag only after the longest sleep.
        self.threads.iter().for_each(|t| t.thread().unpark());
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.signal_stop();
    }
}

/// What the thread of a worker starts with.
struct WorkerStart {
    index: usize,
    first: Epoch,
    dataflow: Dataflow,
    restored: mpsc::Receiver<RestoredRows>,
    /// One per source.
    inboxes: Vec<mpsc::Receiver<WorkerCommand>>,
    /// Gets the activators of the sources when the state is restored.
    started: oneshot::Sender<Result<Vec<SyncActivator>>>,
}

fn spawn(peer: ProcessBuilder, start: WorkerStart, reporter: Reporter) -> Result<JoinHandle<()>> {
    let name = format!("stream-{}", start.index);
    let body = move || {
        // What the thread changes is dropped with it; only the reporter is used afterwards.
        let run = AssertUnwindSafe(|| run(peer, start, &reporter));
        if let Err(panic) = catch_unwind(run) {
            let message = format!("a worker of a streaming query panicked: {}", panic_message(&*panic));
            reporter.fail(Error::internal(message));
        }
    };
    let spawned = std::thread::Builder::new().name(name).spawn(body);
    spawned.map_err(|e| Error::internal(format!("starting the thread of a streaming query's worker: {e}")))
}

fn run(peer: ProcessBuilder, start: WorkerStart, reporter: &Reporter) {
    // Without a timer timely spins instead of parking. No operator reads it: time comes with the epochs.
    #[allow(clippy::disallowed_methods)]
    let timer = Some(std::time::Instant::now());
    let mut worker = Worker::new(timely::WorkerConfig::default(), Allocator::Process(peer.build()), timer);
    let index = worker.next_dataflow_index();
    let operators = match start.dataflow.operators(start.index, start.restored) {
        Ok(operators) => operators,
        Err(error) => {
            let _ = start.started.send(Err(error));
            return;
        }
    };
    let context = start.dataflow.context(start.index, start.first);
    let activators = build(&mut worker, &start.dataflow, (operators, context), start.inboxes, reporter);
    let _ = start.started.send(activators);
    // Checked between two steps, so a set stops after at most one step of each worker.
    while !reporter.is_stopping() {
        worker.step_or_park(Some(PARK_MAX));
    }
    worker.drop_dataflow(index);
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
