//! `CREATE STREAMING TABLE … AS SELECT … FROM STREAM …`: a table that a query keeps filling.
//!
//! The definition stores the query's text. With `serve` the query continues to run and resumes with the
//! server; otherwise (`thalweg sql`) the statement processes the available input, closes all windows and returns.

use super::stream::{JobRequest, launch};
use crate::catalog::checkpoint::checkpoint;
use crate::catalog::create_table::{already_exists, define};
use crate::catalog::{CatalogProvider, TableDefinition, TableKind, TableName};
use crate::engine::Engine;
use crate::partitioning::{self, Target};
use crate::session::{Output, Session, StreamingQueryInfo};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::Guarantee;
use thalweg_connectors::descriptor::{ConnectorDescriptor, StreamWrite};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;
use thalweg_stream::{StreamingQuery, Trigger};

/// The user of queries whose definitions name none.
const SYSTEM_USER: &str = "system";

/// Runs the statement.
pub(crate) async fn create(session: &Session, table: ir::CreateTable) -> Result<Output> {
    let name = TableName::parse(&table.name, &session.current_database())?;
    let Some(text) = table.text.clone() else {
        return Err(Error::unsupported("a streaming table without a query"));
    };
    let claim = session.catalog.claim(&name).await;
    let old = session.catalog.store.get(&name);
    let definition = match &old {
        None => define_streaming(session, &name, &table, text)?,
        Some(there) => adopt(session, &name, &table, there.clone(), &text)?,
    };
    let query = match &old {
        None => start(session, &name, &definition, None).await?,
        // An existing table keeps the settings that it was created with, whatever those of this session are.
        Some(_) => {
            let owner = session_of(session.engine()?.as_ref(), &definition, session.id()).await?;
            start(&owner, &name, &definition, old.as_ref()).await?
        }
    };
    // The query runs, so a statement that drops the table finds and stops it.
    drop(claim);
    started(session, &query).await
}

/// Puts the definition of a table in the place of `old`, and starts its query.
async fn start(
    session: &Session,
    name: &TableName,
    definition: &TableDefinition,
    old: Option<&TableDefinition>,
) -> Result<StreamingQuery> {
    let resolved = resolve(session, definition).await?;
    partitioning::check(&definition.partition_by, &resolved.schema(), Target::Table(name))?;
    if !session.catalog.store.put_if(&name.database, definition.clone(), old)? {
        return Err(already_exists(name));
    }
    // Put into the catalog before: a server that is killed now resumes the query.
    run(session, name, definition, &resolved).await
}

/// Returns the result of a statement that has started a query.
async fn started(session: &Session, query: &StreamingQuery) -> Result<Output> {
    let info = StreamingQueryInfo { id: query.id(), run_id: query.run_id(), name: query.name() };
    if !session.engine()?.config.resume_jobs {
        // Without a server nothing would run the query after the statement.
        query.await_termination(None).await?;
    }
    Ok(Output { query: Some(info), ..Output::nothing() })
}

/// `START JOB 'name'`: starts the query of a streaming table that was stopped, has failed or did not resume, as the table
/// defines it. A query that runs goes on.
pub(crate) async fn start_job(session: &Session, id: &str) -> Result<Output> {
    let engine = session.engine()?;
    let name = table_of_job(session, id)?;
    let claim = session.catalog.claim(&name).await;
    let old = session.catalog.store.get(&name).filter(|table| table.kind == TableKind::Streaming);
    let Some(old) = old else { return Err(not_startable(&engine, id)) };
    let place = checkpoint(session, &name)?;
    if let Some(running) = engine.jobs().on_checkpoint(&place.to_string_lossy()) {
        return started(session, &running.query).await;
    }
    let definition = TableDefinition { stopped: false, ..old.clone() };
    let owner = session_of(&engine, &definition, session.id()).await?;
    let query = start(&owner, &name, &definition, Some(&old)).await?;
    drop(claim);
    started(session, &query).await
}

/// The error of `START JOB` for a name that no streaming table has.
fn not_startable(engine: &Engine, id: &str) -> Error {
    match engine.jobs().find(id) {
        Ok(_) => Error::unsupported(format!("START JOB of the query '{id}', which fills no streaming table"))
            .hint("Start it with writeStream and the same checkpointLocation."),
        Err(not_found) => not_found,
    }
}

/// Finds the table whose job has this id or name, or that has this name itself.
fn table_of_job(session: &Session, id: &str) -> Result<TableName> {
    let engine = session.engine()?;
    if let Ok(job) = engine.jobs().find(id) {
        let (database, table) = job.table.ok_or_else(|| not_startable(&engine, id))?;
        return Ok(TableName { database, table });
    }
    let parts: Vec<String> = id.split('.').map(str::to_owned).collect();
    TableName::parse(&parts, &session.current_database())
}

fn define_streaming(
    session: &Session,
    name: &TableName,
    table: &ir::CreateTable,
    text: String,
) -> Result<TableDefinition> {
    if table.schema.is_some() {
        return Err(Error::unsupported("a column list in CREATE STREAMING TABLE"));
    }
    // The columns are those of the query, which is resolved afterwards.
    let mut definition = define(session, name, table, None)?;
    let connector = session.catalog.registry.get(&definition.format)?;
    if !is_lasting_target(connector.descriptor()) {
        return Err(Error::unsupported(format!("a streaming table in the format {}", definition.format)));
    }
    definition.kind = TableKind::Streaming;
    definition.text = Some(text);
    definition.settings = session.config().of_definition();
    definition.user = Some(session.user().to_owned());
    Ok(definition)
}

