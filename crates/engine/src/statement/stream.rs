//! `df.writeStream.start()`, `STOP JOB` and `SHOW JOBS`: starts, stops and lists streaming queries.

use super::launch::prepare;
use super::write_target::{self, Writer};
use super::{rows, streaming_table};
use crate::jobs::{FoundJob, JobInfo, UnstartedJob};
use crate::partitioning::{self, Target};
use crate::session::{Output, Session, StreamingQueryInfo};
use std::path::PathBuf;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::descriptor::{SinkTarget, StreamWrite};
use thalweg_sql::ir;
use thalweg_storage::path;
use thalweg_stream::Trigger;

/// The description of a streaming query, from SQL or from a client.
#[derive(Debug, Clone)]
pub(crate) struct JobRequest {
    pub format: String,
    /// The sink's path: a table's location, a folder, or the name of a memory sink.
    pub path: Option<String>,
    pub options: ir::Options,
    pub partition_by: Vec<String>,
    pub output_mode: ir::WriteOutputMode,
    pub trigger: Trigger,
    pub name: Option<String>,
    pub checkpoint: PathBuf,
    /// Whether the end of the input closes all windows (SQL to the end, scripts, the demo).
    pub drain_at_end: bool,
    pub table: Option<(String, String)>,
}

/// `writeStream.start()` and `toTable()`.
pub(crate) async fn start(session: &Session, write: ir::WriteStream) -> Result<Output> {
    if write.foreach {
        return Err(Error::unsupported("foreach and foreachBatch"));
    }
    // Resolved as a stream: `current_timestamp` is the time of each epoch and not that of the start.
    let resolved = session.resolve_stream(&write.input, None).await?;
    partitioning::check(&write.partition_by, &resolved.schema(), Target::Stream)?;
    let request = request_of(session, write).await?;
    let query = prepare(session, &resolved, request).await?.start(session).await?;
    let info = StreamingQueryInfo { id: query.id(), run_id: query.run_id(), name: query.name() };
    Ok(Output { query: Some(info), ..Output::nothing() })
}

async fn request_of(session: &Session, write: ir::WriteStream) -> Result<JobRequest> {
    let (format, path, table) = destination(session, &write).await?;
    let needs_checkpoint = sink_of(session, &format)?.is_none_or(|sink| sink.needs_checkpoint);
    let checkpoint = checkpoint_of(session, &write, needs_checkpoint)?;
    // These are about the query, and the sink would refuse them as options that it does not have.
    let taken = ["checkpointlocation", "path", "queryname"];
    let options =
        write.options.iter().filter(|(k, _)| !taken.contains(&k.to_lowercase().as_str())).cloned().collect();
    Ok(JobRequest {
        format,
        path,
        options,
        partition_by: write.partition_by,
        output_mode: write.output_mode.unwrap_or(ir::WriteOutputMode::Append),
        trigger: trigger_of(&write.trigger)?,
        name: write.query_name,
        checkpoint,
        drain_at_end: false,
        table,
    })
}

type Destination = (String, Option<String>, Option<(String, String)>);

async fn destination(session: &Session, write: &ir::WriteStream) -> Result<Destination> {
    // The table says where and in which format, so neither is asked of the writer.
    if let Some(parts) = &write.table {
        write_target::check(session, parts, Writer::Stream)?;
        let (name, definition) = match session.catalog.definition(parts) {
            Ok(found) => found,
            Err(_) => streaming_table::create_target(session, parts, write).await?,
        };
        return Ok((definition.format, Some(definition.location), Some((name.database, name.table))));
    }
    let format = match &write.format {
        Some(format) => format.to_lowercase(),
        None => session.config().get("spark.sql.sources.default")?,
    };
    if let Some(StreamWrite { target: SinkTarget::QueryName { missing }, .. }) = sink_of(session, &format)? {
        let name = write.query_name.clone().ok_or_else(missing)?;
        return Ok((format, Some(name), None));
    }
    let path = write.path.clone().or_else(|| write.option("path").map(str::to_owned));
    Ok((format, path, None))
}

/// What a format is as the target of a query; none if it refuses to be one.
fn sink_of(session: &Session, format: &str) -> Result<Option<StreamWrite>> {
    Ok(session.catalog.registry.get(format)?.descriptor().stream_write)
}

