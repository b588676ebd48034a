//! CSV in, rows and types out, by Spark's rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{connector, ddl, inferred, lines, query, read, rows};

async fn check_types(content: &str, pairs: &[(&str, &str)], wanted: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    std::fs::write(&path, content).unwrap();
    assert_eq!(inferred("csv", read(&path, None, pairs)).await, wanted, "{content:?} {pairs:?}");
}

async fn check_rows(content: impl AsRef<[u8]>, schema: &str, pairs: &[(&str, &str)], wanted: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    std::fs::write(&path, content.as_ref()).unwrap();
    let schema = (!schema.is_empty()).then(|| ddl(schema));
    let shown = String::from_utf8_lossy(content.as_ref()).into_owned();
    assert_eq!(rows("csv", read(&path, schema, pairs)).await, wanted, "{shown:?} {pairs:?}");
}

const HEADER: (&str, &str) = ("header", "true");
const INFER: (&str, &str) = ("inferSchema", "true");

#[tokio::test]
async fn names_come_from_the_header_or_from_places() {
    check_types("a,b\n1,x\n", &[], "_c0 string, _c1 string").await;
    check_types("a,b\n1,x\n", &[HEADER], "a string, b string").await;
    check_types("a,,A\n1,2,3\n", &[HEADER], "a0 string, _c1 string, A2 string").await;
    check_types("a|b\n1|x\n", &[HEADER, ("sep", "|")], "a string, b string").await;
    check_types("\u{FEFF}a\n1\n", &[HEADER], "a string").await;
}

#[tokio::test]
async fn types_widen_in_spark_s_order() {
    let cases = [
        ("1\n2\n", "int"),
        ("1\n3000000000\n", "bigint"),
        ("1\n99999999999999999999\n", "decimal(20,0)"),
        ("1\n2.5\n", "double"),
        ("2.5\n1\n", "double"),
        ("1\nNaN\n", "double"),
        ("2013-01-01\n2013-01-02\n", "date"),
        ("2013-01-01\n2013-01-02 10:00:00\n", "timestamp"),
        ("2013-01-01T10:00:00Z\n", "timestamp"),
        ("true\nFALSE\n", "boolean"),
        ("1\ntrue\n", "string"),
        ("1\nx\n", "string"),
        ("\n\n", "string"),
    ];
    for (cells, wanted) in cases {
        let content = format!("k,pad\n{}", cells.lines().map(|c| format!("{c},\n")).collect::<String>());
        check_types(&content, &[HEADER, INFER], &format!("k {wanted}, pad string")).await;
    }
    check_types("k\n1\nNA\n", &[HEADER, INFER], "k string").await;
    check_types("k\n1\nNA\n", &[HEADER, INFER, ("nullValue", "NA")], "k int").await;
    check_types("k\n02/01/2013\n", &[HEADER, INFER, ("dateFormat", "dd/MM/yyyy")], "k date").await;
}

#[tokio::test]
async fn cells_become_values_of_the_schema() {
    let schema = "a int, b double, c string, d date, e timestamp, f boolean, g decimal";
    let line = "1,2.5,x,2013-01-02,2013-01-02 03:04:05,true,1.255\n";
    check_rows(line, schema, &[], &["1|2.5|x|2013-01-02|2013-01-02T03:04:05Z|true|1.26"]).await;
    check_rows("NA,,\"\",,,,\n", schema, &[("nullValue", "NA")], &["NULL|NULL||NULL|NULL|NULL|NULL"]).await;
    check_rows(",,\"\",,,,\n", schema, &[], &["NULL|NULL|NULL|NULL|NULL|NULL|NULL"]).await;
    check_rows("a,\"b,\"\"c\"\n", "x string, y string", &[("escape", "\"")], &["a|b,\"c"]).await;
    check_rows("# no\na\n\n  \nb\n", "x string", &[("comment", "#")], &["a", "b"]).await;
    check_rows("a, b \n", "x string, y string", &[], &["a| b "]).await;
    let trims = [("ignoreLeadingWhiteSpace", "true"), ("ignoreTrailingWhiteSpace", "true")];
    check_rows("a, b \n", "x string, y string", &trims, &["a|b"]).await;
    check_rows("a,\"b\nc\"\nd,e\n", "x string, y string", &[("multiLine", "true")], &["a|b\nc", "d|e"]).await;
    check_rows("a;b|c;d", "x string, y string", &[("sep", ";"), ("lineSep", "|")], &["a|b", "c|d"]).await;
}

#[tokio::test]
async fn malformed_records_follow_the_mode() {
    let (content, schema) = ("1,a\nx,b\n3\n4,d,e\n", "n int, s string");
    check_rows(content, schema, &[], &["1|a", "NULL|b", "3|NULL", "4|d"]).await;
    let kept = "n int, s string, _corrupt_record string";
    check_rows(content, kept, &[], &["1|a|NULL", "NULL|b|x,b", "3|NULL|3", "4|d|4,d,e"]).await;
    check_rows(
        content,
        "_corrupt_record string, n int, s string",
        &[],
        &["NULL|1|a", "x,b|NULL|b", "3|3|NULL", "4,d,e|4|d"],
    )
    .await;
    check_rows(content, schema, &[("mode", "DROPMALFORMED")], &["1|a"]).await;
    check_rows(content, schema, &[("mode", "failfast")], &["MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"])
        .await;
    check_rows(b"a\xFF,b\n1,c\n", kept, &[], &["NULL|b|a\u{FFFD},b", "1|c|NULL"]).await;
    check_rows(
        b"a\xFF,b\n",
        "a string, b string",
        &[("mode", "FAILFAST")],
        &["MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"],
    )
    .await;
}

