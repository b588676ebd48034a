//! Runs commands, one file per family. A command has run when its function returns.

mod describe;
pub(crate) mod explain;
mod insert;
mod launch;
mod set;
mod show;
mod store_assignment;
pub(crate) mod stream;
pub(crate) mod streaming_table;
mod write;
mod write_target;

use crate::catalog::CatalogProvider;
use crate::session::{Output, Session};
use arrow::array::{ArrayRef, StringArray};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_sql::ir::Command;
use thalweg_sql::types::{DataType, StructField, StructType};

/// Runs a command.
pub(crate) async fn run(session: &Session, command: Command, text: Option<Arc<str>>) -> Result<Output> {
    match command {
        Command::CreateView(view) => done(session.create_view(view, text).await),
        Command::DropView { name, if_exists } => done(session.drop_view(&name, if_exists).await),
        Command::CreateTable(table) => done(session.create_table(table, text).await),
        Command::DropTable { name, if_exists } => done(session.drop_table(&name, if_exists).await),
        Command::CreateDatabase { name, if_not_exists } => {
            done(session.create_database(&name, if_not_exists).await)
        }
        Command::DropDatabase { name, if_exists, cascade } => {
            done(session.drop_database(&name, if_exists, cascade).await)
        }
        Command::UseDatabase { name } => done(session.set_current_database(&name).await),
        Command::CreateStreamingTable(table) => streaming_table::create(session, table).await,
        Command::Insert(insert) => insert::run(session, insert, text).await,
        Command::Write(write) => write::run(session, write).await,
        Command::WriteStream(write) => stream::start(session, write).await,
        Command::StopJob { id, drain } => stream::stop(session, &id, drain).await,
        Command::StartJob { id } => streaming_table::start_job(session, &id).await,
        Command::ShowJobs => stream::show_jobs(session),
        Command::ShowDatabases { pattern } => show::databases(session, pattern.as_deref()).await,
        Command::ShowTables { database, pattern } => {
            show::tables(session, database.as_deref(), pattern.as_deref()).await
        }
        Command::ShowViews { database, pattern } => {
            show::views(session, database.as_deref(), pattern.as_deref()).await
        }
        Command::ShowColumns { table } => show::columns(session, &table).await,
        Command::ShowFunctions { scope, database, pattern } => {
            show::functions(session, scope, database.as_deref(), pattern.as_deref()).await
        }
        Command::DescribeTable { name, extended } => describe::table(session, &name, extended).await,
        Command::DescribeQuery { query } => describe::query(session, &query, text).await,
        Command::Explain { mode, query } => explain::run(session, &query, mode, text).await,
        Command::Set { key, value } => set::set(session, key, value),
        Command::ExplainSettings => set::explain(session),
        Command::Reset { key } => set::reset(session, key),
    }
}

/// Returns the result of a command without rows.
fn done(changed: Result<()>) -> Result<Output> {
    changed.map(|()| Output::nothing())
}

/// A column of texts for [`rows`].
type TextColumn = (&'static str, Vec<Option<String>>);

/// Returns a result of text columns.
fn rows(columns: Vec<TextColumn>) -> Result<Output> {
    let fields = columns.iter().map(|(name, _)| StructField::new(*name, DataType::String, true)).collect();
    let arrays =
        columns.into_iter().map(|(_, values)| Arc::new(StringArray::from(values)) as ArrayRef).collect();
    Output::of_columns(StructType { fields }, arrays)
}
