//! Answers the catalog calls on functions.

use super::result_table::ResultTable;
use crate::convert::identifier;
use spark_connect_proto as pb;
use thalweg_common::Result;
use thalweg_engine::Output;
use thalweg_engine::catalog::{CatalogProvider, FunctionInfo};
use thalweg_sql::ir::Name;

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
    let pb::ListFunctions { db_name, pattern } = call;
    // Functions are in no database: those of a database are all functions, and those of a missing one an error.
    if let Some(database) = db_name {
        catalog.get_database(&identifier(&database)?).await?;
    }
    answer(catalog, catalog.list_functions(pattern.as_deref()).await?)
}

pub(super) async fn get(catalog: &dyn CatalogProvider, call: pb::GetFunction) -> Result<Output> {
    let pb::GetFunction { function_name, db_name } = call;
    let name = name_in(catalog, function_name, db_name)?;
    answer(catalog, vec![catalog.get_function(&name).await?])
}

pub(super) async fn exists(catalog: &dyn CatalogProvider, call: pb::FunctionExists) -> Result<Output> {
    let pb::FunctionExists { function_name, db_name } = call;
    let name = name_in(catalog, function_name, db_name)?;
    ResultTable::flag(catalog.function_exists(&name).await?)
}

/// Returns the name of a function; beside a database the name is taken whole.
fn name_in(catalog: &dyn CatalogProvider, function: String, database: Option<String>) -> Result<Name> {
    match database {
        Some(database) => Ok(vec![catalog.name().to_owned(), database, function]),
        None => identifier(&function),
    }
}
