//! Implements the methods of a streaming query and of `spark.streams`.

use crate::convert::required;
use crate::error::invalid_handle;
use crate::session::ClientSession;
use spark_connect_proto as pb;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::streaming_query_command::{AwaitTerminationCommand, Command, ExplainCommand};
use spark_connect_proto::streaming_query_command_result as answer;
use spark_connect_proto::streaming_query_manager_command as manager;
use spark_connect_proto::streaming_query_manager_command_result as manager_answer;
use std::time::Duration;
use thalweg_common::{Error, Result};
use thalweg_engine::{JobInfo, Jobs, STREAM_FAILED, StreamingQuery, StreamingQueryInfo};

/// Returns the response to the start of a query.
pub(crate) fn started(query: StreamingQueryInfo) -> ResponseType {
    let StreamingQueryInfo { id, run_id, name } = query;
    ResponseType::WriteStreamOperationStartResult(pb::WriteStreamOperationStartResult {
        query_id: Some(pb::StreamingQueryInstanceId { id, run_id }),
        name: name.unwrap_or_default(),
        // Only listeners read it, and they are not supported.
        query_started_event_json: None,
    })
}

/// Runs a method of a query.
pub(crate) async fn query(jobs: &Jobs, proto: pb::StreamingQueryCommand) -> Result<ResponseType> {
    let pb::StreamingQueryCommand { query_id, command } = proto;
    let query_id = required(query_id, "StreamingQueryCommand.query_id")?;
    // A handle belongs to one run: a query that was started again has others.
    let job = jobs.get(&query_id.id, Some(&query_id.run_id)).ok_or_else(|| not_found(&query_id))?;
    let result_type = answered(&job, required(command, "StreamingQueryCommand.command")?).await?;
    let result = pb::StreamingQueryCommandResult { query_id: Some(query_id), result_type };
    Ok(ResponseType::StreamingQueryCommandResult(result))
}

async fn answered(job: &JobInfo, command: Command) -> Result<Option<answer::ResultType>> {
    let query = &job.query;
    Ok(match command {
        Command::Status(_) => Some(status(query)),
        Command::LastProgress(_) => Some(progress(query.last_progress().iter())?),
        Command::RecentProgress(_) => Some(progress(query.recent_progress().iter())?),
        Command::Stop(_) => {
            query.stop().await?;
            None
        }
        Command::ProcessAllAvailable(_) => {
            job.process_all_available().await?;
            None
        }
        Command::Explain(ExplainCommand { extended }) => {
            Some(answer::ResultType::Explain(answer::ExplainResult { result: job.explain(extended) }))
        }
        Command::Exception(_) => Some(exception(query.exception().as_ref())),
        Command::AwaitTermination(AwaitTerminationCommand { timeout_ms }) => {
            let terminated = job.await_termination(timeout(timeout_ms)).await?;
            Some(answer::ResultType::AwaitTermination(answer::AwaitTerminationResult { terminated }))
        }
    })
}

fn status(query: &StreamingQuery) -> answer::ResultType {
    let status = query.status();
    answer::ResultType::Status(answer::StatusResult {
        status_message: status.message,
        is_data_available: status.is_data_available,
        is_trigger_active: status.is_trigger_active,
        is_active: query.is_active(),
    })
}

fn progress<T: serde::Serialize>(all: impl Iterator<Item = T>) -> Result<answer::ResultType> {
    let texts = all.map(|p| serde_json::to_string(&p)).collect::<std::result::Result<_, _>>();
    let recent_progress_json =
        texts.map_err(|e| Error::internal(format!("the progress is not JSON: {e}")))?;
    Ok(answer::ResultType::RecentProgress(answer::RecentProgressResult { recent_progress_json }))
}

/// Converts the failure of a query. The client removes the name of the Java class, up to the first colon.
fn exception(error: Option<&Error>) -> answer::ResultType {
    answer::ResultType::Exception(answer::ExceptionResult {
        // PySpark takes a message that is not set as a query without a failure.
        exception_message: error
            .map(|e| format!("org.apache.spark.sql.streaming.StreamingQueryException: {e}")),
        error_class: error.map(|_| STREAM_FAILED.to_owned()),
        stack_trace: None,
    })
}

fn timeout(timeout_ms: Option<i64>) -> Option<Duration> {
    // A negative time has passed already.
    timeout_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

fn not_found(id: &pb::StreamingQueryInstanceId) -> Error {
    invalid_handle(
        "STREAMING_QUERY_NOT_FOUND",
        &id.id,
        &format!("No streaming query has the run id {}.", id.run_id),
    )
}

/// Runs a method of `spark.streams`.
pub(crate) async fn manage(
    jobs: &Jobs,
    session: &ClientSession,
    proto: pb::StreamingQueryManagerCommand,
) -> Result<ResponseType> {
    let pb::StreamingQueryManagerCommand { command } = proto;
    let result_type = match required(command, "StreamingQueryManagerCommand.command")? {
        manager::Command::Active(_) => {
            let active_queries = jobs.active(&session.id).iter().map(instance).collect();
            Some(manager_answer::ResultType::Active(manager_answer::ActiveResult { active_queries }))
        }
        manager::Command::GetQuery(id) => {
            // Spark answers with running queries alone, whichever session started them.
            let found = jobs.get(&id, None).filter(|job| job.query.is_active());
            found.as_ref().map(|job| manager_answer::ResultType::Query(instance(job)))
        }
        manager::Command::AwaitAnyTermination(manager::AwaitAnyTerminationCommand { timeout_ms }) => {
            // The queries of the session only: another client's must not end this wait.
            let terminated = jobs.await_any_termination(&session.id, timeout(timeout_ms)).await?;
            let result = manager_answer::AwaitAnyTerminationResult { terminated };
            Some(manager_answer::ResultType::AwaitAnyTermination(result))
        }
        manager::Command::ResetTerminated(_) => {
            jobs.reset_terminated(&session.id);
            Some(manager_answer::ResultType::ResetTerminated(true))
        }
        manager::Command::ListListeners(_) => {
            // No listener can be added, so there is none to list.
            Some(manager_answer::ResultType::ListListeners(Default::default()))
        }
        manager::Command::AddListener(_) | manager::Command::RemoveListener(_) => {
            return Err(Error::unsupported("streaming query listeners (spark.streams.addListener)"));
        }
    };
    Ok(ResponseType::StreamingQueryManagerCommandResult(pb::StreamingQueryManagerCommandResult {
        result_type,
    }))
}

fn instance(job: &JobInfo) -> manager_answer::StreamingQueryInstance {
    let (id, run_id) = (job.query.id(), job.query.run_id());
    manager_answer::StreamingQueryInstance {
        id: Some(pb::StreamingQueryInstanceId { id, run_id }),
        name: job.query.name(),
    }
}
