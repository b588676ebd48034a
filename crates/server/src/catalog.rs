//! What do the methods of `spark.catalog` answer?
//!
//! Each call becomes commands and questions to the session and is answered by a small table in the
//! layout that the client reads by position. There is no cache: `cacheTable` marks
//! a table's plan, which `isCached` tells; `refreshTable` only checks its table.

mod answer;
mod databases;
mod functions;
mod tables;

use crate::convert::{identifier, required};
use crate::service::analyze::level_of;
use answer::Answer;
use spark_connect_proto as pb;
use spark_connect_proto::catalog::CatType;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_engine::{Output, Session};
use thalweg_sql::ir::{Command, Statement};

/// The one catalog's name.
const CATALOG: &str = "spark_catalog";

/// The answer to a call.
pub(crate) async fn call(session: &Session, proto: pb::Catalog) -> Result<Output> {
    let pb::Catalog { cat_type } = proto;
    match required(cat_type, "Catalog.cat_type")? {
        CatType::CurrentDatabase(pb::CurrentDatabase {}) => Answer::text(session.current_database()),
        CatType::SetCurrentDatabase(call) => databases::set_current(session, call).await,
        CatType::ListDatabases(call) => databases::list(session, call).await,
        CatType::GetDatabase(call) => databases::get(session, call).await,
        CatType::DatabaseExists(call) => databases::exists(session, call).await,
        CatType::CreateDatabase(call) => databases::create(session, call).await,
        CatType::DropDatabase(call) => databases::drop(session, call).await,
        CatType::ListTables(call) => tables::list(session, call).await,
        CatType::ListViews(call) => tables::views(session, call).await,
        CatType::GetTable(call) => tables::get(session, call).await,
        CatType::TableExists(call) => tables::exists(session, call).await,
        CatType::ListColumns(call) => tables::columns(session, call).await,
        CatType::CreateTable(call) => tables::create(session, call).await,
        CatType::CreateExternalTable(call) => tables::create_external(session, call).await,
        CatType::DropTable(call) => tables::drop(session, call).await,
        CatType::DropView(pb::DropView { view_name, if_exists }) => {
            run(session, Command::DropView { name: identifier(&view_name)?, if_exists }).await?;
            Answer::nothing()
        }
        CatType::DropTempView(pb::DropTempView { view_name }) => {
            tables::drop_temporary(session, vec![view_name]).await
        }
        CatType::DropGlobalTempView(pb::DropGlobalTempView { view_name }) => {
            tables::drop_temporary(session, vec!["global_temp".to_owned(), view_name]).await
        }
        CatType::ListFunctions(call) => functions::list(session, call).await,
        CatType::GetFunction(call) => functions::get(session, call).await,
        CatType::FunctionExists(call) => functions::exists(session, call).await,
        CatType::CurrentCatalog(pb::CurrentCatalog {}) => Answer::text(CATALOG.to_owned()),
        CatType::SetCurrentCatalog(pb::SetCurrentCatalog { catalog_name }) => set_catalog(&catalog_name),
        CatType::ListCatalogs(pb::ListCatalogs { pattern }) => {
            let matches = pattern.is_none_or(|p| matches_pattern(CATALOG, &p));
            let names: Vec<_> = matches.then(|| Some(CATALOG.to_owned())).into_iter().collect();
            let descriptions = vec![None; names.len()];
            Answer::new().texts("name", names).texts("description", descriptions).done()
        }
        CatType::IsCached(pb::IsCached { table_name }) => {
            Answer::flag(session.storage_level(&tables::existing(session, &table_name).await?).is_some())
        }
        CatType::CacheTable(pb::CacheTable { table_name, storage_level }) => {
            session.persist(&tables::existing(session, &table_name).await?, level_of(storage_level))?;
            Answer::nothing()
        }
        CatType::UncacheTable(pb::UncacheTable { table_name }) => {
            session.unpersist(&tables::existing(session, &table_name).await?)?;
            Answer::nothing()
        }
        CatType::ClearCache(pb::ClearCache {}) => {
            session.unpersist_all()?;
            Answer::nothing()
        }
        CatType::RefreshTable(pb::RefreshTable { table_name }) => {
            tables::existing(session, &table_name).await?;
            Answer::nothing()
        }
        CatType::RefreshByPath(pb::RefreshByPath { path: _ }) => Answer::nothing(),
        CatType::RecoverPartitions(_) => Err(Error::unsupported("recoverPartitions")),
        CatType::ListPartitions(_) => Err(Error::unsupported("listPartitions")),
        CatType::GetTableProperties(_) => Err(Error::unsupported("getTableProperties")),
        CatType::GetCreateTableString(_) => Err(Error::unsupported("getCreateTableString")),
        CatType::TruncateTable(_) => Err(Error::unsupported("truncateTable")),
        CatType::AnalyzeTable(_) => Err(Error::unsupported("analyzeTable")),
    }
}

/// Runs a command.
async fn run(session: &Session, command: Command) -> Result<Output> {
    session.execute(Statement::Command(command), None).await
}

fn set_catalog(name: &str) -> Result<Output> {
    if name.eq_ignore_ascii_case(CATALOG) {
        return Answer::nothing();
    }
    let text = format!("The catalog `{name}` not found. There is only `{CATALOG}`.");
    Err(Error::new(ErrorKind::Analysis, "CATALOG_NOT_FOUND", "42P08", text)
        .param("catalogName", format!("`{name}`")))
}

/// Spark's patterns of names: `*` stands for any text, `|` parts alternatives, case does not count.
fn matches_pattern(name: &str, pattern: &str) -> bool {
    pattern.split('|').any(|alternative| glob(&name.to_lowercase(), &alternative.trim().to_lowercase()))
}

fn glob(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.filter_map(|at| rest.get(at..)).any(|rest| glob(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_knows_stars_and_alternatives() {
        for (pattern, expect) in [("spark*", true), ("*", true), ("x|SPARK_catalog", true), ("spark", false)]
        {
            assert_eq!(matches_pattern(CATALOG, pattern), expect, "{pattern}");
        }
    }
}
