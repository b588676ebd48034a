//! Runs every `tests/slt/**/*.slt`: SQL in, rows out, each query with and without the optimizer.
//!
//! The column types of a `query` line are `T` text, `I` integers, `R` floating point, `?` others.
//! `SLT_UPDATE=1 cargo test -p thalweg-engine --test slt` fills in the answers; read them before
//! committing. `SLT_FILTER=name` runs the files whose path holds the name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::ArrayRef;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_connectors_all::standard_registry;
use thalweg_engine::{Engine, EngineConfig, Output, Session, display};
use thalweg_sql::ir::{Relation, Statement};
use thalweg_sql::types::{DataType, StructField};
use thalweg_values::types::interval_fields;

struct Database {
    session: Arc<Session>,
    _engine: Arc<Engine>,
    _dir: tempfile::TempDir,
}

impl Database {
    async fn open() -> Result<Self, Error> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = EngineConfig::new(dir.path());
        config.resume_jobs = false;
        config.workers = Some(2);
        let engine = Engine::open(config, standard_registry()?).await?;
        Ok(Self { session: engine.new_session("slt", "slt"), _engine: engine, _dir: dir })
    }

    /// Runs a query with and without the optimizer: rows and errors must be the same.
    async fn both(&self, relation: &Relation, text: &str) -> Result<Answer, Error> {
        let sorted = |(_, mut rows): Answer| {
            rows.sort();
            rows
        };
        let answer = self.rows(relation, text, true).await;
        let with = answer.clone().map(sorted).map_err(|e| e.to_string());
        let without = self.rows(relation, text, false).await.map(sorted).map_err(|e| e.to_string());
        assert_eq!(with, without, "the optimizer changes the answer of: {text}");
        answer
    }

    async fn rows(&self, relation: &Relation, text: &str, optimize: bool) -> Result<Answer, Error> {
        texts(self.session.query_with(relation, Some(text.into()), optimize).await?).await
    }
}

/// Types and rows.
type Answer = (Vec<DefaultColumnType>, Vec<Vec<String>>);

async fn texts(output: Output) -> Result<Answer, Error> {
    let fields = output.schema.fields.clone();
    let types = fields.iter().map(|f| column_type(&f.data_type)).collect();
    let mut rows = vec![];
    for batch in output.collect().await? {
        let columns: Vec<ArrayRef> = batch.columns().iter().zip(&fields).map(shown).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| cell(&display::cell(c.as_ref(), row, "UTC"))).collect());
        }
    }
    Ok((types, rows))
}

/// A column, with intervals as texts, which the fields of their types decide.
fn shown((column, field): (&ArrayRef, &StructField)) -> ArrayRef {
    display::intervals_as_texts(column, &mut interval_fields(&field.data_type).into_iter())
}

fn cell(text: &str) -> String {
    if text.trim().is_empty() { "(empty)".to_owned() } else { text.replace('\n', "\\n") }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        DataType::Byte | DataType::Short | DataType::Integer | DataType::Long => DefaultColumnType::Integer,
        DataType::Float | DataType::Double => DefaultColumnType::FloatingPoint,
        DataType::String | DataType::Char(_) | DataType::Varchar(_) => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let parsed = thalweg_sql::parse_statement(sql)?;
        let (types, rows) = match &parsed {
            Statement::Query(relation) => self.both(relation, sql).await?,
            Statement::Command(_) => {
                texts(self.session.execute(parsed.clone(), Some(sql.into())).await?).await?
            }
        };
        Ok(if types.is_empty() { DBOutput::StatementComplete(0) } else { DBOutput::Rows { types, rows } })
    }

    async fn shutdown(&mut self) {}
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("tests/slt") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "slt") {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_slt_file_answers_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/slt");
    let mut all = vec![];
    files(&root, &mut all);
    all.sort();
    let filter = std::env::var("SLT_FILTER").unwrap_or_default();
    all.retain(|f| f.to_string_lossy().contains(&filter));
    assert!(!all.is_empty(), "no .slt file matches");
    // Files name the example data by their path from the repository's root.
    std::env::set_current_dir(root.join("../..")).expect("the repository's root");
    let mut failures = vec![];
    for file in all {
        let mut runner = Runner::new(Database::open);
        if std::env::var("SLT_UPDATE").is_ok() {
            let updated = runner.update_test_file(
                &file,
                "\t",
                sqllogictest::default_validator,
                sqllogictest::default_normalizer,
                sqllogictest::default_column_validator,
            );
            updated.await.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        } else if let Err(e) = runner.run_file_async(&file).await {
            failures.push(format!("{}: {}", file.display(), e.display(false)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
