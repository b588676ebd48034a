//! Parquet in, rows out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{ddl, inferred, lines, query, read, rows};
use arrow::array::{
    ArrayRef, DurationMicrosecondArray, FixedSizeListArray, Int32Array, StringViewArray, StructArray,
    TimestampNanosecondArray, UInt32Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use std::path::Path;
use std::sync::Arc;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

#[tokio::test]
async fn instants_are_read_as_the_wall_clock_of_utc_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let instants = TimestampNanosecondArray::from(vec![Some(1_500), None]).with_timezone("Europe/Paris");
    write(&path, vec![("t", Arc::new(instants))]);
    let request = read(&path, Some(ddl("t timestamp_ntz")), &[]);
    assert_eq!(rows("parquet", request.clone()).await, ["1970-01-01T00:00:00.000001", "NULL"]);
    let kept = query("parquet", request, "SELECT count(*) FROM t WHERE t > TIMESTAMP '1969-12-31'").await;
    assert_eq!(lines(&kept.unwrap()), ["1"]);
}

#[tokio::test]
async fn columns_have_the_platform_s_types() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    write(
        &path,
        vec![
            ("i", ints(&[1, 2])),
            ("s", Arc::new(StringViewArray::from(vec!["a", "b"]))),
            ("t", Arc::new(TimestampNanosecondArray::from(vec![1_500, 2_000]).with_timezone("Europe/Paris"))),
            ("n", Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_000]))),
            ("u", Arc::new(UInt32Array::from(vec![4_000_000_000, 1]))),
        ],
    );
    let request = read(&path, None, &[]);
    assert_eq!(
        inferred("parquet", request.clone()).await,
        "i int, s string, t timestamp, n timestamp_ntz, u bigint"
    );
    assert_eq!(
        rows("parquet", request.clone()).await,
        [
            "1|a|1970-01-01T00:00:00.000001Z|1970-01-01T00:00:00.000001|4000000000",
            "2|b|1970-01-01T00:00:00.000002Z|1970-01-01T00:00:00.000002|1",
        ]
    );
    assert_eq!(
        lines(&query("parquet", request.clone(), "SELECT u FROM t WHERE s = 'b'").await.unwrap()),
        ["1"]
    );
    // Answered from the footer's statistics, which have the file's units.
    let extremes =
        query("parquet", request.clone(), "SELECT max(t), min(n), max(u), min(s), count(*) FROM t")
            .await
            .unwrap();
    assert_eq!(lines(&extremes), ["1970-01-01T00:00:00.000002Z|1970-01-01T00:00:00.000001|4000000000|a|2"]);
    let pruned =
        "SELECT u FROM t WHERE t > TIMESTAMP '1970-01-01T00:00:00.000001500Z' AND n < TIMESTAMP '1970-01-02'";
    assert_eq!(lines(&query("parquet", request, pruned).await.unwrap()), ["1"]);
}

#[tokio::test]
async fn folders_prune_and_a_schema_widens_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("k=1/a.parquet"), vec![("i", ints(&[1, 2]))]);
    write(&dir.path().join("k=2/a.parquet"), vec![("i", ints(&[3]))]);
    let all = read(dir.path(), None, &[]);
    assert_eq!(inferred("parquet", all.clone()).await, "i int, k int");
    assert_eq!(
        lines(&query("parquet", all.clone(), "SELECT sum(i) FROM t WHERE k = 2").await.unwrap()),
        ["3"]
    );
    assert_eq!(lines(&query("parquet", all, "SELECT count(*), max(i) FROM t").await.unwrap()), ["3|3"]);
    let wide = read(dir.path(), Some(ddl("i bigint, missing string")), &[]);
    let mut found = rows("parquet", wide).await;
    found.sort();
    assert_eq!(found, ["1|NULL|1", "2|NULL|1", "3|NULL|2"]);
    let other_case = read(dir.path(), Some(ddl("I bigint")), &[]);
    let found =
        query("parquet", other_case, "SELECT k, \"I\" FROM t WHERE \"I\" > 1 ORDER BY 2").await.unwrap();
    assert_eq!(lines(&found), ["1|2", "2|3"]);
    let widened = read(dir.path(), Some(ddl("i double")), &[]);
    assert_eq!(lines(&query("parquet", widened, "SELECT max(i), min(k) FROM t").await.unwrap()), ["3.0|1"]);
    let dates = read(dir.path(), Some(ddl("i date")), &[]);
    assert_eq!(lines(&query("parquet", dates, "SELECT max(i) FROM t").await.unwrap()), ["1970-01-04"]);
    let other = read(dir.path(), Some(ddl("i timestamp")), &[]);
    assert_eq!(rows("parquet", other).await, ["FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH"]);
}

