//! Runs an execution from its request to its last response.

use crate::convert::{self, ClientRequest, Sql};
use crate::executor::{Executor, broken};
use crate::operation::ExecuteOperation;
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

/// Runs an operation, which ends with its work or when it is canceled. The work runs on the executor's
/// threads, so that work that never yields delays neither its cancellation nor other clients. Canceled work
/// ends where it next yields or checks its flag.
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
            // A cancellation that was reported as successful wins over an end at the same time.
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

/// The parameters of an execution.
pub(crate) struct Start {
    pub session: Arc<ClientSession>,
    pub operation: Arc<ExecuteOperation>,
    pub plan: Deep<pb::Plan>,
}

async fn run(
    engine: &Engine,
    session: &ClientSession,
    operation: &ExecuteOperation,
    plan: Deep<pb::Plan>,
) -> Result<()> {
    let Deep { message: plan, fragments } = plan;
    let request = converter(session, fragments, |converter| convert::request(converter, plan))?;
    // Read once: a setting that changes while the rows are sent must not change their zone.
    let format = rows::RowFormat::of(session.engine.config());
    match request {
        ClientRequest::Statement(statement) => {
            let is_query = matches!(*statement, ir::Statement::Query(_));
            let output = session.engine.execute(*statement, None).await?;
            match (&output.query, is_query) {
                (Some(query), _) => operation.answer(streaming::started(query.clone())).await,
                (None, true) => rows::send(operation, output, &format).await?,
                // A command has run only when its rows are read.
                (None, false) => drop(output.collect().await?),
            }
        }
        ClientRequest::Sql(sql) => {
            operation.answer(sql_command(session, *sql, &format.time_zone).await?).await
        }
        ClientRequest::Catalog(call) => {
            let output = catalog::call(&session.engine, call).await?;
            rows::send(operation, output, &format).await?;
        }
        ClientRequest::StreamingQuery(command) => {
            operation.answer(streaming::query(engine.jobs(), command).await?).await;
        }
        ClientRequest::StreamingQueryManager(command) => {
            operation.answer(streaming::manage(engine.jobs(), session, command).await?).await;
        }
        ClientRequest::Resources => {
            operation.answer(ResponseType::GetResourcesCommandResult(Default::default())).await;
        }
    }
    // It distinguishes the end of the operation from that of a stream that was cut.
    if operation.options.reattachable {
        operation.answer(ResponseType::ResultComplete(ResultComplete {})).await;
    }
    Ok(())
}

/// Analyses a query now, so that the call returns its errors; it runs when the client requests its rows.
/// Runs a command now, and returns its rows as a relation.
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

/// Converts the rows of a command to a relation that the client can execute.
async fn local(output: Output, time_zone: &str) -> Result<pb::Relation> {
    let schema = output.schema.to_json();
    // The client may execute the relation again, so its rows travel with it and the command does not run twice.
    let batch = rows::collect(output, time_zone).await?;
    let data = rows::ipc(&batch).map_err(rows::unencodable)?;
    let local = pb::LocalRelation { data: Some(data.into()), schema: Some(schema) };
    Ok(pb::Relation { common: None, rel_type: Some(RelType::LocalRelation(local)) })
}
