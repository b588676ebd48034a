//! Spark's documented examples of its functions, with the answers that Spark recorded.
//!
//! Each runs optimised, unoptimised (so that no constant is folded), and with its constants replaced by
//! columns of three rows, the middle one null. `crates/functions/tests/data/examples.json` holds those
//! that must pass; `over_constants.tsv` lists those that do not run over columns, with the reason: an example that
//! does not and is missing there fails, and one that does and is there, too. `UPDATE_EXPECT=1` writes that file.
//! `ORACLE=file.json` runs another file and writes what differs to `file.json.report`.

use arrow::array::Array;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_connectors_all::standard_registry;
use thalweg_engine::{Engine, EngineConfig, Output, Session, display};
use thalweg_sql::ir::{Expr, ExprNode, Literal, Relation, RelationNode, Statement};
use thalweg_sql::types::DataType as SparkType;

const ZONE: &str = "America/Los_Angeles";

const OVER_CONSTANTS: &str =
    "# Examples that do not run over columns, and why: the class of the error, if there is one.";

struct Example {
    sql: String,
    schema: String,
    rows: Vec<Vec<Option<String>>>,
}

fn read(path: &Path) -> Vec<Example> {
    let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |v: &serde_json::Value| v.as_str().map(str::to_owned);
    let list = |v: &serde_json::Value| v.as_array().cloned().unwrap_or_default();
    let example = |e: &serde_json::Value| Example {
        sql: text(&e["sql"]).unwrap(),
        schema: text(&e["schema"]).unwrap_or_default(),
        rows: list(&e["rows"]).iter().map(|r| list(r).iter().map(text).collect()).collect(),
    };
    list(&all["examples"]).iter().map(example).collect()
}

fn cell(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return None;
    }
    if let DataType::Binary = array.data_type() {
        return Some(array.as_binary::<i32>().value(row).iter().map(|b| format!("{b:02X}")).collect());
    }
    Some(display::format_value(array, row, ZONE))
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<Option<String>>> {
    let of = |b: &RecordBatch| -> Vec<Vec<Option<String>>> {
        (0..b.num_rows()).map(|r| b.columns().iter().map(|c| cell(c.as_ref(), r)).collect()).collect()
    };
    batches.iter().flat_map(of).collect()
}

/// Replaces the constants of a call by columns `c0`, `c1`, …; collects them.
fn lift(expr: &mut Expr, constants: &mut Vec<Literal>, texts: bool) {
    match &mut expr.node {
        ExprNode::Literal(literal) => {
            let kept =
                matches!(literal, Literal::Null(_)) || (!texts && matches!(literal, Literal::String(_)));
            if !kept {
                let name = format!("c{}", constants.len());
                constants.push(literal.clone());
                expr.node = ExprNode::Attribute { name: vec![name], plan_id: None };
            }
        }
        ExprNode::Function(call) => call.args.iter_mut().for_each(|a| lift(a, constants, texts)),
        ExprNode::Cast { expr, .. } | ExprNode::Alias { expr, .. } => lift(expr, constants, texts),
        _ => {}
    }
}

fn over_columns(relation: &Relation, texts: bool) -> Option<Relation> {
    let mut relation = relation.clone();
    let RelationNode::Project { input, exprs } = &mut relation.node else { return None };
    if !matches!(input.node, RelationNode::OneRow) {
        return None;
    }
    let mut constants = vec![];
    exprs.iter_mut().for_each(|e| lift(e, &mut constants, texts));
    if constants.is_empty() {
        return None;
    }
    let literal = |l: Literal| Expr::new(ExprNode::Literal(l));
    let full: Vec<Expr> = constants.iter().cloned().map(literal).collect();
    let nulls = constants.iter().map(|_| literal(Literal::Null(SparkType::Null))).collect();
    let values = Relation::new(RelationNode::Values { rows: vec![full.clone(), nulls, full] });
    let columns = (0..constants.len()).map(|i| format!("c{i}")).collect();
    let alias = RelationNode::Alias { input: Box::new(values), alias: "t".into(), columns };
    **input = Relation::new(alias);
    Some(relation)
}

