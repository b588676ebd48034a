//! `CREATE STREAMING TABLE … AS SELECT … FROM STREAM …`: a table that a query keeps filling.
//!
//! The definition stores the query's text. With `serve` the query continues to run and resumes with the
//! server; otherwise (`thalweg sql`) the statement processes the available input, closes all windows and returns.

use super::launch::prepare;
use super::stream::JobRequest;
use crate::catalog::checkpoint::checkpoint;
use crate::catalog::create_table::{already_exists, define};
use crate::catalog::name::not_found;
use crate::catalog::{CatalogProvider, TableDefinition, TableKind, TableName};
use crate::engine::Engine;
use crate::jobs::FoundJob;
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
    let query = match session.catalog.store.get(&name) {
        None => {
            let definition = define_streaming(session, &name, &table, text)?;
            start_new(session, &name, &definition).await?
        }
        Some(old) => {
            let running = running(session, &name)?;
            // Another query has another state, which the checkpoint cannot serve.
            let same = old.kind == TableKind::Streaming && old.text.as_deref() == Some(text.as_str());
            if !same || table.replace || (running.is_some() && !table.if_not_exists) {
                return Err(already_exists(&name));
            }
            match running {
                Some(query) => query,
                None => start_again(session, &name, stated_again(session, &old), &old).await?,
            }
        }
    };
    // The query runs, so a statement that drops the table finds and stops it.
    drop(claim);
    started(session, &query).await
}

/// Returns the query that fills a table now.
fn running(session: &Session, name: &TableName) -> Result<Option<StreamingQuery>> {
    let place = checkpoint(session, name)?;
    Ok(session.engine()?.jobs().on_checkpoint(&place.to_string_lossy()).map(|job| job.query))
}

/// Starts the query of a new table. If it does not start, the table does not exist.
async fn start_new(
    session: &Session,
    name: &TableName,
    definition: &TableDefinition,
) -> Result<StreamingQuery> {
    let started = start(session, name, definition, None).await;
    if started.is_err() {
        // The error of the start is the one to report.
        if let Err(error) = take_back(session, name, definition) {
            tracing::warn!(table = %name, %error, "the definition of a table whose query failed could not be removed");
        }
    }
    started
}

/// Removes the definition of a table whose query did not start. Its folders stay: another process may have written to
/// them meanwhile, and may be why this query did not start.
fn take_back(session: &Session, name: &TableName, definition: &TableDefinition) -> Result<()> {
    let store = &session.catalog.store;
    if store.get(name).as_ref() == Some(definition) {
        store.remove(name)?;
    }
    Ok(())
}

/// The definition of a table whose statement is run again.
fn stated_again(session: &Session, old: &TableDefinition) -> TableDefinition {
    // Whoever states the table again wants it to be filled.
    let mut definition = TableDefinition { stopped: false, ..old.clone() };
    // Definitions of earlier versions do not have the settings, which are then those of this session.
    if definition.user.is_none() {
        definition.settings = session.config().of_definition();
        definition.user = Some(session.user().to_owned());
    }
    definition
}

/// Starts the query of an existing table where it ended, with the settings with which the table was created, whatever
/// those of this session are.
async fn start_again(
    session: &Session,
    name: &TableName,
    definition: TableDefinition,
    old: &TableDefinition,
) -> Result<StreamingQuery> {
    let owner = session_of(session.engine()?.as_ref(), &definition, session.id()).await?;
    start(&owner, name, &definition, Some(old)).await
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
    // A query that is refused changes nothing in the catalog.
    let query = prepare(session, &resolved, job_request(session, name, definition)?).await?;
    if !session.catalog.store.put_if(&name.database, definition.clone(), old)? {
        return Err(already_exists(name));
    }
    // Put into the catalog before: a server that is killed now resumes the query.
    query.start(session).await
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
    let name = table_of_job(session, id)?;
    let claim = session.catalog.claim(&name).await;
    let Some(old) = streaming(session, &name) else { return Err(not_found(&name.qualifier())) };
    let query = match running(session, &name)? {
        Some(query) => query,
        None => {
            let definition = TableDefinition { stopped: false, ..old.clone() };
            start_again(session, &name, definition, &old).await?
        }
    };
    drop(claim);
    started(session, &query).await
}

/// Returns the streaming table of a name.
fn streaming(session: &Session, name: &TableName) -> Option<TableDefinition> {
    session.catalog.store.get(name).filter(|table| table.kind == TableKind::Streaming)
}

/// Returns the streaming table that has this name itself; its database is the current one unless it is given.
fn table_named(session: &Session, id: &str) -> Option<TableName> {
    let parts: Vec<String> = id.split('.').map(str::to_owned).collect();
    let name = TableName::parse(&parts, &session.current_database()).ok()?;
    streaming(session, &name).map(|_| name)
}

/// Finds the query with that id or name, or of the table with that name.
pub(super) fn find_job(session: &Session, id: &str) -> Result<FoundJob> {
    // A table of the current database is meant, even if its query was stopped, and not one of another database.
    let hides_others = table_named(session, id).is_some();
    session.engine()?.jobs().find(id, &session.current_database(), hides_others)
}

/// Finds the streaming table that has this name itself, or whose job has this id or name.
fn table_of_job(session: &Session, id: &str) -> Result<TableName> {
    if let Some(name) = table_named(session, id) {
        return Ok(name);
    }
    let found = find_job(session, id)?;
    let name =
        found.table().map(|(database, table)| TableName { database: database.clone(), table: table.clone() });
    name.filter(|name| streaming(session, name).is_some()).ok_or_else(|| {
        Error::unsupported(format!("START JOB of the query '{id}', which fills no streaming table"))
            .hint("Start it with writeStream and the same checkpointLocation.")
    })
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

/// Returns how the query of a table runs.
fn job_request(session: &Session, name: &TableName, definition: &TableDefinition) -> Result<JobRequest> {
    let serving = session.engine()?.config.resume_jobs;
    Ok(JobRequest {
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
    })
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
    let query = prepare(&session, &resolved, job_request(&session, name, definition)?).await?;
    query.start(&session).await.map(|_| ())
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