#[tokio::test]
async fn a_count_sees_the_same_records_as_a_select() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    std::fs::write(&path, "1,a\nx,b\n3\n").unwrap();
    for (mode, wanted) in [("PERMISSIVE", "3"), ("DROPMALFORMED", "1")] {
        let request = read(&path, Some(ddl("n int, s string")), &[("mode", mode)]);
        assert_eq!(lines(&query("csv", request, "SELECT count(*) FROM t").await.unwrap()), [wanted]);
    }
}

#[tokio::test]
async fn an_error_names_the_file_and_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.csv");
    std::fs::write(&path, "n\n1\nx\n").unwrap();
    let request = read(&path, Some(ddl("n int")), &[HEADER, ("mode", "FAILFAST")]);
    let error = query("csv", request, "SELECT * FROM t").await.unwrap_err();
    assert!(error.message().contains("bad.csv, line 3"), "{error}");
    assert_eq!(error.sqlstate(), "22023");
}

#[tokio::test]
async fn a_header_is_compared_only_if_asked() {
    check_rows("a,b\n1,2\n", "x int, y int", &[HEADER], &["1|2"]).await;
    let strict = [HEADER, ("enforceSchema", "false")];
    check_rows("a,b\n1,2\n", "x int, y int", &strict, &["CSV_HEADER_MISMATCH"]).await;
    check_rows("X,y\n1,2\n", "x int, y int", &strict, &["1|2"]).await;
}

#[tokio::test]
async fn options_that_are_not_there_are_refused_by_name() {
    let cases = [
        (("encoding", "ebcdic"), "INVALID_PARAMETER_VALUE.CHARSET"),
        (("encoding", "UTF-16"), "INVALID_OPTION_VALUE"),
        (("sep", ""), "INVALID_OPTION_VALUE"),
        (("mergeSchema", "true"), "INVALID_OPTION_VALUE"),
        (("timestampFormat", "ww"), "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
        (("heder", "true"), "UNSUPPORTED_OPTION"),
        (("mode", "LENIENT"), "INVALID_OPTION_VALUE"),
    ];
    for (option, class) in cases {
        check_types("a\n", &[option], class).await;
    }
}

#[tokio::test]
async fn folders_and_compressed_files_are_one_table() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    for (folder, name) in [("k=1", "a.csv"), ("k=2", "b.csv.gz")] {
        let folder = dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let mut out: Box<dyn Write> = if name.ends_with("gz") {
            Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()))
        } else {
            Box::new(file)
        };
        out.write_all(format!("v\n{name}\n").as_bytes()).unwrap();
    }
    let request = read(dir.path(), None, &[HEADER]);
    assert_eq!(inferred("csv", request.clone()).await, "v string, k int");
    let mut found = rows("csv", request.clone()).await;
    found.sort();
    assert_eq!(found, ["a.csv|1", "b.csv.gz|2"]);
    let one = query("csv", request, "SELECT k FROM t WHERE v = 'a.csv'").await.unwrap();
    assert_eq!(lines(&one), ["1"]);
    assert_eq!(inferred("csv", read(&dir.path().join("none"), None, &[])).await, "PATH_NOT_FOUND");
}

#[tokio::test]
async fn a_large_file_is_read_in_parts_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big.csv");
    let mut text = String::from("n,s\n");
    for n in 0..600_000 {
        text.push_str(&format!("{n},row number {n}\r\n"));
    }
    std::fs::write(&path, text).unwrap();
    let request = read(&path, Some(ddl("n bigint, s string")), &[HEADER]);
    let table = connector("csv").table(request.clone()).await.unwrap();
    let context = datafusion::prelude::SessionContext::new();
    let plan = table.scan(&context.state(), None, &[], None).await.unwrap();
    use datafusion::physical_plan::ExecutionPlanProperties;
    assert!(plan.output_partitioning().partition_count() > 1);
    let found = query("csv", request, "SELECT count(*), sum(n), count(DISTINCT s) FROM t").await.unwrap();
    assert_eq!(lines(&found), ["600000|179999700000|600000"]);
}

#[tokio::test]
async fn a_file_that_changes_or_vanishes_under_a_query_is_an_error() {
    type Change = fn(&std::path::Path);
    let changes: [Change; 3] = [
        |p| std::fs::remove_file(p).unwrap(),
        |p| std::fs::write(p, "1\n2\n3\n").unwrap(),
        |p| std::fs::write(p, "").unwrap(),
    ];
    for change in changes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, "1\n2\n").unwrap();
        let table = connector("csv").table(read(&path, Some(ddl("n int")), &[])).await.unwrap();
        change(&path);
        let context = datafusion::prelude::SessionContext::new();
        context.register_table("t", table).unwrap();
        let error = context.sql("SELECT * FROM t").await.unwrap().collect().await.unwrap_err();
        let error = thalweg_values::errors::from_datafusion(error);
        assert_eq!(error.class(), "FAILED_READ_FILE.FILE_NOT_EXIST");
        assert!(error.message().contains("a.csv") && error.hint_text().is_some(), "{error}");
    }
}
