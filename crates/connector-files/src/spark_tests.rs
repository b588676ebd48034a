//! Compares the reading and writing of CSV, JSON and Parquet files with Spark 4.2, whose results are in
//! `tests/data/spark/files.json`, written by `tests/spark/record.py` from `tests/spark/cases.py`.
//!
//! Where we differ on purpose, [`READS`] and [`WRITES`] say what we answer and why; a case that is
//! named there and does not differ any more fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{connector, ddl, query, read, stream_of};
use arrow::datatypes::DataType;
use base64::Engine;
use serde_json::Value;
use std::path::Path;
use thalweg_common::Result;
use thalweg_connectors::{WriteMode, WriteRequest};
use thalweg_values::types::simple_name;

const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/spark/files.json");

const MISMATCH: &str = "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH";

/// Case, our answer (a class, or the schema and the rows), and why.
const READS: &[(&str, &str, &str)] = &[
    ("csv: unescapedQuoteHandling BACK_TO_DELIMITER", "INVALID_OPTION_VALUE", "refused by name"),
    ("csv: unescapedQuoteHandling SKIP_VALUE", "INVALID_OPTION_VALUE", "refused by name"),
    ("csv: unescapedQuoteHandling RAISE_ERROR", "INVALID_OPTION_VALUE", "refused by name"),
    ("csv: UTF-16, lines", "INVALID_OPTION_VALUE", "Spark cuts lines by their bytes and breaks the text"),
    ("json: UTF-16, lines", "INVALID_OPTION_VALUE", "Spark has no class for it"),
    ("json: ISO-8859-1, lines", "INVALID_OPTION_VALUE", "Spark has no class for it"),
    (
        "json: US-ASCII, lineSep",
        "struct<a:string>\n{\"a\":\"\u{FFFD}\u{FFFD}\"}",
        "as with multiLine, where Spark reads the same text",
    ),
    ("csv: intervals", "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "refused by name"),
    ("csv: a mode that is not there", "INVALID_OPTION_VALUE", "Spark only logs it"),
    ("csv: prefersDecimal is none of CSV's", "UNSUPPORTED_OPTION", "Spark ignores it"),
    ("csv: enforceSchema false, other names", "CSV_HEADER_MISMATCH", "Spark has no class for it"),
    ("csv: enforceSchema false, other number", "CSV_HEADER_MISMATCH", "Spark has no class for it"),
    ("csv: enforceSchema false, swapped", "CSV_HEADER_MISMATCH", "Spark has no class for it"),
    ("csv: folders: modifiedAfter that is no time", "INVALID_OPTION_VALUE", "Spark has no class for it"),
    ("csv: folders: a file beside", "CONFLICTING_PARTITION_COLUMN_NAMES", "Spark leaves its rows out"),
    ("parquet: int as smallint", MISMATCH, "refused: a value may not fit"),
    ("json: names by case, inferred", "COLUMN_ALREADY_EXISTS", "Spark leaves the second name's values out"),
    (
        "csv: bytes that are not UTF-8",
        "struct<a:string,b:string,_corrupt_record:string>
{\"a\":\"a\u{FFFD}\",\"b\":\"b\",\"_corrupt_record\":\"a\u{FFFD},b\"}
{\"a\":\"c\",\"b\":\"d\",\"_corrupt_record\":null}",
        "the values are Spark's, but that bytes were lost is told",
    ),
    (
        "csv: digits of other scripts",
        "struct<n:int,x:double>\n{\"n\":null,\"x\":8.0}",
        "integers are written in ASCII digits",
    ),
    (
        "csv: DROPMALFORMED, count",
        "struct<n:int,s:string>\n{\"c\":3}",
        "a record is judged as a whole: the count is that of the rows",
    ),
    (
        "csv: PERMISSIVE, the corrupt column and one more",
        "struct<n:int,s:string,_corrupt_record:string>
{\"s\":\"a\",\"_corrupt_record\":null}
{\"s\":\"b\",\"_corrupt_record\":\"x,b\"}
{\"s\":null,\"_corrupt_record\":\"3\"}
{\"s\":\"d\",\"_corrupt_record\":\"4,d,e\"}
{\"s\":\"f\",\"_corrupt_record\":null}
{\"s\":null,\"_corrupt_record\":null}",
        "a record is judged as a whole",
    ),
    ("json: select one column", "struct<a:int,b:int>", "a record is judged as a whole"),
    (
        "json: only broken records",
        "struct<_corrupt_record:string>\n{\"_corrupt_record\":\"x\"}\n{\"_corrupt_record\":\"y\"}",
        "Spark can't read the column alone",
    ),
    (
        "json: double names, inferred",
        "struct<a:string>\n{\"a\":\"x\"}",
        "the last one counts, as with a schema",
    ),
    (
        "json: numbers as small integers",
        "struct<a:tinyint,b:smallint,_corrupt_record:string>
{\"a\":127,\"b\":32767,\"_corrupt_record\":null}
{\"a\":null,\"b\":1,\"_corrupt_record\":\"{\\\"a\\\":128,\\\"b\\\":1}\"}
{\"a\":1,\"b\":null,\"_corrupt_record\":\"{\\\"a\\\":1,\\\"b\\\":32768}\"}",
        "Spark reads 128 as -128",
    ),
];

/// Case and our answer.
const WRITES: &[(&str, &str, &str)] =
    &[("json: writeNonAsciiCharacterAsCodePoint", "INVALID_OPTION_VALUE", "refused by name")];

fn cases(kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(ANSWERS).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all[kind].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

fn pairs(case: &Value, root: &Path) -> Vec<(String, String)> {
    let root = root.to_string_lossy();
    let all = case["options"].as_object().into_iter().flatten();
    all.map(|(k, v)| (k.clone(), v.as_str().unwrap().replace("{root}", &root))).collect()
}

/// Writes the files of a case.
fn lay_out(case: &Value, root: &Path) {
    let encoded: Vec<&str> =
        case["base64"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, content) in case["files"].as_object().unwrap() {
        let (path, content) = (root.join(name), content.as_str().unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = if encoded.contains(&name.as_str()) {
            base64::engine::general_purpose::STANDARD.decode(content).unwrap()
        } else {
            content.as_bytes().to_vec()
        };
        std::fs::write(path, bytes).unwrap();
    }
}

fn write_request(path: &Path, pairs: Vec<(String, String)>) -> WriteRequest {
    let mut request = crate::testing::write_request(path, WriteMode::ErrorIfExists, &[], &[]);
    request.options = thalweg_connectors::OptionMap::new(pairs);
    request
}

/// The text of all files in a folder.
fn content(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.file_name().unwrap().to_string_lossy().starts_with("part-"));
    files.sort();
    files.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

/// The schema and the rows as JSON, on a line each.
async fn reading(case: &Value, root: &Path) -> Result<Vec<String>> {
    let target = root.join(text(case, "path"));
    let target = if text(case, "path").is_empty() { root.to_path_buf() } else { target };
    let schema = case["schema"].as_str().map(ddl);
    let mut request = read(&target, schema, &[]);
    request.options = thalweg_connectors::OptionMap::new(pairs(case, root));
    let table = connector(text(case, "format")).table(request.clone()).await?;
    let schema = simple_name(&DataType::Struct(table.schema().fields().clone()));
    let mut shown = vec![schema];
    let select = case["select"].as_str().unwrap_or("*");
    if table.schema().fields().is_empty() {
        return Ok(shown);
    }
    let batches = query(text(case, "format"), request, &format!("SELECT {select} FROM t")).await?;
    if let Some(first) = batches.first() {
        let rows = arrow::compute::concat_batches(&first.schema(), &batches).unwrap();
        let out = root.join("_out");
        let options = vec![("ignoreNullFields".to_owned(), "false".to_owned())];
        connector("json").write(write_request(&out, options), stream_of(rows)).await?;
        shown.extend(content(&out).lines().map(str::to_owned));
    }
    Ok(shown)
}

async fn writing(case: &Value, root: &Path) -> Result<String> {
    let lines: Vec<&str> = case["rows"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    std::fs::write(root.join("in.json"), lines.join("\n")).unwrap();
    let schema = ddl(text(case, "schema"));
    let request = read(&root.join("in.json"), Some(schema.clone()), &[]);
    let batches = query("json", request, "SELECT * FROM t").await?;
    let rows = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let request = write_request(&root.join("out"), pairs(case, root));
    connector(text(case, "format")).write(request, stream_of(rows)).await?;
    Ok(content(&root.join("out")))
}

/// Compares an answer with Spark's or with the one that we give on purpose.
fn judge(case: &Value, ours: &str, same: bool, table: &[(&str, &str, &str)], wrong: &mut Vec<String>) {
    let name = text(case, "name");
    match table.iter().find(|(n, ..)| *n == name) {
        Some((_, wanted, _)) if !same && *wanted == ours => {}
        Some((_, wanted, _)) => wrong.push(format!("{name}: on purpose {wanted}\n   but {ours}")),
        None if same => {}
        None => wrong.push(format!("{name}\n  spark {}\n   ours {ours}", case["spark"])),
    }
}

#[tokio::test]
async fn files_are_read_as_spark_reads_them() {
    let mut wrong = Vec::new();
    for case in cases("reads") {
        let root = tempfile::tempdir().unwrap();
        lay_out(&case, root.path());
        let spark = &case["spark"];
        let many = case["files"].as_object().unwrap().len() > 1;
        let (ours, same) = match reading(&case, root.path()).await {
            Err(e) => {
                let known = spark["all"].as_array().into_iter().flatten().chain([&spark["error"]]);
                (e.class().to_owned(), known.into_iter().any(|c| c == e.class()))
            }
            Ok(mut shown) => {
                let rows = spark["rows"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let mut wanted: Vec<&str> = std::iter::once(text(spark, "schema")).chain(rows).collect();
                if many {
                    // Spark deals the largest files out first.
                    shown[1..].sort();
                    wanted[1..].sort_unstable();
                }
                let same = shown == wanted || (shown[0] == "struct<>" && wanted[0] == "struct<>");
                (shown.join("\n"), same)
            }
        };
        judge(&case, &ours, same, READS, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn files_are_written_as_spark_writes_them() {
    let mut wrong = Vec::new();
    for case in cases("writes") {
        let root = tempfile::tempdir().unwrap();
        let (ours, same) = match writing(&case, root.path()).await {
            Ok(text) => (text.clone(), case["spark"]["text"] == text.as_str()),
            Err(e) => (e.class().to_owned(), case["spark"]["error"] == e.class()),
        };
        judge(&case, &ours, same, WRITES, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn what_differs_on_purpose_is_a_case() {
    for (kind, table) in [("reads", READS), ("writes", WRITES)] {
        let names: Vec<String> = cases(kind).iter().map(|c| text(c, "name").to_owned()).collect();
        let stale: Vec<_> = table.iter().filter(|(n, ..)| !names.iter().any(|m| m == n)).collect();
        assert!(stale.is_empty(), "{stale:?}");
    }
}
