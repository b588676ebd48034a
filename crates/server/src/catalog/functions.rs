//! Answers the catalog calls on functions.

use super::result_table::ResultTable;
use crate::convert::identifier;
use spark_connect_proto as pb;
use thalweg_common::Result;
use thalweg_engine::Output;
use thalweg_engine::catalog::{CatalogProvider, FunctionInfo};

fn answer(catalog: &dyn CatalogProvider, all: Vec<FunctionInfo>) -> Result<Output> {
    let texts = |text: fn(&FunctionInfo) -> Option<String>| all.iter().map(text).collect::<Vec<_>>();
    let of_catalog = |f: &FunctionInfo| f.database.is_some().then(|| catalog.name().to_owned());
    // PySpark reads the columns by their positions. No function is a Java class, so the class name is empty.
    ResultTable::new()
        .texts("name", texts(|f| Some(f.name.clone())))
        .texts("catalog", all.iter().map(of_catalog).collect())
        .lists("namespace", texts(|f| f.database.clone()))
        .texts("description", texts(|f| f.comment.clone()))
        .texts("className", vec![Some(String::new()); all.len()])
        .flags("isTemporary", all.iter().map(|f| f.is_temporary).collect())
        .done()
}

pub(super) async fn list(catalog: &dyn CatalogProvider, call: pb::ListFunctions) -> Result<Output> {
    // Functions are in no database, so the name of one selects nothing.
    let pb::ListFunctions { db_name: _, pattern } = call;
    answer(catalog, catalog.list_functions(pattern.as_deref()).await?)
}

pub(super) async fn get(catalog: &dyn CatalogProvider, call: pb::GetFunction) -> Result<Output> {
    let pb::GetFunction { function_name, db_name: _ } = call;
    answer(catalog, vec![catalog.get_function(&identifier(&function_name)?).await?])
}

pub(super) async fn exists(catalog: &dyn CatalogProvider, call: pb::FunctionExists) -> Result<Output> {
    let pb::FunctionExists { function_name, db_name: _ } = call;
    ResultTable::flag(catalog.function_exists(&identifier(&function_name)?).await?)
}
