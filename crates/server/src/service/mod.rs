//! Implements the twelve methods of Spark Connect's service.
//!
//! Each method destructures its request, finds the session and calls a small function. An error
//! is kept in the session so that the client can fetch its details.

pub(crate) mod analyze;
mod config;

use crate::convert::{Converter, required};
use crate::error::{details, invalid_handle, status};
use crate::execute::{self, Start};
use crate::executor::Executor;
use crate::operation::ExecuteOptions;
use crate::rpc::spark_connect_service_server as rpc_server;
use crate::session::{ClientSession, Sessions};
use crate::upload::Receiver;
use crate::wire::Deep;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use spark_connect_proto as pb;
use spark_connect_proto::execute_plan_request::RequestOption;
use spark_connect_proto::execute_plan_request::request_option::RequestOption as Choice;
use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::release_execute_request::{Release, ReleaseAll, ReleaseUntil};
use std::sync::Arc;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use tonic::{Request, Response, Status, Streaming};

/// A setting that ends every stream after this number of messages, so that a client has to
/// reattach: for tests, and for networks that cut long streams.
pub(crate) const MESSAGES_MAX_KEY: &str = "thalweg.connect.stream.messagesMax";

/// The service.
pub(crate) struct SparkConnectService {
    sessions: Arc<Sessions>,
    executor: Arc<Executor>,
}

type Responses = BoxStream<'static, Result<pb::ExecutePlanResponse, Status>>;

impl SparkConnectService {
    pub(crate) fn new(sessions: Arc<Sessions>, executor: Arc<Executor>) -> Self {
        Self { sessions, executor }
    }

