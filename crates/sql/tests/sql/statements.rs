//! Tests statements that are not queries: text in, compact command out.

use super::compact;
use thalweg_sql::ir::*;
use thalweg_sql::{parse, parse_statement};

fn create_table(t: &CreateTable) -> String {
    let mut text = t.name.join(".");
    let flags = [(t.if_not_exists, " if-not-exists"), (t.replace, " replace")];
    text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word));
    if let Some(schema) = &t.schema {
        text += &format!(" ({})", schema.ddl());
    }
    let named = [("using", &t.format), ("at", &t.location), ("comment", &t.comment)];
    for (name, value) in named {
        if let Some(value) = value {
            text += &format!(" {name} {value}");
        }
    }
    for (name, list) in [("options", &t.options), ("properties", &t.properties)] {
        if !list.is_empty() {
            let pairs: Vec<String> = list.iter().map(|(k, v)| format!("{k}={v}")).collect();
            text += &format!(" {name}({})", pairs.join(", "));
        }
    }
    if !t.partition_by.is_empty() {
        text += &format!(" by {}", t.partition_by.join(", "));
    }
    if let (Some(query), Some(sql)) = (&t.query, &t.text) {
        text += &format!(" as {} <{sql}>", compact::relation(query));
    }
    text
}

fn create_view(v: &CreateView) -> String {
    let mut text = v.name.join(".");
    let flags = [
        (v.temporary, " temp"),
        (v.global, " global"),
        (v.replace, " replace"),
        (v.if_not_exists, " if-not-exists"),
    ];
    text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word));
    if !v.columns.is_empty() {
        text += &format!(" ({})", v.columns.join(", "));
    }
    text += &format!(" as {}", compact::relation(&v.query));
    if let Some(sql) = &v.text {
        text += &format!(" <{sql}>");
    }
    text
}

