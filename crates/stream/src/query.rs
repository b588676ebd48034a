//! Starts queries and defines their handle, through which clients inspect, await and stop them.
//!
//! All handles of a query share its state. Dropping a handle does not stop the query, since a client that
//! disconnects must not stop a stream.

use crate::RECENT_PROGRESS_MAX;
use crate::checkpoint::{CheckpointFiles, CreateOutcome, Metadata};
use crate::coord::{
    Coordinator, GenerationContext, QueryCommand, RESTORED_MAX, is_up_to_date, recover, restore,
};
use crate::error::unsupported;
use crate::options::{Checkpoint, QueryOptions, Trigger, WORKERS_MAX};
use crate::progress::{Progress, Status};
use crate::rt::{Credits, Dataflow, Workers};
use crate::spec::{OperatorGraph, OperatorSpec, StreamPlan};
use crate::test_hooks::TestHooks;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Generation;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::OutputMode;
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that may wait for the coordinator; further callers wait for room.
const COMMANDS_MAX: usize = 64;

/// The handle of a streaming query. Clones refer to the same query.
#[derive(Debug, Clone)]
pub struct StreamingQuery {
    shared: Arc<Shared>,
}

/// The state that handles and coordinator share.
#[derive(Debug)]
pub(crate) struct Shared {
    id: String,
    run_id: String,
    name: Option<String>,
    commands: mpsc::Sender<QueryCommand>,
    state: Mutex<QueryState>,
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct QueryState {
    status: Status,
    progress: VecDeque<Progress>,
    error: Option<Error>,
}

impl Shared {
    fn new(options: &QueryOptions, commands: mpsc::Sender<QueryCommand>) -> Self {
        let message = "Initializing sources".to_owned();
        let status = Status { message, is_data_available: false, is_trigger_active: false };
        Self {
            id: options.id.clone(),
            run_id: options.run_id.clone(),
            name: options.name.clone(),
            commands,
            state: Mutex::new(QueryState { status, progress: VecDeque::new(), error: None }),
            ended: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, QueryState> {
        lock(&self.state)
    }

    pub(crate) fn set_status(&self, message: &str, is_data_available: bool, is_trigger_active: bool) {
        self.state().status = Status { message: message.to_owned(), is_data_available, is_trigger_active };
    }

    pub(crate) fn add_progress(&self, progress: Progress) {
        let mut state = self.state();
        state.progress.push_back(progress);
        if state.progress.len() > RECENT_PROGRESS_MAX {
            state.progress.pop_front();
        }
    }

    fn end(&self, error: Option<Error>) {
        let message =
            error.as_ref().map_or("Stopped".to_owned(), |e| format!("Terminated with exception: {e}"));
        self.set_status(&message, false, false);
        self.state().error = error;
        // Last: whoever waits for the end reads the status and the error next.
        self.ended.send_replace(true);
    }
}

/// Starts a query over its checkpoint: claims the next generation, fences the sink, restores the state of the
/// epoch that the sink committed last, and continues from there. Returns when the recovery is done and the
/// first epoch may start; [`StreamingQuery::exception`] reports what fails later.
///
/// A query that ends with its input and finds that all of it is committed ends at once and changes nothing: it claims no
/// generation and does not fence the sink.
///
/// # Errors
/// `STREAM_FENCED` if a later start has claimed the checkpoint meanwhile, `STREAM_STATE_INCOMPATIBLE` if it
/// belongs to another query, `STREAM_SNAPSHOT_CORRUPT` with the name of the file, `STREAM_SINK_LOST_COMMITS` if the
/// target is not the one that the query wrote to, `CHECKPOINT_IO`, and the errors of source and sink.
pub async fn start(plan: StreamPlan, options: QueryOptions) -> Result<StreamingQuery> {
    start_with(plan, options, TestHooks::default()).await
}

pub(crate) async fn start_with(
    plan: StreamPlan,
    options: QueryOptions,
    hooks: TestHooks,
) -> Result<StreamingQuery> {
    if options.workers == 0 || options.workers > WORKERS_MAX {
        return Err(invalid("workers", &options.workers.to_string()));
    }
    check_graph(&plan.graph, plan.output_mode)?;
    let bounds = (options.rows_per_chunk_max, options.bytes_in_flight_max);
    let dataflow = Dataflow::new(plan.graph.clone(), plan.output_mode, options.workers, bounds);
    // The id is in the checkpoint, so that a query keeps it over restarts.
    let owner = identify(&options.checkpoint, &options.id).await?;
    if owner != options.id {
        return Err(crate::error::other_query(&owner, &options.id));
    }
    if options.trigger == Trigger::Once {
        // One epoch with limits would leave the rest of the input to nobody.
        plan.graph.sources().for_each(|(_, source)| source.ignore_limits());
    }
    let files = CheckpointFiles::new(&options.checkpoint);
    let effects = files.writes().clone();
    let credits = Credits::new(options.bytes_in_flight_max);
    let generation = Generation(0);
    let mut context =
        GenerationContext { plan, options, files, hooks, dataflow, credits, generation, effects };
    let (commands, commands_rx) = mpsc::channel(COMMANDS_MAX);
    let shared = Arc::new(Shared::new(&context.options, commands));
    if context.is_finite() && is_up_to_date(&context).await? {
        shared.end(None);
        return Ok(StreamingQuery { shared });
    }
    let recovered = recover(&mut context).await?;
    let first = recovered.machine.next_plan();
    let (restored, received) = (0..context.options.workers).map(|_| mpsc::channel(RESTORED_MAX)).unzip();
    // The workers restore their state before the handle is returned, so that an error of the state is one of `start`.
    let (read, workers) = tokio::join!(
        restore(&context, &recovered.operators, restored),
        Workers::start(context.dataflow.clone(), first, received)
    );
    read?;
    let workers = workers?;
    context.hooks.hit(FailPoint::StateRestored, first).await?;
    let context = Arc::new(context);
    let coordinator =
        Coordinator::new(Arc::clone(&context), Arc::clone(&shared), recovered, workers, commands_rx);
    tokio::spawn(supervise(coordinator, context, Arc::clone(&shared)));
    Ok(StreamingQuery { shared })
}

/// Refuses graphs whose rows would never be emitted, or of which a part would not run. [`start`] does so too; before it,
/// a caller can refuse a query that has changed nothing yet.
///
/// # Errors
/// `UNSUPPORTED_FEATURE` with the name of what is not supported.
pub fn check_graph(graph: &OperatorGraph, mode: OutputMode) -> Result<()> {
    graph.check()?;
    let is_watermark = |o: &OperatorSpec| matches!(o, OperatorSpec::Watermark { .. });
    let is_aggregate = |o: &OperatorSpec| matches!(o, OperatorSpec::Aggregate(_));
    if graph.has_above(is_watermark, OperatorSpec::is_stateful) {
        // Its event times depend on the watermark that closes the state below.
        return Err(unsupported("a watermark after a stateful operator"));
    }
    if mode != OutputMode::Append && graph.has_above(OperatorSpec::is_stateful, is_aggregate) {
        // A row that replaces an earlier one would be counted twice by the operator above.
        let what = format!("a stateful operator over an aggregation with the output mode {}", mode.name());
        return Err(unsupported(&what));
    }
    let mut held = graph.nodes().iter().filter(|n| n.spec.holds_rows_back(mode));
    let has_watermark = graph.watermarks().next().is_some();
    if held.any(|n| !n.spec.closes_by_watermark() || !has_watermark) {
        return Err(unsupported("append output of an aggregation that no watermark closes"));
    }
    Ok(())
}

/// Records the end of a query, even if the coordinator panics.
async fn supervise(coordinator: Coordinator, context: Arc<GenerationContext>, shared: Arc<Shared>) {
    let ended = tokio::spawn(coordinator.run()).await;
    // The coordinator has waited for this already, unless it panicked.
    context.close().await;
    let outcome = ended.unwrap_or_else(|e| {
        Err(Error::internal(format!("the coordinator of a streaming query panicked: {e}")))
    });
    shared.end(outcome.err());
}

fn invalid(option: &str, value: &str) -> Error {
    let message = format!("The value '{value}' of the option '{option}' is not valid.");
    Error::new(ErrorKind::IllegalArgument, "INVALID_PARAMETER_VALUE", "22023", message)
        .hint(format!("Give a number from 1 to {WORKERS_MAX}."))
}

/// Returns the id of the query that owns `checkpoint`: the stored id, or `proposed`, which is then stored.
///
/// # Errors
/// `CHECKPOINT_IO`, and `STREAM_SNAPSHOT_CORRUPT` if the stored id cannot be read.
pub async fn identify(checkpoint: &Checkpoint, proposed: &str) -> Result<String> {
    let files = CheckpointFiles::new(checkpoint);
    if let Some(stored) = files.read::<Metadata>("metadata").await? {
        return Ok(stored.id);
    }
    let mine = Metadata { id: proposed.to_owned() };
    match files.create("metadata", &mine).await? {
        CreateOutcome::Created => Ok(mine.id),
        CreateOutcome::Exists(theirs) => Ok(theirs.id),
    }
}

/// On a query that has ended, all methods report its last state.
impl StreamingQuery {
    /// Identifies the query in all its runs.
    pub fn id(&self) -> String {
        self.shared.id.clone()
    }
    /// Identifies this run.
    pub fn run_id(&self) -> String {
        self.shared.run_id.clone()
    }
    /// The name that the user gave to the query.
    pub fn name(&self) -> Option<String> {
        self.shared.name.clone()
    }
    /// What the query is doing now.
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }
    /// Returns whether the query is running.
    pub fn is_active(&self) -> bool {
        !*self.shared.ended.borrow()
    }
    /// The progress of the epoch that was committed last, if there is one.
    pub fn last_progress(&self) -> Option<Progress> {
        self.shared.state().progress.back().cloned()
    }
    /// The newest progress reports, oldest first; at most [`RECENT_PROGRESS_MAX`].
    pub fn recent_progress(&self) -> Vec<Progress> {
        self.shared.state().progress.iter().cloned().collect()
    }
    /// The error that ended the query; `None` while it runs and after it was stopped.
    pub fn exception(&self) -> Option<Error> {
        self.shared.state().error.clone()
    }

    /// Stops the query. Epochs that are not committed are replayed by the next start. A step that was begun is
    /// finished, such as a commit in the sink. Returns when no thread or task of the query is left: nothing is written
    /// to the sink or the checkpoint after that.
    ///
    /// # Errors
    /// None at present.
    pub async fn stop(&self) -> Result<()> {
        // Sending fails if the query has already ended, which is what the caller wants.
        let _ = self.shared.commands.send(QueryCommand::Stop).await;
        self.ended().await;
        Ok(())
    }

    /// Waits for the end of the query; returns false if it has not ended after `timeout`.
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

    /// Waits until everything that is available in the source now is committed in the sink.
    ///
    /// # Errors
    /// The error that ended the query; `STREAM_TOO_MANY_CALLERS`.
    pub async fn process_all_available(&self) -> Result<()> {
        let (waiter, notified) = oneshot::channel();
        if self.shared.commands.send(QueryCommand::ProcessAll(waiter)).await.is_ok()
            && let Ok(result) = notified.await
        {
            return result;
        }
        self.await_termination(None).await.map(drop)
    }

    /// Processes the input that is available now, closes all windows, commits, and ends the query.
    ///
    /// # Errors
    /// The error that ended the query.
    pub async fn drain(&self) -> Result<()> {
        let _ = self.shared.commands.send(QueryCommand::Drain).await;
        self.await_termination(None).await.map(drop)
    }

    async fn ended(&self) {
        let mut ended = self.shared.ended.subscribe();
        // The sender is part of the shared state that this handle holds, so waiting cannot fail.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}
