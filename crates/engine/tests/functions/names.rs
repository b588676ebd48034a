//! Checks that each registered function occurs in a test that holds real Spark's answer.
//!
//! Names are collected from all `.slt` files, from Spark's documented examples and from the functions that the
//! PySpark tests call (`F.name(`). Every name counts by itself: an alias may be bound to the wrong function.

use sqllogictest::{DefaultColumnType, Record, parse_file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thalweg_sql::ir::{Child, Expr, ExprNode, Relation, RelationNode, Statement};

/// What the parser knows as syntax and gives another name.
const SYNTAX: &[&str] = &["!=", "<>", "CASE"];

/// Lists the files below a folder that end so.
pub(crate) fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

/// Collects the names of the functions and operators of a relation, subqueries included.
fn collect(relation: &Relation, called: &mut BTreeSet<String>) {
    for_each_child(relation, &mut |child| match child {
        Child::Relation(Relation { node: RelationNode::TableFunction { name, .. }, .. }) => {
            called.extend(name.last().cloned());
        }
        Child::Relation(Relation { node: RelationNode::Range { .. }, .. }) => {
            called.insert("range".to_owned());
        }
        Child::Expr(Expr { node: ExprNode::Function(call), .. }) => {
            called.extend(call.name.last().map(|name| name.to_ascii_lowercase()));
        }
        Child::Expr(Expr { node: ExprNode::Cast { .. }, .. }) => {
            called.insert("cast".to_owned());
        }
        _ => {}
    });
}

/// Shows everything in a relation, and itself.
pub(crate) fn for_each_child<'a>(relation: &'a Relation, see: &mut dyn FnMut(&Child<'a>)) {
    let mut rest = vec![Child::Relation(relation)];
    while let Some(child) = rest.pop() {
        see(&child);
        match child {
            Child::Relation(relation) => relation.for_each_child(&mut |child| rest.push(child)),
            Child::Expr(expr) => expr.for_each_child(&mut |child| rest.push(child)),
        }
    }
}

/// Collects from the text of a query. Not all statements of a test can be parsed, some on purpose.
pub(crate) fn collect_sql(sql: &str, called: &mut BTreeSet<String>) {
    if let Ok(Statement::Query(relation)) = thalweg_sql::parse_statement(sql) {
        collect(&relation, called);
        called.extend(SYNTAX.iter().filter(|name| sql.contains(*name)).map(|name| name.to_ascii_lowercase()));
    }
}

fn collect_slt(path: &Path, called: &mut BTreeSet<String>) {
    for record in parse_file::<DefaultColumnType>(path).expect("a file that can be parsed") {
        if let Record::Query { sql, .. } | Record::Statement { sql, .. } = record {
            collect_sql(&sql, called);
        }
    }
}

fn collect_examples(path: &Path, called: &mut BTreeSet<String>) {
    let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for example in all["examples"].as_array().expect("examples") {
        collect_sql(example["sql"].as_str().expect("sql"), called);
    }
}

fn collect_python(path: &Path, called: &mut BTreeSet<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    for rest in text.split("F.").skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if rest[end..].starts_with('(') {
            called.insert(rest[..end].to_owned());
        }
    }
}

#[test]
fn every_registered_name_occurs_in_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut called = BTreeSet::new();
    let (mut slt, mut python) = (vec![], vec![]);
    files(&root.join("tests/slt"), "slt", &mut slt);
    files(&root.join("tests/pyspark"), "py", &mut python);
    slt.iter().for_each(|path| collect_slt(path, &mut called));
    python.iter().for_each(|path| collect_python(path, &mut called));
    collect_examples(&root.join("crates/functions/tests/data/examples.json"), &mut called);
    let missing: BTreeSet<&str> = thalweg_functions::names().filter(|name| !called.contains(*name)).collect();
    assert!(missing.is_empty(), "{} names occur in no test: {missing:?}", missing.len());
}