/// Whether a recorded `struct<name:type,..>` has these types; names are the resolver's business.
fn has_types(schema: &str, types: &[String]) -> bool {
    let mut rest = schema.strip_suffix('>').unwrap_or(schema);
    for (i, t) in types.iter().rev().enumerate() {
        // Before the last column stand others, each with a comma and the next one's name behind it.
        let left = match i {
            0 => rest.strip_suffix(&format!(":{t}")),
            _ => rest.rfind(&format!(":{t},")).and_then(|at| rest.get(..at)),
        };
        match left {
            Some(left) => rest = left,
            None => return false,
        }
    }
    true
}

async fn answer(session: &Session, relation: &Relation, sql: &str, optimize: bool) -> Result<Output, Error> {
    session.query_with(relation, Some(sql.into()), optimize).await
}

/// Holds an example's answers against the recorded ones; returns why it does not run over columns, if it does not.
async fn check(session: &Session, e: &Example) -> Result<Option<String>, String> {
    let statement = thalweg_sql::parse_statement(&e.sql).map_err(|e| format!("PARSE {e}"))?;
    let Statement::Query(relation) = statement else { return Err("no query".into()) };
    for optimize in [true, false] {
        let output = answer(session, &relation, &e.sql, optimize).await.map_err(|e| format!("ERROR {e}"))?;
        let types: Vec<String> = output.schema.fields.iter().map(|f| f.data_type.simple_string()).collect();
        let mut got = rows(&output.collect().await.map_err(|e| format!("ERROR {e}"))?);
        let mut expected = e.rows.clone();
        got.sort();
        expected.sort();
        if got != expected {
            return Err(format!("ROWS {got:?} instead of {:?}", e.rows));
        }
        if !has_types(&e.schema, &types) {
            return Err(format!("TYPES {types:?} instead of {}", e.schema));
        }
    }
    match e.rows.as_slice() {
        [row] => check_over_columns(session, e, &relation, row).await,
        _ => Ok(Some("its answer is not one row".into())),
    }
}

/// The same over columns; where texts can't be columns (patterns, names of fields), over those of the numbers.
async fn check_over_columns(
    session: &Session,
    e: &Example,
    relation: &Relation,
    row: &[Option<String>],
) -> Result<Option<String>, String> {
    let mut why = "there is no constant to replace".to_owned();
    for texts in [true, false] {
        let Some(lifted) = over_columns(relation, texts) else { break };
        let collected = match answer(session, &lifted, &e.sql, true).await {
            Ok(output) => output.collect().await,
            Err(error) => Err(error),
        };
        match collected.map(|batches| rows(&batches)) {
            Err(error) => why = error.class().to_owned(),
            Ok(got) if got.len() == 3 && got[0] == row && got[2] == row => return Ok(None),
            Ok(got) => return Err(format!("COLUMNS {got:?} instead of {row:?}")),
        }
    }
    Ok(Some(why))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_answer_as_spark_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(dir.path());
    config.resume_jobs = false;
    config.workers = Some(2);
    let engine = Engine::open(config, standard_registry().unwrap()).await.unwrap();
    let session: Arc<Session> = engine.new_session("me", "functions");
    session.sql(&format!("SET spark.sql.session.timeZone={ZONE}")).await.unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/tests/data/examples.json");
    let other = std::env::var("ORACLE").ok();
    let examples = read(other.as_ref().map_or(own.as_path(), Path::new));
    assert!(!examples.is_empty());
    let (mut failures, mut passed, mut over_constants) = (vec![], vec![], vec![]);
    for e in &examples {
        let sql = e.sql.replace('\n', " ");
        match check(&session, e).await {
            Ok(Some(why)) => over_constants.push(format!("{sql}\t{why}")),
            Ok(None) => passed.push(format!("PASS columns | {sql}")),
            Err(why) => failures.push(format!("{sql} | {why}")),
        }
    }
    if let Some(other) = other {
        let sum =
            format!("{} of {} differ; {} ran over columns", failures.len(), examples.len(), passed.len());
        let constants = over_constants.iter().map(|line| format!("PASS constants | {line}"));
        let failed = failures.iter().map(|f| format!("FAIL {f}"));
        let report: Vec<String> = passed.into_iter().chain(constants).chain(failed).chain([sum]).collect();
        std::fs::write(format!("{other}.report"), report.join("\n")).unwrap();
        return;
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), examples.len(), failures.join("\n"));
    crate::pins::expect_lines("over_constants.tsv", OVER_CONSTANTS, &over_constants);
}
