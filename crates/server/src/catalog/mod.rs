//! Implements the methods of `spark.catalog`.
//!
//! Each call becomes a call of the session's [`CatalogProvider`], whose typed records become a small table in
//! the layout that the client reads by position. There is no cache: `cacheTable` marks a table's plan, which
//! `isCached` reports; `refreshTable` only checks its table.

mod databases;
mod functions;
mod result_table;
mod tables;
mod views;

use crate::convert::required;
use crate::service::analyze::level_of;
use result_table::ResultTable;
use spark_connect_proto as pb;
use spark_connect_proto::catalog::CatType;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_engine::catalog::{CatalogProvider, matches_pattern};
use thalweg_engine::{Output, Session};

/// Runs a call and returns its result table.
pub(crate) async fn call(session: &Session, proto: pb::Catalog) -> Result<Output> {
    let pb::Catalog { cat_type } = proto;
    match required(cat_type, "Catalog.cat_type")? {
        CatType::CurrentDatabase(pb::CurrentDatabase {}) => ResultTable::text(session.current_database()),
        CatType::SetCurrentDatabase(call) => databases::set_current(session, call).await,
        CatType::ListDatabases(call) => databases::list(session, call).await,
        CatType::GetDatabase(call) => databases::get(session, call).await,
        CatType::DatabaseExists(call) => databases::exists(session, call).await,
        CatType::CreateDatabase(call) => databases::create(session, call).await,
        CatType::DropDatabase(call) => databases::drop(session, call).await,
        CatType::ListTables(call) => tables::list(session, call).await,
        CatType::ListViews(call) => views::list(session, call).await,
        CatType::GetTable(call) => tables::get(session, call).await,
        CatType::TableExists(call) => tables::exists(session, call).await,
        CatType::ListColumns(call) => tables::columns(session, call).await,
        CatType::CreateTable(call) => tables::create(session, call).await,
        CatType::CreateExternalTable(call) => tables::create_external(session, call).await,
        CatType::DropTable(call) => tables::drop(session, call).await,
        CatType::DropView(call) => views::drop(session, call).await,
        CatType::DropTempView(call) => views::drop_temporary(session, call).await,
        CatType::DropGlobalTempView(call) => views::drop_global(session, call).await,
        CatType::ListFunctions(call) => functions::list(session, call).await,
        CatType::GetFunction(call) => functions::get(session, call).await,
        CatType::FunctionExists(call) => functions::exists(session, call).await,
        CatType::CurrentCatalog(pb::CurrentCatalog {}) => ResultTable::text(session.name().to_owned()),
        CatType::SetCurrentCatalog(call) => set_catalog(session, call),
        CatType::ListCatalogs(call) => list_catalogs(session, call),
        CatType::IsCached(pb::IsCached { table_name }) => {
            ResultTable::flag(session.storage_level(&tables::existing(session, &table_name).await?).is_some())
        }
        CatType::CacheTable(pb::CacheTable { table_name, storage_level }) => {
            session.persist(&tables::existing(session, &table_name).await?, level_of(storage_level))?;
            ResultTable::nothing()
        }
        CatType::UncacheTable(pb::UncacheTable { table_name }) => {
            session.unpersist(&tables::existing(session, &table_name).await?);
            ResultTable::nothing()
        }
        CatType::ClearCache(pb::ClearCache {}) => {
            session.unpersist_all();
            ResultTable::nothing()
        }
        CatType::RefreshTable(pb::RefreshTable { table_name }) => {
            tables::existing(session, &table_name).await?;
            ResultTable::nothing()
        }
        // There is no cache of files, so a path has nothing to refresh.
        CatType::RefreshByPath(pb::RefreshByPath { path: _ }) => ResultTable::nothing(),
        CatType::RecoverPartitions(call) => tables::recover_partitions(session, call).await,
        CatType::ListPartitions(call) => tables::partitions(session, call).await,
        CatType::GetTableProperties(call) => tables::properties(session, call).await,
        CatType::GetCreateTableString(call) => tables::statement(session, call).await,
        CatType::TruncateTable(call) => tables::truncate(session, call).await,
        CatType::AnalyzeTable(call) => tables::analyze(session, call).await,
    }
}

fn list_catalogs(catalog: &dyn CatalogProvider, call: pb::ListCatalogs) -> Result<Output> {
    let pb::ListCatalogs { pattern } = call;
    let matches = pattern.is_none_or(|pattern| matches_pattern(catalog.name(), &pattern));
    let names: Vec<_> = matches.then(|| Some(catalog.name().to_owned())).into_iter().collect();
    let descriptions = vec![None; names.len()];
    ResultTable::new().texts("name", names).texts("description", descriptions).done()
}

fn set_catalog(catalog: &dyn CatalogProvider, call: pb::SetCurrentCatalog) -> Result<Output> {
    let pb::SetCurrentCatalog { catalog_name: name } = call;
    if name.eq_ignore_ascii_case(catalog.name()) {
        return ResultTable::nothing();
    }
    let text = format!("The catalog `{name}` not found. There is only `{}`.", catalog.name());
    Err(Error::new(ErrorKind::Analysis, "CATALOG_NOT_FOUND", "42P08", text)
        .param("catalogName", format!("`{name}`")))
}
