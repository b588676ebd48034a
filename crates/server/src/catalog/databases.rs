//! Answers the catalog calls on databases.

use super::result_table::ResultTable;
use crate::convert::{identifier, refuse_if};
use spark_connect_proto as pb;
use thalweg_common::Result;
use thalweg_engine::Output;
use thalweg_engine::catalog::{CatalogProvider, DatabaseInfo};

pub(super) async fn set_current(
    catalog: &dyn CatalogProvider,
    call: pb::SetCurrentDatabase,
) -> Result<Output> {
    let pb::SetCurrentDatabase { db_name } = call;
    catalog.set_current_database(&identifier(&db_name)?).await?;
    ResultTable::nothing()
}

fn answer(catalog: &dyn CatalogProvider, all: Vec<DatabaseInfo>) -> Result<Output> {
    let texts = |text: fn(&DatabaseInfo) -> Option<String>| all.iter().map(text).collect::<Vec<_>>();
    ResultTable::new()
        .texts("name", texts(|d| Some(d.name.clone())))
        .texts("catalog", vec![Some(catalog.name().to_owned()); all.len()])
        .texts("description", texts(|d| d.comment.clone()))
        .texts("locationUri", texts(|d| d.location.clone()))
        .done()
}

pub(super) async fn list(catalog: &dyn CatalogProvider, call: pb::ListDatabases) -> Result<Output> {
    let pb::ListDatabases { pattern } = call;
    answer(catalog, catalog.list_databases(pattern.as_deref()).await?)
}

pub(super) async fn get(catalog: &dyn CatalogProvider, call: pb::GetDatabase) -> Result<Output> {
    let pb::GetDatabase { db_name } = call;
    answer(catalog, vec![catalog.get_database(&identifier(&db_name)?).await?])
}

pub(super) async fn exists(catalog: &dyn CatalogProvider, call: pb::DatabaseExists) -> Result<Output> {
    let pb::DatabaseExists { db_name } = call;
    ResultTable::flag(catalog.database_exists(&identifier(&db_name)?).await?)
}

pub(super) async fn create(catalog: &dyn CatalogProvider, call: pb::CreateDatabase) -> Result<Output> {
    let pb::CreateDatabase { db_name, if_not_exists, properties } = call;
    refuse_if(!properties.is_empty(), "properties of a database")?;
    catalog.create_database(&identifier(&db_name)?, if_not_exists).await?;
    ResultTable::nothing()
}

pub(super) async fn drop(catalog: &dyn CatalogProvider, call: pb::DropDatabase) -> Result<Output> {
    let pb::DropDatabase { db_name, if_exists, cascade } = call;
    catalog.drop_database(&identifier(&db_name)?, if_exists, cascade).await?;
    ResultTable::nothing()
}
