//! Databases by name.

use super::answer::{Answer, texts};
use super::{CATALOG, run};
use crate::convert::{identifier, refuse_if};
use spark_connect_proto as pb;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_engine::{Output, Session};
use thalweg_sql::ir::Command;

pub(super) async fn set_current(session: &Session, call: pb::SetCurrentDatabase) -> Result<Output> {
    let pb::SetCurrentDatabase { db_name } = call;
    run(session, Command::UseDatabase { name: identifier(&db_name)? }).await
}

async fn names(session: &Session, pattern: Option<String>) -> Result<Vec<String>> {
    let rows = texts(run(session, Command::ShowDatabases { pattern }).await?).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

fn answer(names: Vec<String>) -> Result<Output> {
    let n = names.len();
    // The one database that is always there has Spark's description.
    let description = |name: &String| (name == "default").then(|| "default database".to_owned());
    let descriptions = names.iter().map(description).collect();
    Answer::new()
        .texts("name", names.into_iter().map(Some).collect())
        .texts("catalog", vec![Some(CATALOG.to_owned()); n])
        .texts("description", descriptions)
        .texts("locationUri", vec![None; n])
        .done()
}

pub(super) async fn list(session: &Session, call: pb::ListDatabases) -> Result<Output> {
    let pb::ListDatabases { pattern } = call;
    answer(names(session, pattern).await?)
}

/// The name as it is stored, without its catalog.
async fn find(session: &Session, name: &str) -> Result<Option<String>> {
    let Some(wanted) = identifier(name)?.pop() else { return Ok(None) };
    Ok(names(session, None).await?.into_iter().find(|known| known.eq_ignore_ascii_case(&wanted)))
}

pub(super) async fn get(session: &Session, call: pb::GetDatabase) -> Result<Output> {
    let pb::GetDatabase { db_name } = call;
    match find(session, &db_name).await? {
        Some(name) => answer(vec![name]),
        None => {
            let text = format!(
                "The schema `{db_name}` cannot be found. Verify the spelling and correctness of the schema and catalog."
            );
            Err(Error::new(ErrorKind::Analysis, "SCHEMA_NOT_FOUND", "42704", text)
                .param("schemaName", format!("`{db_name}`")))
        }
    }
}

pub(super) async fn exists(session: &Session, call: pb::DatabaseExists) -> Result<Output> {
    let pb::DatabaseExists { db_name } = call;
    Answer::flag(find(session, &db_name).await?.is_some())
}

pub(super) async fn create(session: &Session, call: pb::CreateDatabase) -> Result<Output> {
    let pb::CreateDatabase { db_name, if_not_exists, properties } = call;
    refuse_if(!properties.is_empty(), "properties of a database")?;
    run(session, Command::CreateDatabase { name: identifier(&db_name)?, if_not_exists }).await
}

pub(super) async fn drop(session: &Session, call: pb::DropDatabase) -> Result<Output> {
    let pb::DropDatabase { db_name, if_exists, cascade } = call;
    run(session, Command::DropDatabase { name: identifier(&db_name)?, if_exists, cascade }).await
}
