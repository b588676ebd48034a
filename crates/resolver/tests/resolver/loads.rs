//! Tests which tables of a query are loaded: each that it reads once, and no other.
use super::common::{Tables, context, tables};
use async_trait::async_trait;
use std::sync::Mutex;
use thalweg_common::Result;
use thalweg_common::lock::lock;
use thalweg_resolver::{Catalog, TableEntry, resolve};
use thalweg_sql::ir;

/// Records the names that are asked for.
struct Recorded {
    tables: Tables,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Catalog for Recorded {
    async fn table(&self, name: &ir::Name, options: &ir::Options, streaming: bool) -> Result<TableEntry> {
        lock(&self.asked).push(name.join("."));
        self.tables.table(name, options, streaming).await
    }
    async fn data_source(&self, source: &ir::DataSource) -> Result<TableEntry> {
        self.tables.data_source(source).await
    }
}

#[tokio::test]
async fn each_table_that_a_query_reads_is_loaded_once() {
    let mut wrong = vec![];
    for (text, asked, error) in [
        ("SELECT a FROM t JOIN u USING (a) JOIN t AS v USING (a)", "t u", ""),
        ("WITH u AS (SELECT a FROM t) SELECT * FROM u", "t", ""),
        ("WITH u AS (SELECT k FROM u) SELECT * FROM u", "u", ""),
        ("SELECT k FROM of_t JOIN u ON k = of_t.a", "of_t t u", ""),
        ("SELECT * FROM nowhere", "nowhere", "TABLE_OR_VIEW_NOT_FOUND"),
        (
            "SELECT * FROM t, nowhere WHERE (SELECT 1 FROM nowhere) = 1",
            "t nowhere",
            "TABLE_OR_VIEW_NOT_FOUND",
        ),
        // A table that only a CTE names which no one reads is no error.
        ("WITH c AS (SELECT * FROM nowhere) SELECT a FROM t", "nowhere t", ""),
    ] {
        let mut tables = tables();
        tables.add_view("of_t", "SELECT a FROM t");
        let catalog = Recorded { tables, asked: Mutex::default() };
        let query = thalweg_sql::parse_query(text).unwrap();
        let resolved = resolve(&query, &catalog, &context(text)).await;
        let class = resolved.err().map(|e| e.class().to_owned()).unwrap_or_default();
        let found = catalog.asked.into_inner().unwrap().join(" ");
        if (found.as_str(), class.as_str()) != (asked, error) {
            wrong.push(format!("{text}\n  asked for {found:?}, error {class:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_error_of_a_table_has_its_place_in_the_text() {
    let text = "SELECT *\nFROM nowhere";
    let query = thalweg_sql::parse_query(text).unwrap();
    let error = resolve(&query, &tables(), &context(text)).await.unwrap_err();
    let position = error.position().unwrap();
    assert_eq!((position.line, error.class()), (2, "TABLE_OR_VIEW_NOT_FOUND"));
}