#[tokio::test]
async fn names_are_found_in_any_case_in_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let texts = |v: &str| -> ArrayRef { Arc::new(StringViewArray::from(vec![v])) };
    write(&dir.path().join("0.parquet"), vec![("a", ints(&[1])), ("B", texts("x"))]);
    write(&dir.path().join("1.parquet"), vec![("b", texts("y")), ("A", ints(&[2]))]);
    write(&dir.path().join("2.parquet"), vec![("b", texts("z"))]);
    let all = read(dir.path(), None, &[]);
    assert_eq!(inferred("parquet", all.clone()).await, "a int, B string");
    for (sql, wanted) in [
        ("SELECT * FROM t ORDER BY 2", &["1|x", "2|y", "NULL|z"][..]),
        ("SELECT \"B\" FROM t WHERE a = 2", &["y"]),
        ("SELECT a FROM t WHERE \"B\" >= 'y' ORDER BY a", &["2", "NULL"]),
        ("SELECT max(a), min(\"B\"), max(\"B\"), count(a), count(*) FROM t", &["2|x|z|2|3"]),
    ] {
        assert_eq!(lines(&query("parquet", all.clone(), sql).await.unwrap()), wanted, "{sql}");
    }
    let merged = read(dir.path(), None, &[("mergeSchema", "true")]);
    assert_eq!(inferred("parquet", merged).await, "a int, B string");
    let given = read(dir.path(), Some(ddl("A bigint, b string")), &[]);
    let found = query("parquet", given, "SELECT \"A\" + 1 FROM t WHERE b < 'z' ORDER BY 1").await.unwrap();
    assert_eq!(lines(&found), ["2", "3"]);
    let twins = read(dir.path(), Some(ddl("a int, A int")), &[]);
    assert_eq!(rows("parquet", twins).await, ["COLUMN_ALREADY_EXISTS"]);
    write(&dir.path().join("twins/a.parquet"), vec![("a", ints(&[1])), ("A", ints(&[2]))]);
    let twins = read(&dir.path().join("twins"), None, &[]);
    assert_eq!(inferred("parquet", twins).await, "COLUMN_ALREADY_EXISTS");
}

#[tokio::test]
async fn fields_of_structs_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let field = |name: &str| Arc::new(Field::new(name, DataType::Int32, true));
    let one = |names: &[&str]| -> ArrayRef {
        let pairs: Vec<_> = names.iter().zip([[1], [2]]).map(|(n, v)| (field(n), ints(&v))).collect();
        Arc::new(StructArray::from(pairs))
    };
    write(&dir.path().join("a.parquet"), vec![("s", one(&["x"]))]);
    write(&dir.path().join("b.parquet"), vec![("s", one(&["y", "x"]))]);
    let given = |schema: &str| read(dir.path(), Some(ddl(schema)), &[]);
    let cases = [
        ("s struct<x:int,y:int>", "SELECT t.s['x'], t.s['y'] FROM t ORDER BY 1", &["1|NULL", "2|1"][..]),
        ("s struct<y:bigint,x:int>", "SELECT t.s['x'] FROM t WHERE t.s['y'] = 1", &["2"]),
        ("s struct<x:int,y:int>", "SELECT t.s['x'] FROM t WHERE t.s['y'] IS NULL", &["1"]),
        ("s struct<x:bigint>", "SELECT t.s['x'] FROM t ORDER BY 1", &["1", "2"]),
    ];
    for (schema, sql, wanted) in cases {
        assert_eq!(lines(&query("parquet", given(schema), sql).await.unwrap()), wanted, "{schema} {sql}");
    }
    let mismatch = ["FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH"];
    for schema in ["s struct<z:int>", "s struct<X:int>", "s struct<x:string>", "s int"] {
        assert_eq!(rows("parquet", given(schema)).await, mismatch, "{schema}");
    }
    let merged = read(dir.path(), None, &[("mergeSchema", "true")]);
    assert_eq!(inferred("parquet", merged).await, "s struct<x:int,y:int>");
}

#[tokio::test]
async fn an_empty_file_has_no_rows() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("0.parquet"), "").unwrap();
    let footer = "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER";
    assert_eq!(inferred("parquet", read(dir.path(), None, &[])).await, footer);
    assert!(rows("parquet", read(dir.path(), Some(ddl("a int")), &[])).await.is_empty());
    write(&dir.path().join("1.parquet"), vec![("a", ints(&[1]))]);
    assert_eq!(rows("parquet", read(dir.path(), None, &[])).await, ["1"]);
}

#[tokio::test]
async fn types_that_only_arrow_has_are_what_is_stored_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])], 2);
    write(
        &dir.path().join("a.parquet"),
        vec![
            ("n", new_null_array(&DataType::Null, 1)),
            ("d", Arc::new(DurationMicrosecondArray::from(vec![5]))),
            ("l", Arc::new(pairs)),
        ],
    );
    let all = read(dir.path(), None, &[]);
    assert_eq!(inferred("parquet", all.clone()).await, "n int, d bigint, l array<int>");
    assert_eq!(rows("parquet", all).await, ["NULL|5|[1, NULL]"]);
}

#[tokio::test]
async fn a_file_that_is_not_parquet_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.parquet"), "no").unwrap();
    let footer = ["FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER"];
    assert_eq!(rows("parquet", read(dir.path(), None, &[])).await, footer);
    assert_eq!(inferred("parquet", read(&dir.path().join("y"), None, &[])).await, "PATH_NOT_FOUND");
    assert_eq!(
        inferred("parquet", read(dir.path(), None, &[("datetimeRebaseMode", "LEGACY")])).await,
        "INVALID_OPTION_VALUE"
    );
}

#[tokio::test]
async fn the_columns_of_all_files_are_merged_if_asked() {
    let dir = tempfile::tempdir().unwrap();
    let wide: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![3_000_000_000]));
    write(&dir.path().join("a.parquet"), vec![("i", ints(&[1]))]);
    write(&dir.path().join("b.parquet"), vec![("j", ints(&[2])), ("i", wide)]);
    let merge = [("mergeSchema", "true")];
    let first = inferred("parquet", read(dir.path(), None, &[])).await;
    assert_eq!(
        first, "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
        "b.parquet is not what a.parquet is"
    );
    assert_eq!(inferred("parquet", read(dir.path(), None, &merge)).await, "i bigint, j int");
    let mut found = rows("parquet", read(dir.path(), None, &merge)).await;
    found.sort();
    assert_eq!(found, ["1|NULL", "3000000000|2"]);
    let text: ArrayRef = Arc::new(StringViewArray::from(vec!["x"]));
    write(&dir.path().join("c.parquet"), vec![("i", text)]);
    assert_eq!(inferred("parquet", read(dir.path(), None, &merge)).await, "CANNOT_MERGE_SCHEMAS");
}
