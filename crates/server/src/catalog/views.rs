//! Answers the catalog calls on views.

use super::result_table::ResultTable;
use super::tables::{answer, database};
use crate::convert::identifier;
use spark_connect_proto as pb;
use thalweg_common::Result;
use thalweg_engine::Output;
use thalweg_engine::catalog::CatalogProvider;
use thalweg_engine::catalog::session::GLOBAL_TEMP;

pub(super) async fn list(catalog: &dyn CatalogProvider, call: pb::ListViews) -> Result<Output> {
    let pb::ListViews { db_name, pattern } = call;
    let database = database(db_name)?;
    answer(catalog, catalog.list_views(database.as_deref(), pattern.as_deref()).await?)
}

pub(super) async fn drop(catalog: &dyn CatalogProvider, call: pb::DropView) -> Result<Output> {
    let pb::DropView { view_name, if_exists } = call;
    catalog.drop_view(&identifier(&view_name)?, if_exists).await?;
    ResultTable::nothing()
}

pub(super) async fn drop_temporary(catalog: &dyn CatalogProvider, call: pb::DropTempView) -> Result<Output> {
    let pb::DropTempView { view_name } = call;
    // The name of a temporary view is not split at its dots, as in Spark.
    ResultTable::flag(catalog.drop_temporary_view(&[view_name]).await?)
}

pub(super) async fn drop_global(
    catalog: &dyn CatalogProvider,
    call: pb::DropGlobalTempView,
) -> Result<Output> {
    let pb::DropGlobalTempView { view_name } = call;
    ResultTable::flag(catalog.drop_temporary_view(&[GLOBAL_TEMP.to_owned(), view_name]).await?)
}
