//! Tests a session as a catalog provider over a temporary folder.
#![allow(clippy::unwrap_used)]

use super::{CatalogChange, CatalogProvider, TableInfo};
use crate::{Engine, EngineConfig, Session};
use futures::poll;
use std::pin::pin;
use std::sync::Arc;
use tempfile::TempDir;
use thalweg_common::Result;
use thalweg_connectors_all::standard_registry;
use thalweg_sql::ir::Name;

/// The objects that exist before each test.
const SETUP: &str = "
    CREATE TABLE Flights (id INT COMMENT 'say \"x\"', day STRING) USING parquet PARTITIONED BY (day) COMMENT 'all of them';
    CREATE TABLE base (a BIGINT NOT NULL);
    CREATE VIEW late AS SELECT id FROM flights;
    CREATE TABLE gone (a INT);
    CREATE VIEW broken AS SELECT a FROM gone;
    DROP TABLE gone;
    CREATE DATABASE Lab;
    CREATE TABLE lab.samples (s STRING) USING csv LOCATION '/nowhere';
    CREATE TEMPORARY VIEW base AS SELECT 1 AS one;
    CREATE GLOBAL TEMPORARY VIEW shared AS SELECT 2 AS two";

async fn session() -> (TempDir, Arc<Engine>, Arc<Session>) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineConfig::new(folder.path()), standard_registry().unwrap()).await.unwrap();
    let session = engine.new_session("ada", "1");
    for output in session.sql(SETUP).await.unwrap() {
        output.collect().await.unwrap();
    }
    (folder, engine, session)
}

fn name(text: &str) -> Name {
    text.split('.').map(str::to_owned).collect()
}

/// Returns the result in one line: the text of `show`, or the class of the error.
fn line<T>(result: Result<T>, show: impl Fn(T) -> String) -> String {
    result.map_or_else(|e| e.class().to_owned(), show)
}

fn table_line(table: TableInfo) -> String {
    let kind = table.table_type();
    let [database, format, comment] =
        [table.database, table.format, table.comment].map(|text| text.unwrap_or_else(|| "-".to_owned()));
    format!("{database}.{} {kind} {format} {comment}", table.name)
}

#[tokio::test]
async fn tables_are_listed_by_database_and_pattern() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    for (database, pattern, expected) in [
        (None, None, "base broken Flights late base*"),
        (Some("DEFAULT"), Some("b*|fl*"), "base broken Flights base*"),
        (Some("spark_catalog.lab"), None, "samples base*"),
        (Some("nowhere"), None, "SCHEMA_NOT_FOUND"),
        (Some("other.default"), None, "SCHEMA_NOT_FOUND"),
    ] {
        let database = database.map(name);
        let names = |all: Vec<TableInfo>| {
            let star = |t: &TableInfo| if t.is_temporary { "*" } else { "" };
            all.iter().map(|t| format!("{}{}", t.name, star(t))).collect::<Vec<_>>().join(" ")
        };
        let listed = line(catalog.list_tables(database.as_deref(), pattern).await, names);
        assert_eq!(listed, expected, "{database:?} {pattern:?}");
    }
    let views = catalog.list_views(None, None).await.unwrap();
    assert_eq!(views.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["broken", "late", "base"]);
}

#[tokio::test]
async fn a_table_is_found_by_its_name() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    for (table, expected) in [
        ("FLIGHTS", "default.Flights MANAGED parquet all of them"),
        ("spark_catalog.default.late", "default.late VIEW - -"),
        ("broken", "default.broken VIEW - -"),
        ("lab.samples", "lab.samples EXTERNAL csv -"),
        ("base", "-.base TEMPORARY - -"),
        ("default.base", "default.base MANAGED delta -"),
        ("global_temp.shared", "global_temp.shared TEMPORARY - -"),
        ("shared", "TABLE_OR_VIEW_NOT_FOUND"),
        ("nowhere.t", "TABLE_OR_VIEW_NOT_FOUND"),
        ("other.default.late", "TABLE_OR_VIEW_NOT_FOUND"),
    ] {
        let parts = name(table);
        assert_eq!(line(catalog.get_table(&parts).await, table_line), expected, "{table}");
        assert_eq!(catalog.table_exists(&parts).await.unwrap(), !expected.ends_with("FOUND"), "{table}");
    }
}

