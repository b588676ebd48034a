//! Registers the streaming queries of this process: all that run, and the newest ones that ended.

mod find;

pub(crate) use find::FoundJob;

use std::sync::Mutex;
use std::time::Duration;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_stream::StreamingQuery;

/// The number of ended queries that are kept: the default of Spark's `spark.sql.streaming.numRetainedQueries`.
pub(crate) const ENDED_MAX: usize = 100;

/// The class of the failure of a query, whatever its cause.
pub const STREAM_FAILED: &str = "STREAM_FAILED";

/// A streaming query, and how it was started.
#[derive(Debug, Clone)]
pub struct JobInfo {
    /// The query.
    pub query: StreamingQuery,
    /// The session that started it; empty if the engine resumed it.
    pub session: String,
    /// The full path of the checkpoint. A checkpoint has at most one active run.
    pub checkpoint: String,
    /// The streaming table that it writes, as database and table.
    pub table: Option<(String, String)>,
    /// The resolved plan as text, for [`Self::explain`].
    pub plan: String,
}

impl JobInfo {
    /// Returns the error that ended the query in the form for clients: class `STREAM_FAILED` with the cause.
    pub fn exception(&self) -> Option<Error> {
        let cause = self.query.exception()?;
        let (id, run_id) = (self.query.id(), self.query.run_id());
        let failed = Error::new(
            ErrorKind::StreamingQuery,
            STREAM_FAILED,
            "XXKST",
            format!("Query [id = {id}, runId = {run_id}] terminated with exception: {cause}"),
        )
        .param("id", id)
        .param("runId", run_id)
        .param("message", cause.to_string())
        .caused_by(&cause);
        Some(match cause.hint_text() {
            Some(hint) => failed.hint(hint),
            None => failed,
        })
    }

    /// Returns the plan that it runs as text, as `EXPLAIN` does for a stream; with `extended` the logical plans too.
    pub fn explain(&self, extended: bool) -> String {
        crate::statement::explain::streaming(&self.plan, extended)
    }

    /// Waits for the end; returns true if the query ended, false after `timeout`.
    ///
    /// # Errors
    /// [`Self::exception`], if the query failed.
    pub async fn await_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        self.as_client_sees(self.query.await_termination(timeout).await)
    }

    /// Waits until all rows that are in the source now are committed in the sink.
    pub async fn process_all_available(&self) -> Result<()> {
        self.as_client_sees(self.query.process_all_available().await)
    }

    fn as_client_sees<T>(&self, answer: Result<T>) -> Result<T> {
        answer.map_err(|error| self.exception().unwrap_or(error))
    }
}

/// The query of a streaming table that did not resume with the engine.
#[derive(Debug, Clone)]
pub struct UnstartedJob {
    /// The table, as database and name.
    pub table: (String, String),
    /// Why it did not start.
    pub error: Error,
}

/// The streaming queries of a process.
#[derive(Debug, Default)]
pub struct Jobs {
    all: Mutex<Vec<JobInfo>>,
    /// At most one per streaming table.
    unstarted: Mutex<Vec<UnstartedJob>>,
}

impl Jobs {
    /// Adds a query that has just started, and removes the oldest ended ones above the limit.
    pub(crate) fn add(&self, job: JobInfo) {
        if let Some(table) = &job.table {
            self.remove_unstarted(table);
        }
        let mut all = lock(&self.all);
        all.push(job);
        // Running queries are never removed, however many there are.
        let ended = all.iter().filter(|j| !j.query.is_active()).count();
        let mut surplus = ended.saturating_sub(ENDED_MAX);
        all.retain(|j| {
            let drop = surplus > 0 && !j.query.is_active();
            surplus -= usize::from(drop);
            !drop
        });
    }

    /// Notes that the query of a table did not start.
    pub(crate) fn add_unstarted(&self, table: (String, String), error: Error) {
        lock(&self.unstarted).push(UnstartedJob { table, error });
    }

    /// Removes the note of a table whose query was started or is not wanted any more; returns whether there was one.
    pub(crate) fn remove_unstarted(&self, table: &(String, String)) -> bool {
        let mut unstarted = lock(&self.unstarted);
        let before = unstarted.len();
        let same = |other: &(String, String)| {
            other.0.eq_ignore_ascii_case(&table.0) && other.1.eq_ignore_ascii_case(&table.1)
        };
        unstarted.retain(|job| !same(&job.table));
        unstarted.len() < before
    }

    /// Returns the queries of streaming tables that did not resume when the engine opened, and were not started since.
    pub fn unstarted(&self) -> Vec<UnstartedJob> {
        lock(&self.unstarted).clone()
    }

    /// Returns all queries, oldest first.
    pub fn all(&self) -> Vec<JobInfo> {
        lock(&self.all).clone()
    }

    /// Returns the query with this id, and its newest run if no run id is given.
    pub fn get(&self, id: &str, run_id: Option<&str>) -> Option<JobInfo> {
        // A query that is started again has the id of its checkpoint and a new run id, and comes after its older runs.
        let matches = |j: &&JobInfo| j.query.id() == id && run_id.is_none_or(|r| j.query.run_id() == r);
        self.all().iter().rev().find(matches).cloned()
    }

    /// Returns the running queries of a session.
    pub fn active(&self, session: &str) -> Vec<JobInfo> {
        self.all().into_iter().filter(|j| j.session == session && j.query.is_active()).collect()
    }

    /// Returns the query that runs on a checkpoint.
    pub fn on_checkpoint(&self, checkpoint: &str) -> Option<JobInfo> {
        self.all().into_iter().find(|j| j.checkpoint == checkpoint && j.query.is_active())
    }

    /// Waits until a query of the session ends; returns false if none has ended after `timeout`.
    ///
    /// # Errors
    /// The error of a query that has failed since the last reset, whichever ended first.
    pub async fn await_any_termination(&self, session: &str, timeout: Option<Duration>) -> Result<bool> {
        let mine: Vec<_> = self.all().into_iter().filter(|j| j.session == session).collect();
        // A failure counts even if another query ended before it, as in Spark.
        if let Some(error) = mine.iter().rev().find_map(JobInfo::exception) {
            return Err(error);
        }
        if mine.iter().any(|j| !j.query.is_active()) {
            return Ok(true);
        }
        if mine.is_empty() {
            return Ok(false);
        }
        // Queries that are started meanwhile are not waited for: the caller knows those that run now.
        let waits = mine.iter().map(|j| Box::pin(j.await_termination(timeout)));
        futures::future::select_all(waits).await.0
    }

    /// Removes the ended queries of a session, so that `await_any_termination` waits for other ones.
    pub fn reset_terminated(&self, session: &str) {
        lock(&self.all).retain(|j| j.session != session || j.query.is_active());
    }

    pub(crate) async fn stop_all(&self) {
        for job in self.all().into_iter().filter(|j| j.query.is_active()) {
            // A query that fails to stop must not keep the others from stopping.
            if let Err(error) = job.query.stop().await {
                tracing::warn!(query = job.query.id(), %error, "stopping a streaming query failed");
            }
        }
    }
}