/// Returns the checkpoint of a query. Sinks that end with the process may have a temporary one; all others need a
/// persistent one.
fn checkpoint_of(session: &Session, write: &ir::WriteStream, needed: bool) -> Result<PathBuf> {
    let given = write.option("checkpointLocation").map(str::to_owned);
    let default = session.config().get_option("spark.sql.streaming.checkpointLocation").map(|root| {
        // A query that is started again under its name continues; one without a name is always new.
        let leaf = write.query_name.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        format!("{}/{leaf}", root.trim_end_matches('/'))
    });
    match given.or(default) {
        Some(location) => path::local(&location),
        None if !needed => Ok(session.engine()?.temporary().join(uuid::Uuid::new_v4().to_string())),
        None => Err(Error::new(
            ErrorKind::Analysis,
            "STREAMING_CHECKPOINT_REQUIRED",
            "42K0E",
            "checkpointLocation must be specified either through option(\"checkpointLocation\", ...) or SparkSession.conf.set(\"spark.sql.streaming.checkpointLocation\", ...)",
        )),
    }
}

fn trigger_of(trigger: &ir::WriteTrigger) -> Result<Trigger> {
    match trigger {
        ir::WriteTrigger::ProcessingTime(None) => Ok(Trigger::ProcessingTime { interval: None }),
        ir::WriteTrigger::ProcessingTime(Some(text)) => {
            let micros = thalweg_values::interval::parse_interval_micros(text)?;
            let micros = u64::try_from(micros)
                .map_err(|_| Error::unsupported(format!("the negative interval '{text}'")))?;
            // An interval of zero starts each micro-batch as soon as it can, as no interval does.
            let interval = Some(std::time::Duration::from_micros(micros)).filter(|i| !i.is_zero());
            Ok(Trigger::ProcessingTime { interval })
        }
        ir::WriteTrigger::AvailableNow => Ok(Trigger::AvailableNow),
        ir::WriteTrigger::Once => Ok(Trigger::Once),
        ir::WriteTrigger::Continuous(interval) => {
            Err(Error::unsupported(format!("continuous processing ('{interval}')")))
        }
    }
}

/// `STOP JOB 'id' [WITH DRAIN]`: a drained job processes the available input, closes its windows, and never resumes.
pub(crate) async fn stop(session: &Session, id: &str, drain: bool) -> Result<Output> {
    let job = match streaming_table::find_job(session, id)? {
        FoundJob::Started(job) => job,
        FoundJob::Unstarted(unstarted) if drain => return Err(unstarted.error),
        FoundJob::Unstarted(unstarted) => {
            let (database, table) = &unstarted.table;
            streaming_table::stopped(session, database, table)?;
            session.engine()?.jobs().remove_unstarted(&unstarted.table);
            return Ok(Output::nothing());
        }
    };
    if drain {
        job.query.drain().await?;
    } else {
        job.query.stop().await?;
    }
    if let Some((database, table)) = &job.table {
        // After the end, so that a server that is killed meanwhile resumes the query.
        streaming_table::stopped(session, database, table)?;
    }
    job.query.exception().map_or_else(|| Ok(Output::nothing()), Err)
}

/// `SHOW JOBS`: all queries, and after them those that did not resume with the server.
pub(crate) fn show_jobs(session: &Session) -> Result<Output> {
    let engine = session.engine()?;
    let (jobs, unstarted) = (engine.jobs().all(), engine.jobs().unstarted());
    let text = |of_job: &dyn Fn(&JobInfo) -> Option<String>,
                of_unstarted: &dyn Fn(&UnstartedJob) -> Option<String>| {
        jobs.iter().map(of_job).chain(unstarted.iter().map(of_unstarted)).collect::<Vec<_>>()
    };
    let table = |(database, table): &(String, String)| format!("{database}.{table}");
    rows(vec![
        ("id", text(&|j| Some(j.query.id()), &|_| None)),
        ("run_id", text(&|j| Some(j.query.run_id()), &|_| None)),
        ("name", text(&|j| j.query.name(), &|u| Some(u.table.1.clone()))),
        ("table", text(&|j| j.table.as_ref().map(table), &|u| Some(table(&u.table)))),
        ("state", text(&|j| Some(state_of(j).to_owned()), &|_| Some("FAILED".to_owned()))),
        (
            "progress",
            text(&|j| j.query.last_progress().and_then(|p| serde_json::to_string(&p).ok()), &|_| None),
        ),
        ("exception", text(&|j| j.query.exception().map(|e| e.to_string()), &|u| Some(u.error.to_string()))),
    ])
}

fn state_of(job: &JobInfo) -> &'static str {
    match (job.query.is_active(), job.query.exception()) {
        (true, _) => "RUNNING",
        (false, None) => "FINISHED",
        (false, Some(_)) => "FAILED",
    }
}