    /// Returns the session of a call, which the first call creates.
    fn session(
        &self,
        user: Option<pb::UserContext>,
        id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<ClientSession>, Status> {
        // Without a session nothing keeps the error, so it has no id; the status alone has to be enough.
        self.sessions.get_or_create(&user_id(user), id, observed).map_err(|e| status(&e, ""))
    }

    /// Returns the session of a call that must not create one.
    fn known_session(&self, user: Option<pb::UserContext>, id: &str) -> Result<Arc<ClientSession>, Status> {
        self.sessions.get(&user_id(user), id).map_err(|e| status(&e, ""))
    }
}

fn user_id(user: Option<pb::UserContext>) -> String {
    let pb::UserContext { user_id, user_name: _, extensions: _ } = user.unwrap_or_default();
    user_id
}

/// Stores the error of a call in its session.
fn kept<T>(session: &ClientSession, result: Result<T>) -> Result<T, Status> {
    result.map_err(|error| {
        let id = session.keep_error(&error);
        status(&error, &id)
    })
}

/// Converts a request that was split into fragments, with the data that the session has uploaded.
pub(crate) fn converter<T>(
    session: &ClientSession,
    fragments: Vec<Bytes>,
    convert: impl FnOnce(&Converter<'_>) -> Result<T>,
) -> Result<T> {
    // The lock is held for one look-up: a conversion may be long.
    let artifact = |hash: &str| lock(&session.uploads).get(hash);
    let converter = Converter::new(&artifact);
    converter.take_fragments(fragments)?;
    convert(&converter)
}

fn messages_max(session: &ClientSession) -> Option<u64> {
    let text = session.engine.config().get_option(MESSAGES_MAX_KEY)?;
    text.parse().ok().filter(|n| *n > 0)
}

#[async_trait]
impl rpc_server::SparkConnectService for SparkConnectService {
    type ExecutePlanStream = Responses;
    type ReattachExecuteStream = Responses;

    async fn execute_plan(
        &self,
        request: Request<Deep<pb::ExecutePlanRequest>>,
    ) -> Result<Response<Responses>, Status> {
        let Deep { message, fragments } = request.into_inner();
        let pb::ExecutePlanRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            operation_id,
            plan,
            client_type: _,
            request_options,
            tags,
        } = message;
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        let started = execute_options(request_options, tags).and_then(|options| {
            let plan = required(plan, "ExecutePlanRequest.plan")?;
            let operation = session.add_operation(operation_id, options)?;
            let reattachable = operation.options.reattachable;
            // The stream exists before the work starts, so that the operation is never without a reader.
            // A client that does not reattach would take the end of a cut stream for the end of its result.
            let stream = operation.stream(None, messages_max(&session).filter(|_| reattachable))?;
            let start =
                Start { session: session.clone(), operation, plan: Deep { message: plan, fragments } };
            execute::start(&self.executor, self.sessions.engine().clone(), start);
            Ok(stream.boxed())
        });
        Ok(Response::new(kept(&session, started)?))
    }

    async fn reattach_execute(
        &self,
        request: Request<pb::ReattachExecuteRequest>,
    ) -> Result<Response<Responses>, Status> {
        let pb::ReattachExecuteRequest {
            session_id,
            client_observed_server_side_session_id: _,
            user_context,
            operation_id,
            client_type: _,
            last_response_id,
        } = request.into_inner();
        // No session is created here: PySpark sends the query again if the error contains `SESSION_NOT_FOUND` or
        // `OPERATION_NOT_FOUND` and no response has arrived yet.
        let session = self.known_session(user_context, &session_id)?;
        let stream = session.operation(&operation_id).and_then(|operation| {
            // Its responses are dropped when they are sent.
            if !operation.options.reattachable {
                let why = "The operation was not started as reattachable.";
                return Err(invalid_handle("OPERATION_NOT_REATTACHABLE", &operation_id, why));
            }
            operation.stream(last_response_id.as_deref(), messages_max(&session))
        });
        Ok(Response::new(kept(&session, stream)?.boxed()))
    }

    async fn release_execute(
        &self,
        request: Request<pb::ReleaseExecuteRequest>,
    ) -> Result<Response<pb::ReleaseExecuteResponse>, Status> {
        let pb::ReleaseExecuteRequest {
            session_id,
            client_observed_server_side_session_id: _,
            user_context,
            operation_id,
            client_type: _,
            release,
        } = request.into_inner();
        let session = self.known_session(user_context, &session_id)?;
        // Responses that were dropped need no release: the client sends releases without waiting.
        let known = session.operation(&operation_id).ok();
        match (&known, release) {
            (Some(operation), Some(Release::ReleaseUntil(ReleaseUntil { response_id }))) => {
                kept(&session, operation.release_until(&response_id))?;
            }
            (Some(_), Some(Release::ReleaseAll(ReleaseAll {})) | None) => {
                session.remove_operation(&operation_id)
            }
            (None, _) => {}
        }
        Ok(Response::new(pb::ReleaseExecuteResponse {
            session_id,
            server_side_session_id: session.server_side_id.clone(),
            operation_id: known.map(|_| operation_id),
        }))
    }

    async fn analyze_plan(
        &self,
        request: Request<Deep<pb::AnalyzePlanRequest>>,
    ) -> Result<Response<pb::AnalyzePlanResponse>, Status> {
        let Deep { message, fragments } = request.into_inner();
        let pb::AnalyzePlanRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            client_type: _,
            analyze,
        } = message;
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        let result = match required(analyze, "AnalyzePlanRequest.analyze") {
            Ok(question) => {
                let session = session.clone();
                // Analysis walks the plan by recursion, and only the executor's threads have the stack for deep plans.
                self.executor.run(async move { analyze::answer(&session, question, fragments).await }).await
            }
            Err(error) => Err(error),
        };
        let result = Some(kept(&session, result)?);
        let server_side_session_id = session.server_side_id.clone();
        Ok(Response::new(pb::AnalyzePlanResponse { session_id, server_side_session_id, result }))
    }