fn show(statement: &Statement) -> String {
    match statement {
        Statement::Query(q) => compact::relation(q),
        Statement::Command(Command::CreateTable(t)) => format!("table {}", create_table(t)),
        Statement::Command(Command::CreateStreamingTable(t)) => format!("stream {}", create_table(t)),
        Statement::Command(Command::CreateView(v)) => format!("view {}", create_view(v)),
        Statement::Command(Command::Insert(i)) => {
            let Insert { table, columns, query, overwrite, by_name } = i;
            let how = format!(
                "{} {columns:?} {}",
                if *overwrite { "overwrite" } else { "into" },
                if *by_name { "by name" } else { "" }
            );
            format!("insert {how} {}: {}", table.join("."), compact::relation(query))
        }
        Statement::Command(Command::Explain { mode, query }) => {
            format!("explain {mode:?}: {}", compact::relation(query))
        }
        Statement::Command(Command::DescribeQuery { query }) => {
            format!("describe: {}", compact::relation(query))
        }
        Statement::Command(other) => format!("{other:?}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (text, expect) in cases {
        let found = parse_statement(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(show(&found), *expect, "{text}");
    }
}

#[test]
fn tables_are_created_with_their_clauses() {
    check(&[
        (
            "CREATE TABLE t (a INT NOT NULL, b STRING COMMENT 'x')",
            "table t (a INT NOT NULL,b STRING COMMENT 'x')",
        ),
        (
            "CREATE OR REPLACE TABLE IF NOT EXISTS db.t (a INT) USING csv OPTIONS (header true, 'sep' = ';', n = -1) PARTITIONED BY (a) LOCATION 'p' COMMENT 'c' TBLPROPERTIES (k.l = 'v')",
            "table db.t if-not-exists replace (a INT) using csv at p comment c options(header=true, sep=;, n=-1) properties(k.l=v) by a",
        ),
        (
            "CREATE TABLE t USING delta AS SELECT 1 AS a",
            "table t using delta as project[1 as a] < one <SELECT 1 AS a>",
        ),
        ("CREATE TABLE t SELECT 1", "table t as project[1] < one <SELECT 1>"),
        ("REPLACE TABLE t AS (SELECT 1)", "table t replace as project[1] < one <(SELECT 1)>"),
        (
            "CREATE STREAMING TABLE s COMMENT 'c' AS SELECT a FROM STREAM t WATERMARK ts DELAY OF INTERVAL 1 DAY",
            "stream s comment c as project[a] < watermark[ts 1 days] < stream t <SELECT a FROM STREAM t WATERMARK ts DELAY OF INTERVAL 1 DAY>",
        ),
        ("CREATE DATABASE IF NOT EXISTS d", "CreateDatabase { name: [\"d\"], if_not_exists: true }"),
    ]);
}

#[test]
fn views_keep_the_text_of_their_query() {
    check(&[
        ("CREATE VIEW v AS SELECT 1", "view v as project[1] < one <SELECT 1>"),
        ("CREATE OR REPLACE TEMP VIEW v (a, b) AS TABLE t", "view v temp replace (a, b) as t <TABLE t>"),
        (
            "CREATE GLOBAL TEMPORARY VIEW IF NOT EXISTS v AS TABLE t",
            "view v temp global if-not-exists as t <TABLE t>",
        ),
        (
            "CREATE TEMPORARY VIEW v (a INT) USING csv OPTIONS (path 'x.csv', header 'true')",
            "view v temp as csv (a INT)[header=true][\"x.csv\"]",
        ),
    ]);
}

#[test]
fn rows_are_inserted() {
    check(&[
        ("INSERT INTO t VALUES (1, 2)", "insert into []  t: values[(1, 2)]"),
        (
            "INSERT INTO TABLE db.t (a, b) SELECT 1, 2",
            "insert into [\"a\", \"b\"]  db.t: project[1, 2] < one",
        ),
        ("INSERT OVERWRITE t TABLE s", "insert overwrite []  t: s"),
        ("INSERT INTO t BY NAME SELECT 1 AS a", "insert into [] by name t: project[1 as a] < one"),
        ("INSERT INTO t (SELECT 1)", "insert into []  t: project[1] < one"),
        ("WITH c AS (SELECT 1) INSERT INTO t TABLE c", "insert into []  t: with[c: project[1] < one] < c"),
    ]);
}

#[test]
fn small_statements() {
    check(&[
        ("DROP TABLE IF EXISTS db.t", "DropTable { name: [\"db\", \"t\"], if_exists: true }"),
        ("DROP VIEW v", "DropView { name: [\"v\"], if_exists: false }"),
        ("DROP SCHEMA d CASCADE", "DropDatabase { name: [\"d\"], if_exists: false, cascade: true }"),
        ("USE d", "UseDatabase { name: [\"d\"] }"),
        ("USE DATABASE d", "UseDatabase { name: [\"d\"] }"),
        ("SHOW TABLES", "ShowTables { database: None, pattern: None }"),
        ("SHOW TABLES IN d LIKE 'a*'", "ShowTables { database: Some([\"d\"]), pattern: Some(\"a*\") }"),
        ("SHOW DATABASES 'x'", "ShowDatabases { pattern: Some(\"x\") }"),
        ("SHOW VIEWS", "ShowViews { database: None, pattern: None }"),
        ("SHOW COLUMNS IN t FROM d", "ShowColumns { table: [\"d\", \"t\"] }"),
        ("SHOW FUNCTIONS", "ShowFunctions { scope: All, database: None, pattern: None }"),
        ("SHOW FUNCTIONS IN", "ShowFunctions { scope: All, database: None, pattern: Some(\"IN\") }"),
        (
            "SHOW SYSTEM FUNCTIONS IN d LIKE 'a*'",
            "ShowFunctions { scope: System, database: Some([\"d\"]), pattern: Some(\"a*\") }",
        ),
        (
            "SHOW USER FUNCTIONS d.f",
            "ShowFunctions { scope: User, database: Some([\"d\"]), pattern: Some(\"f\") }",
        ),
        ("SHOW JOBS;", "ShowJobs"),
        ("START JOB 'x'", "StartJob { id: \"x\" }"),
        ("STOP JOB 'x' WITH DRAIN", "StopJob { id: \"x\", drain: true }"),
        ("STOP JOB 'x'", "StopJob { id: \"x\", drain: false }"),
        ("DESCRIBE t", "DescribeTable { name: [\"t\"], extended: false }"),
        ("DESC TABLE EXTENDED db.t", "DescribeTable { name: [\"db\", \"t\"], extended: true }"),
        ("DESCRIBE extended", "DescribeTable { name: [\"extended\"], extended: false }"),
        ("DESCRIBE QUERY SELECT 1", "describe: project[1] < one"),
        ("DESCRIBE SELECT 1", "describe: project[1] < one"),
        ("EXPLAIN SELECT 1", "explain Simple: project[1] < one"),
        ("EXPLAIN FORMATTED TABLE t", "explain Formatted: t"),
        ("SET", "Set { key: None, value: None }"),
        ("SET -v", "ExplainSettings"),
        ("SET a.b", "Set { key: Some(\"a.b\"), value: None }"),
        ("SET a.b = some / thing $x", "Set { key: Some(\"a.b\"), value: Some(\"some / thing $x\") }"),
        ("SET TIME ZONE 'UTC'", "Set { key: Some(\"spark.sql.session.timeZone\"), value: Some(\"UTC\") }"),
        (
            "SET TIME ZONE INTERVAL -7 HOURS",
            "Set { key: Some(\"spark.sql.session.timeZone\"), value: Some(\"-07:00\") }",
        ),
        ("RESET", "Reset { key: None }"),
        ("RESET a.b", "Reset { key: Some(\"a.b\") }"),
    ]);
}

#[test]
fn several_statements_keep_their_own_text_and_places() {
    let parsed = parse("SET x = 1 ;\n-- note\n;SELECT a ; ").unwrap();
    let texts: Vec<&str> = parsed.iter().map(|p| p.text.as_str()).collect();
    assert_eq!(texts, ["SET x = 1", "SELECT a"]);
    let Statement::Query(query) = &parsed[1].statement else { panic!() };
    assert_eq!(query.origin, Some(Span { start: 0, stop: 8 }));
    let alone = parse("  SELECT a;").unwrap();
    let Statement::Query(query) = &alone[0].statement else { panic!() };
    assert_eq!((alone[0].text.as_str(), query.origin), ("  SELECT a", Some(Span { start: 2, stop: 10 })));
}
