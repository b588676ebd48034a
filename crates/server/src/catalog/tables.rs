//! Tables and views by name.

use super::answer::{Answer, texts};
use super::{CATALOG, run};
use crate::convert::{identifier, options, refuse_if, types};
use spark_connect_proto as pb;
use thalweg_common::{Error, Result};
use thalweg_engine::{Output, Session};
use thalweg_sql::ir::{Command, CreateTable, Name, Relation, RelationNode};
use thalweg_sql::types::StructType;

/// A table as a listing names it. A temporary view has no database.
struct Listed {
    database: Option<String>,
    name: String,
    kind: String,
}

impl Listed {
    fn is_temporary(&self) -> bool {
        self.kind == "TEMPORARY"
    }
}

/// The rows of `SHOW TABLES` and `SHOW VIEWS`: database, name, whether temporary.
async fn listed(session: &Session, command: Command) -> Result<Vec<Listed>> {
    let mut all = vec![];
    for row in texts(run(session, command).await?).await? {
        let mut cells = row.into_iter();
        let database = cells.next().flatten().filter(|d| !d.is_empty());
        let name = cells.next().flatten().unwrap_or_default();
        let temporary = cells.next().flatten().as_deref() == Some("true");
        let kind = if temporary { "TEMPORARY".to_owned() } else { kind(session, &database, &name).await? };
        all.push(Listed { database: database.filter(|_| !temporary), name, kind });
    }
    Ok(all)
}

/// `MANAGED`, `EXTERNAL` or `VIEW`, as DESCRIBE tells.
async fn kind(session: &Session, database: &Option<String>, name: &str) -> Result<String> {
    let name = database.iter().cloned().chain([name.to_owned()]).collect();
    let lines = texts(run(session, Command::DescribeTable { name, extended: true }).await?).await?;
    let is_type =
        |line: &&Vec<Option<String>>| line.first().is_some_and(|key| key.as_deref() == Some("Type"));
    let details = lines.iter().rev().find(is_type);
    Ok(details.and_then(|line| line.get(1).cloned().flatten()).unwrap_or_else(|| "MANAGED".to_owned()))
}

fn answer(all: Vec<Listed>) -> Result<Output> {
    let texts = |text: fn(&Listed) -> Option<String>| all.iter().map(text).collect::<Vec<_>>();
    Answer::new()
        .texts("name", texts(|t| Some(t.name.clone())))
        .texts("catalog", texts(|t| t.database.is_some().then(|| CATALOG.to_owned())))
        .lists("namespace", texts(|t| t.database.clone()))
        .texts("description", texts(|_| None))
        .texts("tableType", texts(|t| Some(t.kind.clone())))
        .flags("isTemporary", all.iter().map(Listed::is_temporary).collect())
        .done()
}

fn database(name: Option<String>) -> Result<Option<Name>> {
    name.as_deref().filter(|n| !n.is_empty()).map(identifier).transpose()
}

pub(super) async fn list(session: &Session, call: pb::ListTables) -> Result<Output> {
    let pb::ListTables { db_name, pattern } = call;
    let command = Command::ShowTables { database: database(db_name)?, pattern };
    answer(listed(session, command).await?)
}

pub(super) async fn views(session: &Session, call: pb::ListViews) -> Result<Output> {
    let pb::ListViews { db_name, pattern } = call;
    let command = Command::ShowViews { database: database(db_name)?, pattern };
    answer(listed(session, command).await?)
}

/// The name of a table, in `database` if the client gives one apart.
fn name_in(table: &str, database: Option<String>) -> Result<Name> {
    let mut name = database.map(|d| vec![d]).unwrap_or_default();
    name.extend(identifier(table)?);
    Ok(name)
}

async fn schema(session: &Session, name: Name) -> Result<StructType> {
    let node = RelationNode::Table { name, options: vec![], streaming: false };
    Ok(session.analyze(&Relation::new(node), None).await?.schema)
}

/// The relation of a table or view that must exist.
pub(super) async fn existing(session: &Session, table: &str) -> Result<Relation> {
    let name = identifier(table)?;
    schema(session, name.clone()).await?;
    Ok(Relation::new(RelationNode::Table { name, options: vec![], streaming: false }))
}

