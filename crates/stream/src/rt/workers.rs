//! The threads: start, wake, stop, and what happens when one panics.
//!
//! Threads are named and ours, since timely's own start-up has no way to stop or to catch. A panic
//! in a worker leaves its peers waiting for ever, so it is caught, reported, and the coordinator
//! poisons the set: every worker looks at the flag between two steps.

use super::build::{Program, build};
use super::{INBOX_MAX, Order, REPORTS_MAX, Report};
use arrow::record_batch::RecordBatch;
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

/// A worker that is never woken looks at the poison flag this often.
const PARK_MAX: Duration = Duration::from_millis(100);

/// Where a worker's reports go, and the flag that ends it.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    reports: mpsc::Sender<Report>,
    poison: Arc<AtomicBool>,
}

impl Outlet {
    /// Reports, waiting while [`REPORTS_MAX`] lie unheard; if nobody listens any more the generation is over and
    /// the worker ends soon.
    ///
    /// Waiting ends, since what empties the queue never waits for a worker. The coordinator takes a report
    /// without awaiting anything, unless [`STAGES_MAX`](crate::coord::STAGES_MAX) pieces of output are being
    /// written: those end by themselves, being I/O of the sink that needs neither credits nor rows, and while
    /// they last the coordinator goes on with everything else. Tasks that feed inboxes may wait for workers and
    /// for credits, but nobody waits for such a task. Before the coordinator joins the threads it closes the
    /// queue, which ends all waiting; and while nobody listens yet, a worker has at most one thing to tell.
    pub(crate) fn send(&self, report: Report) {
        let _ = self.reports.blocking_send(report);
    }

    /// Reports an error and ends all workers.
    pub(crate) fn fail(&self, error: Error) {
        self.send(Report::Failed(error));
        self.poison.store(true, Ordering::SeqCst);
    }

    pub(crate) fn poisoned(&self) -> bool {
        self.poison.load(Ordering::SeqCst)
    }
}

/// The way into one worker.
#[derive(Clone)]
pub(crate) struct Inbox {
    orders: mpsc::Sender<Order>,
    wake: Arc<SyncActivator>,
}

impl Inbox {
    /// Hands an order over, waiting while the inbox is full. False if the worker has ended: it has
    /// reported why, and that counts.
    pub(crate) async fn send(&self, order: Order) -> bool {
        let sent = self.orders.send(order).await.is_ok();
        sent && self.wake.activate().is_ok()
    }
}

/// The workers of one generation. Dropping them stops them without waiting.
pub(crate) struct Workers {
    pub inboxes: Vec<Inbox>,
    outlet: Outlet,
    threads: Vec<JoinHandle<()>>,
}

/// State to start with: the batches of the manifest's files, oldest first.
pub(crate) type Restored = Arc<Vec<RecordBatch>>;

impl Workers {
    /// Starts `count` workers that continue with `first`. Returns when all have restored their state.
    pub(crate) async fn start(
        program: Program,
        count: usize,
        first: Epoch,
        restored: Restored,
    ) -> Result<(Self, mpsc::Receiver<Report>)> {
        let (reports, reports_rx) = mpsc::channel(REPORTS_MAX);
        let outlet = Outlet { reports, poison: Arc::new(AtomicBool::new(false)) };
        let mut set = Self { inboxes: Vec::new(), outlet: outlet.clone(), threads: Vec::new() };
        let mut ready = Vec::new();
        let peers = ProcessBuilder::new_typed_vector(count, Hooks::default().refill, None);
        for (index, peer) in peers.into_iter().enumerate() {
            let (orders, inbox) = mpsc::channel(INBOX_MAX);
            let (wake, woken) = oneshot::channel();
            let seat =
                Seat { index, first, program: program.clone(), restored: Arc::clone(&restored), inbox, wake };
            let outlet = outlet.clone();
            let run = move || {
                let run = AssertUnwindSafe(|| run(peer, seat, &outlet));
                if let Err(panic) = catch_unwind(run) {
                    outlet.fail(Error::internal(format!("a stream's worker panicked: {}", text_of(&*panic))));
                }
            };
            let thread = std::thread::Builder::new().name(format!("stream-{index}")).spawn(run);
            set.threads
                .push(thread.map_err(|e| Error::internal(format!("no thread for a stream's worker: {e}")))?);
            ready.push((orders, woken));
        }
        for (orders, woken) in ready {
            let wake = woken.await.map_err(|_| Error::internal("a stream's worker did not start"))??;
            set.inboxes.push(Inbox { orders, wake: Arc::new(wake) });
        }
        Ok((set, reports_rx))
    }

    /// Stops all workers and waits until their threads have ended. Whoever has the reports closes them before,
    /// since a worker may be waiting for room.
    pub(crate) async fn stop(mut self) {
        self.poison();
        let threads = std::mem::take(&mut self.threads);
        // Joining blocks for at most one step of a worker. A panic was reported by the thread itself.
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join())));
        let _ = joined.await;
    }

    fn poison(&self) {
        self.outlet.poison.store(true, Ordering::SeqCst);
        self.threads.iter().for_each(|t| t.thread().unpark());
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.poison();
    }
}

/// What a worker's thread takes along.
struct Seat {
    index: usize,
    first: Epoch,
    program: Program,
    restored: Restored,
    inbox: mpsc::Receiver<Order>,
    wake: oneshot::Sender<Result<SyncActivator>>,
}

fn run(peer: ProcessBuilder, seat: Seat, outlet: &Outlet) {
    // Without a timer timely never parks but spins. No operator asks it: time comes with the epochs.
    #[allow(clippy::disallowed_methods)]
    let timer = Some(std::time::Instant::now());
    let mut worker = Worker::new(timely::WorkerConfig::default(), Allocator::Process(peer.build()), timer);
    let dataflow = worker.next_dataflow_index();
    let Seat { index, first, program, restored, inbox, wake } = seat;
    let operators = match program.operators(index, &restored) {
        Ok(operators) => operators,
        Err(error) => {
            let _ = wake.send(Err(error));
            return;
        }
    };
    drop(restored);
    let activator = build(&mut worker, operators, first, inbox, outlet);
    let _ = wake.send(activator);
    while !outlet.poisoned() {
        worker.step_or_park(Some(PARK_MAX));
    }
    worker.drop_dataflow(dataflow);
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