/// Whether a query can keep filling a table: the table knows which rows it has, and each is in it once.
fn is_lasting_target(connector: &ConnectorDescriptor) -> bool {
    let exactly_once = |write: StreamWrite| write.guarantee == Guarantee::ExactlyOnce;
    connector.tables.keeps_columns && connector.stream_write.is_some_and(exactly_once)
}

/// Continues an existing table: the same statement resumes it after a crash or a stop, another one is refused.
fn adopt(
    session: &Session,
    name: &TableName,
    table: &ir::CreateTable,
    mut there: TableDefinition,
    text: &str,
) -> Result<TableDefinition> {
    // Another query has another state, which the checkpoint cannot serve.
    let same = there.kind == TableKind::Streaming && there.text.as_deref() == Some(text);
    let running =
        session.engine()?.jobs().on_checkpoint(&checkpoint(session, name)?.to_string_lossy()).is_some();
    if !same || table.replace || (running && !table.if_not_exists) {
        return Err(already_exists(name));
    }
    // Whoever states the table again wants it to be filled.
    there.stopped = false;
    // Definitions of earlier versions do not have the settings, which are then those of this session.
    if there.user.is_none() {
        there.settings = session.config().of_definition();
        there.user = Some(session.user().to_owned());
    }
    Ok(there)
}

async fn resolve(session: &Session, definition: &TableDefinition) -> Result<ResolvedQuery> {
    let text: Arc<str> = definition.text.clone().unwrap_or_default().into();
    let relation = thalweg_sql::parse_query(&text)?;
    let resolved = session.resolve_stream(&relation, Some(text)).await?;
    if resolved.streaming {
        return Ok(resolved);
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "STREAMING_TABLE_NEEDS_STREAMING_QUERY",
        "42000",
        format!("The query of the streaming table {} reads no stream.", definition.name),
    )
    .hint("Read its source with FROM STREAM name."))
}

async fn run(
    session: &Session,
    name: &TableName,
    definition: &TableDefinition,
    resolved: &ResolvedQuery,
) -> Result<StreamingQuery> {
    let serving = session.engine()?.config.resume_jobs;
    let request = JobRequest {
        format: definition.format.clone(),
        path: Some(definition.location.clone()),
        options: definition.options.clone(),
        partition_by: definition.partition_by.clone(),
        output_mode: ir::WriteOutputMode::Append,
        // Without a server the statement ends, so it takes what is there.
        trigger: if serving { Trigger::ProcessingTime { interval: None } } else { Trigger::AvailableNow },
        name: Some(name.table.clone()),
        checkpoint: checkpoint(session, name)?,
        drain_at_end: !serving,
        table: Some((name.database.clone(), name.table.clone())),
    };
    launch(session, resolved, request).await
}

/// Starts the query of every streaming table that was not stopped by a user. A query that cannot start is logged and
/// listed with its error, and does not prevent the server from starting.
pub(crate) async fn resume_all(engine: &Arc<Engine>) -> Result<()> {
    for database in engine.store.databases() {
        for definition in engine.store.list(&database).unwrap_or_default() {
            if definition.kind != TableKind::Streaming || definition.stopped {
                continue;
            }
            let name = TableName { database: database.clone(), table: definition.name.clone() };
            if let Err(error) = resume(engine, &name, &definition).await {
                tracing::error!(table = %name, %error, "the query of a streaming table did not resume");
                engine.jobs().add_unstarted((name.database, name.table), error);
            }
        }
    }
    Ok(())
}

/// Creates a session as the one that created the table was: with its settings, user and database.
/// `id` is that of the session for which the query runs.
async fn session_of(engine: &Engine, definition: &TableDefinition, id: &str) -> Result<Arc<Session>> {
    // Definitions of earlier versions have no user.
    let session = engine.new_session(definition.user.as_deref().unwrap_or(SYSTEM_USER), id);
    for (key, value) in &definition.settings {
        session.config().set(key, value)?;
    }
    session.set_current_database(std::slice::from_ref(&definition.database)).await?;
    Ok(session)
}

async fn resume(engine: &Arc<Engine>, name: &TableName, definition: &TableDefinition) -> Result<()> {
    let session = session_of(engine, definition, "").await?;
    let resolved = resolve(&session, definition).await?;
    run(&session, name, definition, &resolved).await.map(|_| ())
}

/// Records that the query of a table was stopped by a user, so that it does not resume.
pub(crate) fn stopped(session: &Session, database: &str, table: &str) -> Result<()> {
    let name = TableName { database: database.to_owned(), table: table.to_owned() };
    match session.catalog.store.get(&name) {
        Some(old) if old.kind == TableKind::Streaming => {
            let definition = TableDefinition { stopped: true, ..old.clone() };
            // A table that was dropped, replaced or stated again since then is not the one that was stopped.
            session.catalog.store.put_if(database, definition, Some(&old)).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Returns the table of `toTable(name)`, which is created if it does not exist.
pub(crate) async fn create_target(
    session: &Session,
    parts: &ir::Name,
    write: &ir::WriteStream,
) -> Result<(TableName, TableDefinition)> {
    let name = TableName::parse(parts, &session.current_database())?;
    let table = ir::CreateTable {
        name: parts.clone(),
        schema: None,
        format: write.format.clone(),
        options: vec![],
        properties: vec![],
        partition_by: write.partition_by.clone(),
        location: write.path.clone(),
        comment: None,
        if_not_exists: false,
        replace: false,
        query: None,
        text: None,
    };
    let _claim = session.catalog.claim(&name).await;
    let definition = define(session, &name, &table, None)?;
    if !session.catalog.store.put_if(&name.database, definition.clone(), None)? {
        return Err(already_exists(&name));
    }
    Ok((name, definition))
}