pub(super) async fn get(session: &Session, call: pb::GetTable) -> Result<Output> {
    let pb::GetTable { table_name, db_name } = call;
    let name = name_in(&table_name, db_name)?;
    schema(session, name.clone()).await?;
    let last = name.last().cloned().unwrap_or_default();
    let of = name.len().checked_sub(2).and_then(|i| name.get(i)).cloned();
    let command = Command::ShowTables { database: of.clone().map(|d| vec![d]), pattern: None };
    let mut all = listed(session, command).await?;
    all.retain(|t| t.name.eq_ignore_ascii_case(&last) && (of.is_none() || !t.is_temporary()));
    // A temporary view hides a table of its name.
    all.sort_by_key(|t| !t.is_temporary());
    all.truncate(1);
    answer(all)
}

pub(super) async fn exists(session: &Session, call: pb::TableExists) -> Result<Output> {
    let pb::TableExists { table_name, db_name } = call;
    match schema(session, name_in(&table_name, db_name)?).await {
        Ok(_) => Answer::flag(true),
        Err(e) if matches!(e.class(), "TABLE_OR_VIEW_NOT_FOUND" | "SCHEMA_NOT_FOUND") => Answer::flag(false),
        Err(e) => Err(e),
    }
}

pub(super) async fn columns(session: &Session, call: pb::ListColumns) -> Result<Output> {
    let pb::ListColumns { table_name, db_name } = call;
    let fields = schema(session, name_in(&table_name, db_name)?).await?.fields;
    let comment = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| text.clone());
    let none = || vec![false; fields.len()];
    Answer::new()
        .texts("name", fields.iter().map(|f| Some(f.name.clone())).collect())
        .texts("description", fields.iter().map(|f| f.metadata.get("comment").map(comment)).collect())
        .texts("dataType", fields.iter().map(|f| Some(f.data_type.simple_string())).collect())
        .flags("nullable", fields.iter().map(|f| f.nullable).collect())
        .flags("isPartition", none())
        .flags("isBucket", none())
        .flags("isCluster", none())
        .done()
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
    run(session, Command::CreateTable(table)).await?;
    // The client wants the table's columns back, as a result without rows.
    let schema = self::schema(session, name).await?;
    Ok(Output { schema, ..Output::nothing() })
}

pub(super) async fn create_external(session: &Session, call: pb::CreateExternalTable) -> Result<Output> {
    let pb::CreateExternalTable { table_name, path, source, schema, options } = call;
    create(session, pb::CreateTable { table_name, path, source, description: None, schema, options }).await
}

pub(super) async fn drop(session: &Session, call: pb::DropTable) -> Result<Output> {
    let pb::DropTable { table_name, if_exists, purge } = call;
    refuse_if(purge, "dropTable(purge=True)")?;
    run(session, Command::DropTable { name: identifier(&table_name)?, if_exists }).await
}

/// Drops a temporary view, and nothing else of that name; answers whether there was one.
pub(super) async fn drop_temporary(session: &Session, name: Name) -> Result<Output> {
    match name.as_slice() {
        [view] => {
            let command = Command::ShowViews { database: None, pattern: None };
            let all = texts(run(session, command).await?).await?;
            let same = |row: &Vec<Option<String>>| {
                let cell = |n: usize| row.get(n).cloned().flatten().unwrap_or_default();
                cell(2) == "true" && cell(1).eq_ignore_ascii_case(view)
            };
            if !all.iter().any(same) {
                return Answer::flag(false);
            }
        }
        // Only views are in the database of the global ones.
        _ => match schema(session, name.clone()).await {
            Ok(_) => {}
            Err(e) if e.class() == "TABLE_OR_VIEW_NOT_FOUND" => return Answer::flag(false),
            Err(e) => return Err(Error::internal("a global temporary view cannot be read").caused_by(e)),
        },
    }
    run(session, Command::DropView { name, if_exists: true }).await?;
    Answer::flag(true)
}
