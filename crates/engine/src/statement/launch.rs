//! Opens the sources and the sink of a streaming query and starts it in the place of the active run of its checkpoint.

use super::stream::JobRequest;
use crate::batch::named_schema;
use crate::catalog::checkpoint::remove_folder;
use crate::jobs::JobInfo;
use crate::lower;
use crate::session::Session;
use object_store::path::Path as StorePath;
use std::path::PathBuf;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::background::blocking;
use thalweg_connectors::{OptionMap, SinkRequest};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;
use thalweg_storage::{DurableStore, MetadataLog, RetryingStore};
use thalweg_stream::{
    Checkpoint, OutputMode, QueryOptions, StateMeaning, StreamPlan, StreamingQuery, check_graph,
};

/// A query that is supported and whose sources and sink are open. Nothing was stopped for it, and nothing is written but
/// its id in the checkpoint.
#[derive(Debug)]
pub(crate) struct PreparedQuery {
    plan: StreamPlan,
    options: QueryOptions,
    checkpoint: PathBuf,
    table: Option<(String, String)>,
    /// The resolved plan as text.
    text: String,
}

/// Checks a query, lowers it, and opens its sources and its sink.
pub(crate) async fn prepare(
    session: &Session,
    resolved: &ResolvedQuery,
    request: JobRequest,
) -> Result<PreparedQuery> {
    if !resolved.streaming {
        return Err(Error::new(
            ErrorKind::Analysis,
            "WRITE_STREAM_NOT_ALLOWED",
            "42601",
            "`writeStream` can be called only on streaming Dataset/DataFrame.",
        ));
    }
    let engine = session.engine()?;
    let output_mode = mode_of(request.output_mode);
    let state = engine.runtime.state(session.plan_options(true));
    let lowered = lower::lower(resolved, (session, &state), output_mode, settings_of_state(session))?;
    // What fails for a moment must not end a query that runs for months.
    let folder = request.checkpoint.clone();
    let store = RetryingStore::new(blocking(move || DurableStore::open(&folder)).await?);
    let place = Checkpoint { store: store.clone(), prefix: StorePath::default() };
    // The checkpoint has the id: the sink knows by it which commits are of this query.
    let id = thalweg_stream::identify(&place, &uuid::Uuid::new_v4().to_string()).await?;
    let log = |source: usize| MetadataLog::new(store.clone(), StorePath::from(format!("sources/{source}")));
    let graph = lowered.open(log).await?;
    check_graph(&graph, output_mode)?;
    let sink = engine.registry.get(&request.format)?;
    let sink = sink
        .sink(SinkRequest {
            path: request.path,
            schema: named_schema(resolved),
            partition_by: request.partition_by,
            options: OptionMap::new(request.options),
            query_id: id.clone(),
            time_zone: session.config().time_zone(),
            output_mode,
        })
        .await?;
    let options = QueryOptions {
        name: request.name,
        trigger: request.trigger,
        drain_at_end: request.drain_at_end,
        workers: engine.runtime.workers,
        ..QueryOptions::new(id, uuid::Uuid::new_v4().to_string(), place)
    };
    let (checkpoint, table) = (request.checkpoint, request.table);
    let text = resolved.plan.display_indent().to_string();
    Ok(PreparedQuery { plan: StreamPlan { graph, sink, output_mode }, options, checkpoint, table, text })
}

impl PreparedQuery {
    /// Starts the query, after it has stopped the active run of the checkpoint.
    pub(crate) async fn start(self, session: &Session) -> Result<StreamingQuery> {
        let engine = session.engine()?;
        let checkpoint = self.checkpoint.to_string_lossy().into_owned();
        // Two runs on one checkpoint would fence each other; the newer one wins, as in Spark.
        if let Some(active) = engine.jobs().on_checkpoint(&checkpoint) {
            active.query.stop().await?;
        }
        let query = thalweg_stream::start(self.plan, self.options).await?;
        if self.checkpoint.starts_with(engine.temporary()) {
            // A temporary checkpoint is of no use after the run: nobody can name it.
            tokio::spawn(clear_after(query.clone(), self.checkpoint));
        }
        engine.jobs().add(JobInfo {
            query: query.clone(),
            session: session.id().to_owned(),
            checkpoint,
            table: self.table,
            plan: self.text,
        });
        Ok(query)
    }
}

/// The settings on which the results of expressions depend: state that was computed under others means something
/// else.
fn settings_of_state(session: &Session) -> StateMeaning {
    StateMeaning::default().with("the session time zone", session.config().time_zone())
}

/// Removes the temporary checkpoint of a query after its end. Those of a killed process are removed
/// when the data directory is opened again.
async fn clear_after(query: StreamingQuery, checkpoint: PathBuf) {
    // The query reports its outcome.
    let _ = query.await_termination(None).await;
    if let Err(error) = remove_folder(&checkpoint).await {
        tracing::warn!(%error, "a temporary checkpoint could not be removed");
    }
}

fn mode_of(mode: ir::WriteOutputMode) -> OutputMode {
    match mode {
        ir::WriteOutputMode::Append => OutputMode::Append,
        ir::WriteOutputMode::Update => OutputMode::Update,
        ir::WriteOutputMode::Complete => OutputMode::Complete,
    }
}
