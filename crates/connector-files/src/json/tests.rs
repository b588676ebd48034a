//! JSON in, rows and types out, by Spark's rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{ddl, inferred, read, rows};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

async fn check_types(content: &str, pairs: &[(&str, &str)], wanted: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    std::fs::write(&path, content).unwrap();
    assert_eq!(inferred("json", read(&path, None, pairs)).await, wanted, "{content:?} {pairs:?}");
}

async fn check_rows(content: &str, schema: &str, pairs: &[(&str, &str)], wanted: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    std::fs::write(&path, content).unwrap();
    let schema = (!schema.is_empty()).then(|| ddl(schema));
    assert_eq!(rows("json", read(&path, schema, pairs)).await, wanted, "{content:?} {pairs:?}");
}

#[tokio::test]
async fn types_are_inferred_as_in_spark() {
    let cases = [
        ("{\"b\":1,\"a\":\"x\"}\n{\"c\":1.5}\n", "a string, b bigint, c double"),
        ("{\"a\":1}\n{\"a\":2.5}\n", "a double"),
        ("{\"a\":1}\n{\"a\":\"x\"}\n", "a string"),
        ("{\"a\":true}\n{\"a\":null}\n", "a boolean"),
        ("{\"a\":99999999999999999999}\n", "a decimal(20,0)"),
        ("{\"a\":[1,2.5]}\n{\"a\":[]}\n", "a array<double>"),
        ("{\"a\":{\"y\":1,\"x\":{\"z\":true}}}\n", "a struct<x:struct<z:boolean>,y:bigint>"),
        ("{\"a\":null}\n", "a string"),
        ("{\"a\":1}\nnope\n", "_corrupt_record string, a bigint"),
        ("[{\"a\":1},{\"b\":2}]\n", "a bigint, b bigint"),
        ("{\"a\":\"2013-01-01\"}\n", "a string"),
    ];
    for (content, wanted) in cases {
        check_types(content, &[], wanted).await;
    }
    check_types("{\"a\":1,\"b\":true}", &[("primitivesAsString", "true")], "a string, b string").await;
    check_types("{\"a\":null,\"b\":1}", &[("dropFieldIfAllNull", "true")], "b bigint").await;
    check_types("{\"a\":\n1}", &[("multiLine", "true")], "a bigint").await;
    check_types("{\"a\":1}\nx\n", &[("mode", "DROPMALFORMED")], "a bigint").await;
    check_types("x\n", &[("mode", "FAILFAST")], "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION").await;
    check_types("{\"a\":1.25}\n{\"a\":100}", &[("prefersDecimal", "true")], "a decimal(22,2)").await;
    check_types("{\"a\":1}\n{\"A\":2}", &[], "COLUMN_ALREADY_EXISTS").await;
}

#[tokio::test]
async fn values_become_those_of_the_schema() {
    let schema = "a int, b double, c string, d date, e timestamp, f boolean, g decimal";
    let line = r#"{"a":1,"b":2,"c":{"x":[1, "é"]},"d":"2013-01-02","e":"2013-01-02T03:04:05Z","f":true,"g":"1.255"}"#;
    let wanted = "1|2.0|{\"x\":[1, \"é\"]}|2013-01-02|2013-01-02T03:04:05Z|true|1.26";
    check_rows(line, schema, &[], &[wanted]).await;
    check_rows("{'a':1,\"a\":2}\n\n{}\n", "a int", &[], &["2", "NULL"]).await;
    check_rows("{\"e\":10}", "e timestamp", &[], &["1970-01-01T00:00:10Z"]).await;
    check_rows("[{\"a\":1},{\"a\":2}]", "a int", &[], &["1", "2"]).await;
    check_rows("{\"b\":NaN}\n{\"b\":\"-INF\"}\n", "b double", &[], &["NaN", "-inf"]).await;
}

#[tokio::test]
async fn malformed_records_follow_the_mode() {
    let content = "{\"a\":1,\"s\":\"x\"}\n{\"a\":\"y\",\"s\":\"z\"}\n{\"a\":\n3\n{\"a\":1} {\"a\":2}\n";
    let schema = "a int, s string";
    check_rows(content, schema, &[], &["1|x", "NULL|z", "NULL|NULL", "NULL|NULL", "1|NULL"]).await;
    check_rows(content, schema, &[("mode", "DROPMALFORMED")], &["1|x", "1|NULL"]).await;
    check_rows(content, schema, &[("mode", "FAILFAST")], &["MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"])
        .await;
    let kept = ["1|NULL", "NULL|{\"a\":\"y\",\"s\":\"z\"}", "NULL|{\"a\":", "NULL|3", "1|NULL"];
    check_rows(content, "a int, _corrupt_record string", &[], &kept).await;
    check_rows("{\"a\":1}\n{\n", "", &[], &["NULL|1", "{|NULL"]).await;
}

#[tokio::test]
async fn nested_columns_are_built_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    let line = r#"{"l":[1,null],"m":{"k":"v"},"s":{"x":[{"y":true}]},"b":"AQI="}"#;
    std::fs::write(&path, format!("{line}\n{{\"s\":{{}}}}\n")).unwrap();
    let list = |t| DataType::List(Arc::new(Field::new("element", t, true)));
    let pair = vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    let entries = Arc::new(Field::new("entries", DataType::Struct(pair.into()), false));
    let inner = DataType::Struct(vec![Field::new("y", DataType::Boolean, true)].into());
    let schema = Arc::new(Schema::new(vec![
        Field::new("l", list(DataType::Int32), true),
        Field::new("m", DataType::Map(entries, false), true),
        Field::new("s", DataType::Struct(vec![Field::new("x", list(inner), true)].into()), true),
        Field::new("b", DataType::Binary, true),
    ]));
    let request = read(&path, Some(Arc::clone(&schema)), &[]);
    assert_eq!(
        rows("json", request.clone()).await,
        ["[1, NULL]|{k: v}|{x: [{y: true}]}|0102", "NULL|NULL|{x: NULL}|NULL"]
    );
    let batches = crate::testing::query("json", request, "SELECT * FROM t").await.unwrap();
    let out = dir.path().join("out");
    let write = crate::testing::write_request(&out, thalweg_connectors::WriteMode::Append, &[], &[]);
    let stream = crate::testing::stream_of(batches[0].clone());
    crate::testing::connector("json").write(write, stream).await.unwrap();
    let file = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some())
        .unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{line}\n{{\"s\":{{}}}}\n"));
}
