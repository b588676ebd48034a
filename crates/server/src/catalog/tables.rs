//! Answers the catalog calls on tables.

use super::result_table::ResultTable;
use crate::convert::{identifier, options, refuse_if, types};
use spark_connect_proto as pb;
use thalweg_common::Result;
use thalweg_engine::catalog::{CatalogProvider, ColumnInfo, TableInfo};
use thalweg_engine::{Output, Session};
use thalweg_sql::ir::{CreateTable, Name, Relation, RelationNode};
use thalweg_sql::types::StructType;

pub(super) fn answer(catalog: &dyn CatalogProvider, all: Vec<TableInfo>) -> Result<Output> {
    let texts = |text: fn(&TableInfo) -> Option<String>| all.iter().map(text).collect::<Vec<_>>();
    // A temporary view is in no catalog, as in Spark.
    let of_catalog = |t: &TableInfo| (!t.is_temporary).then(|| catalog.name().to_owned());
    ResultTable::new()
        .texts("name", texts(|t| Some(t.name.clone())))
        .texts("catalog", all.iter().map(of_catalog).collect())
        .lists("namespace", texts(|t| t.database.clone()))
        .texts("description", texts(|t| t.comment.clone()))
        .texts("tableType", texts(|t| Some(t.table_type().to_owned())))
        .flags("isTemporary", all.iter().map(|t| t.is_temporary).collect())
        .done()
}

/// Converts the name of a database that the client may leave out.
pub(super) fn database(name: Option<String>) -> Result<Option<Name>> {
    name.as_deref().filter(|n| !n.is_empty()).map(identifier).transpose()
}

/// Converts the name of a table, in `database` if the client gives one separately.
fn name_in(table: &str, database: Option<String>) -> Result<Name> {
    let mut name = database.map(|d| vec![d]).unwrap_or_default();
    name.extend(identifier(table)?);
    Ok(name)
}

pub(super) async fn list(catalog: &dyn CatalogProvider, call: pb::ListTables) -> Result<Output> {
    let pb::ListTables { db_name, pattern } = call;
    let database = database(db_name)?;
    answer(catalog, catalog.list_tables(database.as_deref(), pattern.as_deref()).await?)
}

pub(super) async fn get(catalog: &dyn CatalogProvider, call: pb::GetTable) -> Result<Output> {
    let pb::GetTable { table_name, db_name } = call;
    answer(catalog, vec![catalog.get_table(&name_in(&table_name, db_name)?).await?])
}

pub(super) async fn exists(catalog: &dyn CatalogProvider, call: pb::TableExists) -> Result<Output> {
    let pb::TableExists { table_name, db_name } = call;
    ResultTable::flag(catalog.table_exists(&name_in(&table_name, db_name)?).await?)
}

pub(super) async fn columns(catalog: &dyn CatalogProvider, call: pb::ListColumns) -> Result<Output> {
    let pb::ListColumns { table_name, db_name } = call;
    let all = catalog.list_columns(&name_in(&table_name, db_name)?).await?;
    let texts = |text: fn(&ColumnInfo) -> Option<String>| all.iter().map(text).collect::<Vec<_>>();
    // PySpark reads these columns by their positions, and no table has buckets or clusters.
    let none = || vec![false; all.len()];
    ResultTable::new()
        .texts("name", texts(|c| Some(c.name.clone())))
        .texts("description", texts(|c| c.comment.clone()))
        .texts("dataType", texts(|c| Some(c.data_type.simple_string())))
        .flags("nullable", all.iter().map(|c| c.nullable).collect())
        .flags("isPartition", all.iter().map(|c| c.is_partition).collect())
        .flags("isBucket", none())
        .flags("isCluster", none())
        .done()
}

async fn schema(session: &Session, name: Name) -> Result<StructType> {
    let node = RelationNode::Table { name, options: vec![], streaming: false };
    Ok(session.analyze(&Relation::new(node), None).await?.schema)
}

