//! The handle of a running query: what a client may ask and tell it.
//!
//! A handle is a clone of shared state; dropping it changes nothing about the query, since a
//! vanished client must not stop a stream.

use crate::RECENT_PROGRESS_MAX;
use crate::checkpoint::{Created, Files, Metadata};
use crate::coord::{Command, Context, Coordinator, recover};
use crate::error::unbuildable;
use crate::hooks::Hooks;
use crate::options::{Checkpoint, QueryOptions, WORKERS_MAX};
use crate::progress::{Progress, Status};
use crate::rt::{Credits, Program, Workers};
use crate::spec::StreamPlan;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thalweg_common::ids::Generation;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that may wait for the coordinator.
const COMMANDS_MAX: usize = 64;

/// A streaming query that was started. Clones are the same query.
#[derive(Debug, Clone)]
pub struct StreamingQuery {
    shared: Arc<Shared>,
}

/// What handles and coordinator share.
#[derive(Debug)]
pub(crate) struct Shared {
    id: String,
    run_id: String,
    name: Option<String>,
    commands: mpsc::Sender<Command>,
    view: Mutex<View>,
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct View {
    status: Status,
    progress: VecDeque<Progress>,
    error: Option<Error>,
}

impl Shared {
    /// The lock is held only to copy; a panic while holding it can't leave it half done.
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn say(&self, message: &str, is_data_available: bool, is_trigger_active: bool) {
        self.view().status = Status { message: message.to_owned(), is_data_available, is_trigger_active };
    }

    pub(crate) fn note(&self, progress: Progress) {
        let mut view = self.view();
        view.progress.push_back(progress);
        if view.progress.len() > RECENT_PROGRESS_MAX {
            view.progress.pop_front();
        }
    }