#[tokio::test]
async fn columns_have_types_comments_and_partitions() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    for (table, expected) in [
        ("flights", "id int? 'say \"x\"', day string? partition"),
        ("late", "id int? 'say \"x\"'"),
        ("base", "one int"),
        ("default.base", "a bigint"),
        ("broken", "TABLE_OR_VIEW_NOT_FOUND"),
    ] {
        let columns = line(catalog.list_columns(&name(table)).await, |all| {
            let column = |c: super::ColumnInfo| {
                let null = if c.nullable { "?" } else { "" };
                let comment = c.comment.map(|text| format!(" '{text}'")).unwrap_or_default();
                let partition = if c.is_partition { " partition" } else { "" };
                format!("{} {}{null}{comment}{partition}", c.name, c.data_type.simple_string())
            };
            all.into_iter().map(column).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(columns, expected, "{table}");
    }
}

#[tokio::test]
async fn databases_are_made_found_and_dropped() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    let names = |pattern| async move {
        let all = catalog.list_databases(pattern).await.unwrap();
        all.into_iter().map(|d| d.name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((names(None).await, names(Some("l*")).await), ("default lab".into(), "lab".into()));
    for (database, expected) in [
        ("Default", "default default database"),
        ("spark_catalog.lab", "lab -"),
        ("other.lab", "SCHEMA_NOT_FOUND"),
        ("nowhere", "SCHEMA_NOT_FOUND"),
    ] {
        let found = line(catalog.get_database(&name(database)).await, |d| {
            format!("{} {}", d.name, d.comment.as_deref().unwrap_or("-"))
        });
        assert_eq!(found, expected, "{database}");
    }
    let lab = name("lab");
    let class = |result: Result<()>| line(result, |()| "done".to_owned());
    assert_eq!(class(catalog.create_database(&lab, false).await), "SCHEMA_ALREADY_EXISTS");
    assert_eq!(class(catalog.create_database(&lab, true).await), "done");
    assert_eq!(class(catalog.drop_database(&lab, false, false).await), "SCHEMA_NOT_EMPTY");
    catalog.set_current_database(&lab).await.unwrap();
    assert_eq!(catalog.current_database(), "lab");
    assert_eq!(class(catalog.drop_table(&name("samples"), false).await), "done");
    assert_eq!(class(catalog.drop_database(&lab, false, false).await), "done");
    assert_eq!(class(catalog.drop_database(&lab, false, false).await), "SCHEMA_NOT_FOUND");
    assert_eq!(class(catalog.drop_database(&lab, true, false).await), "done");
}

#[tokio::test]
async fn what_is_dropped_is_of_the_kind_asked_for() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    for (view, expected) in [
        ("flights", false),
        ("default.base", false),
        ("BASE", true),
        ("base", false),
        ("global_temp.shared", true),
        ("global_temp.shared", false),
    ] {
        assert_eq!(catalog.drop_temporary_view(&name(view)).await.unwrap(), expected, "{view}");
    }
    for (view, if_exists, expected) in [
        ("late", false, "done"),
        ("late", true, "done"),
        ("late", false, "TABLE_OR_VIEW_NOT_FOUND"),
        ("flights", true, "WRONG_COMMAND_FOR_OBJECT_TYPE"),
    ] {
        let dropped = line(catalog.drop_view(&name(view), if_exists).await, |()| "done".to_owned());
        assert_eq!(dropped, expected, "{view}");
    }
}

#[tokio::test]
async fn one_of_two_sessions_creates_a_table() {
    for (first, second, expected) in [
        ("CREATE TABLE t AS SELECT 1 AS a", "CREATE TABLE t AS SELECT 2 AS a", "done, exists"),
        ("CREATE TABLE t (a INT)", "CREATE TABLE t (a INT)", "done, exists"),
        (
            "CREATE TABLE t USING parquet AS SELECT 1 AS a",
            "CREATE TABLE IF NOT EXISTS T USING parquet AS SELECT 2 AS a",
            "done, done",
        ),
        ("CREATE TABLE t USING parquet AS SELECT 1 AS a", "CREATE VIEW t AS SELECT 2 AS a", "done, exists"),
        ("CREATE VIEW t AS SELECT 2 AS a", "CREATE VIEW t AS SELECT 2 AS a", "done, exists"),
        ("DROP TABLE gone", "DROP TABLE gone", "done, missing"),
    ] {
        let (_folder, engine, one) = session().await;
        one.sql("CREATE TABLE gone (a INT)").await.unwrap();
        let other = engine.new_session("bob", "2");
        let table = |table: &str| super::TableName { database: "default".into(), table: table.into() };
        // Both statements start before either may look the name up.
        let claims = [engine.claims.claim(&table("t")).await, engine.claims.claim(&table("gone")).await];
        let (mut a, mut b) = (pin!(one.sql(first)), pin!(other.sql(second)));
        assert!(poll!(&mut a).is_pending() && poll!(&mut b).is_pending(), "{first}; {second}");
        drop(claims);
        let (a, b) = tokio::join!(a, b);
        let short = |answer: Result<Vec<_>>| match answer {
            Ok(_) => "done".to_owned(),
            Err(e) if e.class() == "TABLE_OR_VIEW_ALREADY_EXISTS" => "exists".to_owned(),
            Err(e) if e.class() == "TABLE_OR_VIEW_NOT_FOUND" => "missing".to_owned(),
            Err(e) => e.to_string(),
        };
        assert_eq!(format!("{}, {}", short(a), short(b)), expected, "{first}; {second}");
        if first.contains("SELECT") {
            let outputs = one.sql("SELECT * FROM t").await.unwrap();
            let rows = outputs.into_iter().next().unwrap().collect().await.unwrap();
            assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1, "{first}; {second}");
        }
    }
}

