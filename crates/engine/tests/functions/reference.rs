//! Runs every example of the function reference: the table drawn of its rows is the one that Spark draws.

use arrow::array::AsArray;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_engine::{Engine, EngineConfig, Session};
use thalweg_sql::ir::{Relation, RelationNode, Statement};

const MOST_ROWS: usize = 1_000;

async fn drawn(session: &Session, sql: &str) -> Result<String> {
    let Statement::Query(relation) = thalweg_sql::parse_statement(sql)? else {
        panic!("{sql} is not a query")
    };
    let show = RelationNode::ShowString {
        input: Box::new(relation),
        rows: MOST_ROWS,
        truncate: 0,
        vertical: false,
        html: false,
    };
    let output = session.query_with(&Relation::new(show), Some(sql.into()), true).await?;
    let batches = output.collect().await?;
    Ok(batches.iter().map(|batch| batch.column(0).as_string::<i32>().value(0)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn examples_answer_as_spark_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(dir.path());
    config.resume_jobs = false;
    config.workers = Some(2);
    let engine = Engine::open(config, thalweg_connectors_all::standard_registry().unwrap()).await.unwrap();
    let session: Arc<Session> = engine.new_session("me", "reference");
    session.sql("SET spark.sql.session.timeZone=UTC").await.unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/tests/data/reference.json");
    let recorded: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = vec![];
    for sql in thalweg_functions::examples() {
        let expected = recorded.get(sql).map_or("nothing", String::as_str);
        match drawn(&session, sql).await {
            Ok(table) if table == expected => {}
            Ok(table) => wrong.push(format!("{sql}\n{table}instead of\n{expected}")),
            Err(error) => wrong.push(format!("{sql}\n{error}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