    fn end(&self, error: Option<Error>) {
        let message =
            error.as_ref().map_or("Stopped".to_owned(), |e| format!("Terminated with exception: {e}"));
        self.say(&message, false, false);
        self.view().error = error;
        self.ended.send_replace(true);
    }
}

/// Starts a query over its checkpoint: claims the next generation, fences the sink, restores what
/// the sink says was committed last, and goes on from there. Returns when recovery is done and the
/// first epoch may start; what fails later is told by [`StreamingQuery::exception`].
///
/// # Errors
/// `STREAM_FENCED` if a later start won meanwhile, `STREAM_STATE_INCOMPATIBLE` if the checkpoint
/// belongs to another query, `STREAM_SNAPSHOT_CORRUPT` naming the file, `STREAM_SINK_LOST_COMMITS` if
/// the target is not the one that the checkpoint wrote to, `CHECKPOINT_IO`, and what source and sink
/// report.
pub async fn start(plan: StreamPlan, options: QueryOptions) -> Result<StreamingQuery> {
    start_with(plan, options, Hooks::default()).await
}

pub(crate) async fn start_with(
    plan: StreamPlan,
    options: QueryOptions,
    hooks: Hooks,
) -> Result<StreamingQuery> {
    if options.workers == 0 || options.workers > WORKERS_MAX {
        return Err(invalid("workers", &options.workers.to_string()));
    }
    let program = Program::new(&plan.operators, plan.output_mode, options.workers)?
        .bounded(options.rows_per_chunk_max, options.bytes_in_flight_max);
    if program.drains() && !(program.closes_by_watermark() && program.watermark_delay_us().is_some()) {
        return Err(unbuildable("append output of an aggregation that no watermark closes"));
    }
    let owner = identify(&options.checkpoint, &options.id).await?;
    if owner != options.id {
        return Err(crate::error::incompatible(&owner, &options.id));
    }
    let files = Files::new(&options.checkpoint);
    let credits = Credits::new(options.bytes_in_flight_max);
    let generation = Generation(0);
    let mut context = Context { plan, options, files, hooks, program, credits, generation };
    let mut recovered = recover(&mut context).await?;
    let state = Arc::new(std::mem::take(&mut recovered.state));
    let first = recovered.machine.next_plan();
    let workers = Workers::start(context.program.clone(), context.options.workers, first, state).await?;
    let (commands, commands_rx) = mpsc::channel(COMMANDS_MAX);
    let shared = Arc::new(Shared {
        id: context.options.id.clone(),
        run_id: context.options.run_id.clone(),
        name: context.options.name.clone(),
        commands,
        view: Mutex::new(View {
            status: Status {
                message: "Initializing sources".to_owned(),
                is_data_available: false,
                is_trigger_active: false,
            },
            progress: VecDeque::new(),
            error: None,
        }),
        ended: watch::Sender::new(false),
    });
    let coordinator =
        Coordinator::new(Arc::new(context), Arc::clone(&shared), recovered, workers, commands_rx);
    tokio::spawn(supervise(coordinator, Arc::clone(&shared)));
    Ok(StreamingQuery { shared })
}

/// Sees to it that a query ends visibly, even if the coordinator panics.
async fn supervise(coordinator: Coordinator, shared: Arc<Shared>) {
    let ended = tokio::spawn(coordinator.run()).await;
    let outcome =
        ended.unwrap_or_else(|e| Err(Error::internal(format!("a stream's coordinator panicked: {e}"))));
    shared.end(outcome.err());
}

fn invalid(option: &str, value: &str) -> Error {
    let message = format!("The value '{value}' of the option '{option}' is not possible.");
    Error::new(ErrorKind::IllegalArgument, "INVALID_PARAMETER_VALUE", "22023", message)
        .hint(format!("Give a number from 1 to {WORKERS_MAX}."))
}

/// The id of the query that owns `checkpoint`: the one stored there, or `proposed`, which is then
/// stored for good.
pub async fn identify(checkpoint: &Checkpoint, proposed: &str) -> Result<String> {
    let files = Files::new(checkpoint);
    if let Some(stored) = files.read::<Metadata>("metadata").await? {
        return Ok(stored.id);
    }
    let mine = Metadata { id: proposed.to_owned() };
    match files.create("metadata", &mine).await? {
        Created::Mine => Ok(mine.id),
        Created::There(theirs) => Ok(theirs.id),
    }
}

/// What every method answers on a query that has ended: the last state it had.
impl StreamingQuery {
    /// Names the query for good, over all its runs.
    pub fn id(&self) -> String {
        self.shared.id.clone()
    }
    /// Names this run.
    pub fn run_id(&self) -> String {
        self.shared.run_id.clone()
    }
    pub fn name(&self) -> Option<String> {
        self.shared.name.clone()
    }
    pub fn status(&self) -> Status {
        self.shared.view().status.clone()
    }
    pub fn is_active(&self) -> bool {
        !*self.shared.ended.borrow()
    }
    /// The newest progress, if an epoch was committed.
    pub fn last_progress(&self) -> Option<Progress> {
        self.shared.view().progress.back().cloned()
    }
    /// The newest progresses, oldest first; at most [`RECENT_PROGRESS_MAX`].
    pub fn recent_progress(&self) -> Vec<Progress> {
        self.shared.view().progress.iter().cloned().collect()
    }
    /// The error that ended the query; none while it runs or after a stop.
    pub fn exception(&self) -> Option<Error> {
        self.shared.view().error.clone()
    }

    /// Ends the query; what is not committed is done again by the next start. Returns when no
    /// thread or task of the query is left.
    pub async fn stop(&self) -> Result<()> {
        // A query that ended has nobody to tell.
        let _ = self.shared.commands.send(Command::Stop).await;
        self.ended().await;
        Ok(())
    }

    /// Waits for the end: true if it ended, false after `timeout`.
    ///
    /// # Errors
    /// The error that ended the query.
    pub async fn await_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let ended = match timeout {
            None => {
                self.ended().await;
                true
            }
            Some(timeout) => tokio::time::timeout(timeout, self.ended()).await.is_ok(),
        };
        match self.exception() {
            Some(error) if ended => Err(error),
            _ => Ok(ended),
        }
    }

    /// Waits until everything that is in the source now is committed in the sink.
    ///
    /// # Errors
    /// The error that ended the query; `STREAM_TOO_MANY_CALLERS`.
    pub async fn process_all_available(&self) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        if self.shared.commands.send(Command::ProcessAll(answer)).await.is_ok()
            && let Ok(answer) = answered.await
        {
            return answer;
        }
        self.await_termination(None).await.map(drop)
    }

    /// Takes no input beyond what is there now, closes all windows, commits, and ends the query.
    ///
    /// # Errors
    /// The error that ended the query.
    pub async fn drain(&self) -> Result<()> {
        let _ = self.shared.commands.send(Command::Drain).await;
        self.await_termination(None).await.map(drop)
    }

    async fn ended(&self) {
        let mut ended = self.shared.ended.subscribe();
        // The sender lives in what this handle holds, so waiting can't fail.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