    async fn config(
        &self,
        request: Request<pb::ConfigRequest>,
    ) -> Result<Response<pb::ConfigResponse>, Status> {
        let pb::ConfigRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            operation,
            client_type: _,
        } = request.into_inner();
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        let config::ConfigReply { pairs, warnings } =
            kept(&session, config::answer(session.engine.config(), operation))?;
        let server_side_session_id = session.server_side_id.clone();
        Ok(Response::new(pb::ConfigResponse { session_id, server_side_session_id, pairs, warnings }))
    }

    async fn add_artifacts(
        &self,
        request: Request<Streaming<pb::AddArtifactsRequest>>,
    ) -> Result<Response<pb::AddArtifactsResponse>, Status> {
        let mut messages = request.into_inner();
        let mut receiver = Receiver::default();
        let mut session = None;
        while let Some(message) = messages.next().await {
            let pb::AddArtifactsRequest {
                session_id,
                user_context,
                client_observed_server_side_session_id: observed,
                client_type: _,
                payload,
            } = message?;
            let found = self.session(user_context, &session_id, observed.as_deref())?;
            let taken = required(payload, "AddArtifactsRequest.payload").and_then(|p| receiver.take(p));
            kept(&found, taken)?;
            session = Some(found);
        }
        let session = session.ok_or_else(|| Status::invalid_argument("an upload without messages"))?;
        // After the last message: an upload that breaks off leaves nothing.
        for (hash, data) in receiver.complete {
            let put = lock(&session.uploads).put(hash, data);
            kept(&session, put)?;
        }
        Ok(Response::new(pb::AddArtifactsResponse {
            session_id: session.id.clone(),
            server_side_session_id: session.server_side_id.clone(),
            artifacts: receiver.summaries,
        }))
    }

    async fn artifact_status(
        &self,
        request: Request<pb::ArtifactStatusesRequest>,
    ) -> Result<Response<pb::ArtifactStatusesResponse>, Status> {
        let pb::ArtifactStatusesRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            client_type: _,
            names,
        } = request.into_inner();
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        // Clients ask before an upload, and send only what is missing.
        let uploads = lock(&session.uploads);
        let exists = |name: String| {
            let exists = uploads.has(&name);
            (name, pb::artifact_statuses_response::ArtifactStatus { exists })
        };
        let statuses = names.into_iter().map(exists).collect();
        let server_side_session_id = session.server_side_id.clone();
        Ok(Response::new(pb::ArtifactStatusesResponse { session_id, server_side_session_id, statuses }))
    }

    async fn interrupt(
        &self,
        request: Request<pb::InterruptRequest>,
    ) -> Result<Response<pb::InterruptResponse>, Status> {
        let pb::InterruptRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            client_type: _,
            interrupt_type,
            interrupt,
        } = request.into_inner();
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        let interrupted_ids = kept(&session, interrupted(&session, interrupt_type, interrupt))?;
        let server_side_session_id = session.server_side_id.clone();
        Ok(Response::new(pb::InterruptResponse { session_id, server_side_session_id, interrupted_ids }))
    }

    async fn release_session(
        &self,
        request: Request<pb::ReleaseSessionRequest>,
    ) -> Result<Response<pb::ReleaseSessionResponse>, Status> {
        let pb::ReleaseSessionRequest { session_id, user_context, client_type: _, allow_reconnect } =
            request.into_inner();
        let user = user_id(user_context);
        let known = self.sessions.get(&user, &session_id).ok();
        // Also for an unknown session: a client may close before its first call arrives.
        self.sessions.release(&user, &session_id, allow_reconnect);
        let server_side_session_id = known.map(|s| s.server_side_id.clone()).unwrap_or_default();
        Ok(Response::new(pb::ReleaseSessionResponse { session_id, server_side_session_id }))
    }

    async fn fetch_error_details(
        &self,
        request: Request<pb::FetchErrorDetailsRequest>,
    ) -> Result<Response<pb::FetchErrorDetailsResponse>, Status> {
        let pb::FetchErrorDetailsRequest {
            session_id,
            client_observed_server_side_session_id: _,
            user_context,
            error_id,
            client_type: _,
        } = request.into_inner();
        let session = self.known_session(user_context, &session_id)?;
        // For an error that is no longer kept the response is empty; the client then shows the short message.
        let mut response = session.error(&error_id).map(|error| details(&error)).unwrap_or_default();
        response.session_id = session_id;
        response.server_side_session_id.clone_from(&session.server_side_id);
        Ok(Response::new(response))
    }

    async fn clone_session(
        &self,
        request: Request<pb::CloneSessionRequest>,
    ) -> Result<Response<pb::CloneSessionResponse>, Status> {
        let pb::CloneSessionRequest {
            session_id,
            client_observed_server_side_session_id: observed,
            user_context,
            client_type: _,
            new_session_id: _,
        } = request.into_inner();
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        Err(kept::<()>(&session, Err(Error::unsupported("cloning a session (cloneSession)")))
            .err()
            .unwrap_or_else(|| Status::unimplemented("cloneSession")))
    }

    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let pb::GetStatusRequest {
            session_id,
            user_context,
            client_type: _,
            client_observed_server_side_session_id: observed,
            operation_status,
            extensions: _,
        } = request.into_inner();
        let session = self.session(user_context, &session_id, observed.as_deref())?;
        Ok(Response::new(pb::GetStatusResponse {
            session_id,
            server_side_session_id: session.server_side_id.clone(),
            operation_statuses: operation_status.map(|asked| statuses(&session, asked)).unwrap_or_default(),
            extensions: vec![],
        }))
    }
}

