//! Functions by name.

use super::answer::{Answer, texts};
use super::run;
use crate::convert::identifier;
use spark_connect_proto as pb;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_engine::{Output, Session};
use thalweg_sql::ir::Command;

async fn names(session: &Session, pattern: Option<String>) -> Result<Vec<String>> {
    let rows = texts(run(session, Command::ShowFunctions { pattern }).await?).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// All functions are built in: they belong to no catalog and count as temporary, as in Spark.
fn answer(names: Vec<String>) -> Result<Output> {
    let n = names.len();
    Answer::new()
        .texts("name", names.into_iter().map(Some).collect())
        .texts("catalog", vec![None; n])
        .lists("namespace", vec![None; n])
        .texts("description", vec![None; n])
        .texts("className", vec![Some(String::new()); n])
        .flags("isTemporary", vec![true; n])
        .done()
}

pub(super) async fn list(session: &Session, call: pb::ListFunctions) -> Result<Output> {
    let pb::ListFunctions { db_name: _, pattern } = call;
    answer(names(session, pattern).await?)
}

async fn find(session: &Session, name: &str) -> Result<Option<String>> {
    let Some(wanted) = identifier(name)?.pop() else { return Ok(None) };
    Ok(names(session, None).await?.into_iter().find(|known| known.eq_ignore_ascii_case(&wanted)))
}

pub(super) async fn get(session: &Session, call: pb::GetFunction) -> Result<Output> {
    let pb::GetFunction { function_name, db_name: _ } = call;
    match find(session, &function_name).await? {
        Some(name) => answer(vec![name]),
        None => {
            let text =
                format!("Cannot resolve routine `{function_name}` on search path [`system`.`builtin`].");
            Err(Error::new(ErrorKind::Analysis, "UNRESOLVED_ROUTINE", "42883", text)
                .param("routineName", format!("`{function_name}`")))
        }
    }
}

pub(super) async fn exists(session: &Session, call: pb::FunctionExists) -> Result<Output> {
    let pb::FunctionExists { function_name, db_name: _ } = call;
    Answer::flag(find(session, &function_name).await?.is_some())
}