/// Returns the relation of a table or view, which must exist.
pub(super) async fn existing(session: &Session, table: &str) -> Result<Relation> {
    let name = identifier(table)?;
    schema(session, name.clone()).await?;
    Ok(Relation::new(RelationNode::Table { name, options: vec![], streaming: false }))
}

pub(super) async fn create(session: &Session, call: pb::CreateTable) -> Result<Output> {
    let pb::CreateTable { table_name, path, source, description, schema, options: given } = call;
    let schema = schema.map(types::schema_from_proto).transpose()?.filter(|s| !s.fields.is_empty());
    let table = CreateTable {
        name: identifier(&table_name)?,
        schema,
        format: source.filter(|s| !s.is_empty()),
        options: options(given),
        properties: vec![],
        partition_by: vec![],
        location: path.filter(|p| !p.is_empty()),
        comment: description.filter(|d| !d.is_empty()),
        if_not_exists: false,
        replace: false,
        query: None,
        text: None,
    };
    let name = table.name.clone();
    session.create_table(table, None).await?;
    // The client expects the table's columns, as a result without rows.
    let schema = self::schema(session, name).await?;
    Ok(Output { schema, ..Output::nothing() })
}

pub(super) async fn create_external(session: &Session, call: pb::CreateExternalTable) -> Result<Output> {
    let pb::CreateExternalTable { table_name, path, source, schema, options } = call;
    create(session, pb::CreateTable { table_name, path, source, description: None, schema, options }).await
}

pub(super) async fn drop(catalog: &dyn CatalogProvider, call: pb::DropTable) -> Result<Output> {
    let pb::DropTable { table_name, if_exists, purge } = call;
    refuse_if(purge, "dropTable(purge=True)")?;
    catalog.drop_table(&identifier(&table_name)?, if_exists).await?;
    ResultTable::nothing()
}

pub(super) async fn recover_partitions(
    catalog: &dyn CatalogProvider,
    call: pb::RecoverPartitions,
) -> Result<Output> {
    let pb::RecoverPartitions { table_name } = call;
    catalog.recover_partitions(&identifier(&table_name)?).await?;
    ResultTable::nothing()
}

pub(super) async fn partitions(catalog: &dyn CatalogProvider, call: pb::ListPartitions) -> Result<Output> {
    let pb::ListPartitions { table_name } = call;
    let all = catalog.list_partitions(&identifier(&table_name)?).await?;
    ResultTable::new().texts("partition", all.into_iter().map(Some).collect()).done()
}

pub(super) async fn properties(
    catalog: &dyn CatalogProvider,
    call: pb::GetTableProperties,
) -> Result<Output> {
    let pb::GetTableProperties { table_name } = call;
    let all = catalog.table_properties(&identifier(&table_name)?).await?;
    let (keys, values) = all.into_iter().map(|(key, value)| (Some(key), Some(value))).unzip();
    ResultTable::new().texts("key", keys).texts("value", values).done()
}

pub(super) async fn statement(
    catalog: &dyn CatalogProvider,
    call: pb::GetCreateTableString,
) -> Result<Output> {
    let pb::GetCreateTableString { table_name, as_serde } = call;
    refuse_if(as_serde, "getCreateTableString(asSerde=True)")?;
    ResultTable::text(catalog.create_table_statement(&identifier(&table_name)?).await?)
}

pub(super) async fn truncate(catalog: &dyn CatalogProvider, call: pb::TruncateTable) -> Result<Output> {
    let pb::TruncateTable { table_name } = call;
    catalog.truncate_table(&identifier(&table_name)?).await?;
    ResultTable::nothing()
}

pub(super) async fn analyze(catalog: &dyn CatalogProvider, call: pb::AnalyzeTable) -> Result<Output> {
    let pb::AnalyzeTable { table_name, no_scan } = call;
    catalog.analyze_table(&identifier(&table_name)?, no_scan).await?;
    ResultTable::nothing()
}