/// Converts the options of an execution.
fn execute_options(requested: Vec<RequestOption>, tags: Vec<String>) -> Result<ExecuteOptions> {
    // Spark joins the tags of a job with commas, so its clients refuse the same tags.
    if let Some(tag) = tags.iter().find(|tag| tag.is_empty() || tag.contains(',')) {
        let text = format!("The operation tag '{tag}' is empty or holds a comma.");
        return Err(Error::new(ErrorKind::IllegalArgument, "INVALID_SPARK_CONNECT_TAG", "22023", text));
    }
    let mut options = ExecuteOptions { tags, ..ExecuteOptions::default() };
    for RequestOption { request_option } in requested {
        match required(request_option, "RequestOption.request_option")? {
            Choice::ReattachOptions(pb::ReattachOptions { reattachable }) => {
                options.reattachable = reattachable
            }
            Choice::ResultChunkingOptions(chunking) => options.chunk_bytes = chunk_bytes(chunking),
            Choice::Extension(_) => return Err(Error::unsupported("request options of a plugin")),
        }
    }
    Ok(options)
}

/// Returns the size of chunks: what the client prefers, at most half of the largest message.
fn chunk_bytes(options: pb::ResultChunkingOptions) -> Option<usize> {
    let pb::ResultChunkingOptions { allow_arrow_batch_chunking, preferred_arrow_chunk_size } = options;
    // The ids and the schema have to fit into the message as well.
    let limit = crate::MESSAGE_BYTES_MAX / 2;
    let preferred = preferred_arrow_chunk_size.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    allow_arrow_batch_chunking.then(|| preferred.unwrap_or(limit).min(limit))
}

/// Cancels the operations of a request; returns the ids of those that were running.
fn interrupted(
    session: &ClientSession,
    interrupt_type: i32,
    interrupt: Option<Interrupt>,
) -> Result<Vec<String>> {
    let meant = |id: &str, tags: &[String]| match (InterruptType::try_from(interrupt_type), &interrupt) {
        (Ok(InterruptType::All), _) => Ok(true),
        (Ok(InterruptType::Tag), Some(Interrupt::OperationTag(tag))) => Ok(tags.contains(tag)),
        (Ok(InterruptType::OperationId), Some(Interrupt::OperationId(wanted))) => Ok(wanted == id),
        _ => Err(crate::convert::invalid(format!(
            "The interrupt of type {interrupt_type} does not name what to interrupt."
        ))),
    };
    let mut ids = vec![];
    for operation in session.operations() {
        let id = &operation.identity.operation_id;
        if meant(id, &operation.options.tags)? && operation.cancel() {
            ids.push(id.clone());
        }
    }
    Ok(ids)
}

fn statuses(
    session: &ClientSession,
    asked: pb::get_status_request::OperationStatusRequest,
) -> Vec<pb::get_status_response::OperationStatus> {
    use pb::get_status_response::OperationStatus;
    use pb::get_status_response::operation_status::OperationState;
    let pb::get_status_request::OperationStatusRequest { operation_ids, extensions: _ } = asked;
    let known = session.operations();
    let ids = match operation_ids.is_empty() {
        true => known.iter().map(|o| o.identity.operation_id.clone()).collect(),
        false => operation_ids,
    };
    let state = |id: &String| match known.iter().find(|o| o.identity.operation_id == *id) {
        None => OperationState::Unknown,
        Some(operation) if operation.is_running() => OperationState::Running,
        Some(operation) => match operation.failure().map(|e| e.kind()) {
            None => OperationState::Succeeded,
            Some(ErrorKind::Canceled) => OperationState::Cancelled,
            Some(_) => OperationState::Failed,
        },
    };
    let status =
        |id: String| OperationStatus { state: state(&id).into(), operation_id: id, extensions: vec![] };
    ids.into_iter().map(status).collect()
}