#[tokio::test]
async fn functions_are_found_in_any_case() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    for (function, expected) in [
        ("UPPER", "upper"),
        ("upper", "upper"),
        ("builtin.upper", "upper"),
        ("system.builtin.upper", "upper"),
        ("session.upper", "UNRESOLVED_ROUTINE"),
        ("default.upper", "UNRESOLVED_ROUTINE"),
        ("spark_catalog.default.upper", "UNRESOLVED_ROUTINE"),
        ("no_such", "UNRESOLVED_ROUTINE"),
    ] {
        let found = line(catalog.get_function(&name(function)).await, |f| f.name);
        assert_eq!(found, expected, "{function}");
    }
    let listed = catalog.list_functions(Some("uppe*|lowe*")).await.unwrap();
    assert_eq!(listed.into_iter().map(|f| f.name).collect::<Vec<_>>(), ["lower", "upper"]);
}

#[tokio::test]
async fn what_is_not_implemented_is_refused_by_name() {
    let (_folder, _engine, session) = session().await;
    let catalog: &dyn CatalogProvider = &*session;
    let (flights, change) = (name("flights"), CatalogChange::RenameTo(name("planes")));
    for (result, expected) in [
        (catalog.alter_table(&flights, &change).await, "ALTER TABLE `flights` RENAME TO"),
        (
            catalog.alter_view(&flights, &CatalogChange::SetComment(None)).await,
            "ALTER VIEW `flights` COMMENT",
        ),
        (catalog.alter_database(&name("lab"), &change).await, "ALTER DATABASE `lab` RENAME TO"),
        (catalog.create_function(&name("f")).await, "CREATE FUNCTION `f`"),
        (catalog.drop_function(&name("f"), true).await, "DROP FUNCTION `f`"),
        (catalog.truncate_table(&flights).await, "truncateTable"),
        (catalog.analyze_table(&flights, true).await, "analyzeTable"),
        (catalog.recover_partitions(&flights).await, "recoverPartitions"),
        (catalog.list_partitions(&flights).await.map(|_| ()), "listPartitions"),
        (catalog.table_properties(&flights).await.map(|_| ()), "getTableProperties"),
        (catalog.create_table_statement(&flights).await.map(|_| ()), "getCreateTableString"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.message(), format!("The feature is not supported: {expected}."));
    }
}
