//! Parquet in, rows out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{ddl, inferred, lines, query, read, rows};
use arrow::array::{ArrayRef, Int32Array, StringViewArray, TimestampNanosecondArray, UInt32Array};
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
    let other = read(dir.path(), Some(ddl("i date")), &[]);
    assert_eq!(rows("parquet", other).await, ["FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH"]);
}

#[tokio::test]
async fn a_file_that_is_not_parquet_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.parquet"), "no").unwrap();
    assert_eq!(rows("parquet", read(dir.path(), None, &[])).await, ["FAILED_READ_FILE.NO_HINT"]);
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
