//! What does an execution do, from the request to its last response?

use crate::convert::{self, Request, Sql};
use crate::executor::{Executor, broken};
use crate::operation::Operation;
use crate::service::converter;
use crate::session::ClientSession;
use crate::wire::Deep;
use crate::{catalog, rows, streaming};
use spark_connect_proto as pb;
use spark_connect_proto::execute_plan_response::{ResponseType, ResultComplete, SqlCommandResult};
use spark_connect_proto::relation::RelType;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::cancel::Cancellation;
use thalweg_engine::{Engine, Output};
use thalweg_sql::ir;

/// Runs an operation, which ends with its work or when it is canceled. The work is on the executor's
/// threads: one that never pauses can neither hold up its own cancel nor other clients. What is canceled
/// ends where it next pauses, or looks at its flag.
pub(crate) fn start(executor: &Executor, engine: Arc<Engine>, start: Start) {
    let Start { session, operation, plan } = start;
    let work = {
        let (session, operation) = (session.clone(), operation.clone());
        async move { run(&engine, &session, &operation, plan).await }
    };
    let cancellation = Cancellation::default();
    let mut task = executor.spawn(cancellation.scope(work));
    tokio::spawn(async move {
        let result = tokio::select! {
            // Whoever was told that it interrupted a running operation finds it interrupted.
            biased;
            error = operation.canceled() => {
                cancellation.cancel();
                task.abort();
                Err(error)
            }
            result = &mut task => result.unwrap_or_else(|e| Err(broken(&e))),
        };
        let id = &operation.identity.operation_id;
        match &result {
            Ok(()) => tracing::debug!(operation = id, "done"),
            Err(error) => tracing::debug!(operation = id, %error, "failed"),
        }
        operation.finish(result.map_err(|error| {
            let id = session.keep_error(&error);
            (error, id)
        }));
    });
}

/// An execution that begins.
pub(crate) struct Start {
    pub session: Arc<ClientSession>,
    pub operation: Arc<Operation>,
    pub plan: Deep<pb::Plan>,
}

async fn run(
    engine: &Engine,
    session: &ClientSession,
    operation: &Operation,
    plan: Deep<pb::Plan>,
) -> Result<()> {
    let Deep { message: plan, fragments } = plan;
    let request = converter(session, fragments, |converter| convert::request(converter, plan))?;
    let form = rows::Form::of(session.engine.config());
    match request {
        Request::Statement(statement) => {
            let is_query = matches!(*statement, ir::Statement::Query(_));
            let output = session.engine.execute(*statement, None).await?;
            match (&output.query, is_query) {
                (Some(query), _) => operation.answer(streaming::started(query.clone())).await,
                (None, true) => rows::send(operation, output, &form).await?,
                (None, false) => drop(output.collect().await?),
            }
        }
        Request::Sql(sql) => operation.answer(sql_command(session, *sql, &form.time_zone).await?).await,
        Request::Catalog(call) => {
            let output = catalog::call(&session.engine, call).await?;
            rows::send(operation, output, &form).await?;
        }
        Request::StreamingQuery(command) => {
            operation.answer(streaming::query(engine.jobs(), command).await?).await;
        }
        Request::StreamingQueryManager(command) => {
            operation.answer(streaming::manage(engine.jobs(), session, command).await?).await;
        }
        Request::Resources => {
            operation.answer(ResponseType::GetResourcesCommandResult(Default::default())).await;
        }
    }
    if operation.options.reattachable {
        operation.answer(ResponseType::ResultComplete(ResultComplete {})).await;
    }
    Ok(())
}

/// A query is analysed now, so that its errors surface here, and runs when the client asks for rows.
/// A command runs now, and its rows go back as a relation.
async fn sql_command(session: &ClientSession, sql: Sql, time_zone: &str) -> Result<ResponseType> {
    let relation = match sql {
        Sql::Query { sent, query } => {
            session.engine.analyze(&query, None).await?;
            sent
        }
        Sql::Command { command, text } => {
            let statement = ir::Statement::Command(command);
            let output = session.engine.execute(statement, Some(text.into())).await?;
            local(output, time_zone).await?
        }
    };
    Ok(ResponseType::SqlCommandResult(SqlCommandResult { relation: Some(relation) }))
}

/// The rows of a command as a relation that the client can read again.
async fn local(output: Output, time_zone: &str) -> Result<pb::Relation> {
    let schema = output.schema.to_json();
    let batch = rows::collect(output, time_zone).await?;
    let data = rows::ipc(&batch).map_err(rows::unencodable)?;
    let local = pb::LocalRelation { data: Some(data.into()), schema: Some(schema) };
    Ok(pb::Relation { common: None, rel_type: Some(RelType::LocalRelation(local)) })
}
