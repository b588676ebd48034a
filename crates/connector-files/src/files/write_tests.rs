//! Folders written and read back, in every format and save mode.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::testing::{batch, connector, ddl, read, rows, write_request};
use std::path::Path;
use thalweg_common::Result;
use thalweg_connectors::WriteMode;
use thalweg_storage::durable::SyncFault;

async fn write(
    format: &str,
    path: &Path,
    mode: WriteMode,
    rows: (&str, &[&[&str]]),
    (by, pairs): (&[&str], &[(&str, &str)]),
) -> Result<u64> {
    let request = write_request(path, mode, by, pairs);
    thalweg_connector_testing::write(connector(format).as_ref(), request, rows).await
}

fn names(path: &Path) -> Vec<String> {
    let mut found: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

fn text(path: &Path) -> String {
    let file = names(path).into_iter().find(|n| n.starts_with("part-")).unwrap();
    std::fs::read_to_string(path.join(file)).unwrap()
}

const SCHEMA: &str = "n int, d double, s string, t timestamp, g decimal, f boolean";
const CELLS: &[&[&str]] = &[
    &["1", "2.5", "a,\"b\"", "2013-01-01T10:00:00Z", "1.5", "true"],
    &["NULL", "NULL", "NULL", "NULL", "NULL", "NULL"],
];
const SHOWN: [&str; 2] = ["1|2.5|a,\"b\"|2013-01-01T10:00:00Z|1.50|true", "NULL|NULL|NULL|NULL|NULL|NULL"];

#[tokio::test]
async fn what_is_written_is_read_back_in_every_mode() {
    for format in ["csv", "json", "parquet"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let put = async |mode| write(format, &path, mode, (SCHEMA, CELLS), (&[], &[])).await;
        let get = async || rows(format, read(&path, Some(ddl(SCHEMA)), &[])).await;
        assert_eq!(put(WriteMode::ErrorIfExists).await, Ok(2), "{format}");
        assert_eq!(get().await, SHOWN, "{format}");
        assert_eq!(names(&path).len(), 2, "{format}: one file and _SUCCESS");
        assert_eq!(put(WriteMode::ErrorIfExists).await.unwrap_err().class(), "PATH_ALREADY_EXISTS");
        assert_eq!(put(WriteMode::Ignore).await, Ok(0));
        assert_eq!(put(WriteMode::Append).await, Ok(2));
        assert_eq!(get().await.len(), 4);
        assert_eq!(put(WriteMode::Overwrite).await, Ok(2));
        assert_eq!(get().await, SHOWN);
    }
}

#[tokio::test]
async fn partitions_become_folders_and_columns_again() {
    for format in ["csv", "json", "parquet"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let rows_in: &[&[&str]] = &[&["1", "x", "a"], &["2", "x", "b"], &["1", "NULL", "c"]];
        let data = ("k int, p string, v string", rows_in);
        write(format, &path, WriteMode::Append, data, (&["k", "p"], &[])).await.unwrap();
        assert_eq!(names(&path), ["_SUCCESS", "k=1", "k=2"]);
        let mut found = rows(format, read(&path, Some(ddl("v string, k int, p string")), &[])).await;
        found.sort();
        assert_eq!(found, ["a|1|x", "b|2|x", "c|1|NULL"], "{format}");
    }
}

#[tokio::test]
async fn text_looks_as_spark_prints_it() {
    let dir = tempfile::tempdir().unwrap();
    let check = async |format: &str, pairs: &[(&str, &str)], wanted: &str| {
        let path = dir.path().join(format!("{format}{}", names(dir.path()).len()));
        write(format, &path, WriteMode::Append, (SCHEMA, CELLS), (&[], pairs)).await.unwrap();
        assert_eq!(text(&path), wanted, "{format} {pairs:?}");
    };
    check("csv", &[], "1,2.5,\"a,\\\"b\\\"\",2013-01-01T10:00:00.000Z,1.50,true\n,,,,,\n").await;
    let pairs =
        [("header", "true"), ("sep", "\\t"), ("nullValue", "NA"), ("timestampFormat", "yyyy/MM/dd HH")];
    let wanted =
        "n\td\ts\tt\tg\tf\n1\t2.5\t\"a,\\\"b\\\"\"\t2013/01/01 10\t1.50\ttrue\nNA\tNA\tNA\tNA\tNA\tNA\n";
    check("csv", &pairs, wanted).await;
    let object = "{\"n\":1,\"d\":2.5,\"s\":\"a,\\\"b\\\"\",\"t\":\"2013-01-01T10:00:00.000Z\",\"g\":1.50,\"f\":true}\n";
    check("json", &[], &format!("{object}{{}}\n")).await;
    let nulls = "{\"n\":null,\"d\":null,\"s\":null,\"t\":null,\"g\":null,\"f\":null}\n";
    check("json", &[("ignoreNullFields", "false")], &format!("{object}{nulls}")).await;
}

#[tokio::test]
async fn a_failed_write_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    write("csv", &path, WriteMode::Append, ("s string", &[&["old"]]), (&[], &[])).await.unwrap();
    let schema = ddl("s string");
    let failing = futures::stream::iter([
        Ok(batch("s string", &[&["new"]])),
        Err(thalweg_values::errors::external(thalweg_common::Error::unsupported("that"))),
    ]);
    let rows_in = datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, failing);
    let request = write_request(&path, WriteMode::Overwrite, &[], &[]);
    let error = connector("csv").write(request, Box::pin(rows_in)).await.unwrap_err();
    assert_eq!(error.class(), "UNSUPPORTED_FEATURE");
    assert_eq!(rows("csv", read(&path, None, &[])).await, ["old"]);
    assert_eq!(names(&path).len(), 2, "nothing temporary is left");
}

#[tokio::test]
async fn what_can_t_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let class = async |format: &str, schema: &str, by: &[&str], pairs: &[(&str, &str)]| {
        write(format, &path, WriteMode::Append, (schema, &[]), (by, pairs))
            .await
            .unwrap_err()
            .class()
            .to_owned()
    };
    assert_eq!(class("csv", "b array<int>", &[], &[]).await, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE");
    assert_eq!(class("csv", "s string", &[], &[("compression", "lzo")]).await, "INVALID_OPTION_VALUE");
    assert_eq!(class("parquet", "s string", &[], &[("header", "true")]).await, "UNSUPPORTED_OPTION");
    assert!(!path.exists());
    std::fs::write(&path, "a file").unwrap();
    assert_eq!(class("csv", "s string", &[], &[]).await, "PATH_NOT_WRITABLE");
}

#[tokio::test]
async fn a_write_that_can_t_be_published_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    write("csv", &path, WriteMode::Append, ("s string", &[&["old"]]), (&[], &[])).await.unwrap();
    // Nothing can be renamed over a folder, so the last step fails.
    let blocked = path.join("_SUCCESS");
    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir_all(blocked.join("x")).unwrap();
    let new: (&str, &[&[&str]]) = ("s string", &[&["new"]]);
    let error = write("csv", &path, WriteMode::Append, new, (&[], &[])).await.unwrap_err();
    assert!(error.message().contains("_SUCCESS"), "{error}");
    assert_eq!(rows("csv", read(&path, None, &[])).await, ["old"]);
    assert_eq!(names(&path).len(), 2, "{:?}", names(&path));
    write("csv", &path, WriteMode::Overwrite, new, (&[], &[])).await.unwrap();
    assert_eq!(rows("csv", read(&path, None, &[])).await, ["new"]);
    assert_eq!(names(&path).len(), 2, "{:?}", names(&path));
}

/// Writes `new` once with each sync failing; without a fault the write succeeds, which ends the loop.
async fn with_failing_syncs(mode: WriteMode, by: &[&str], old: Option<&[&[&str]]>, new: &[&[&str]]) {
    const COLUMNS: &str = "s string, p int";
    for before in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let get = async || rows("parquet", read(&path, Some(ddl(COLUMNS)), &[])).await;
        let what = format!("{mode:?} by {by:?}, sync {before}");
        if let Some(old) = old {
            write("parquet", &path, WriteMode::Append, (COLUMNS, old), (by, &[])).await.unwrap();
        }
        let fault = SyncFault::new(dir.path(), before);
        let written = write("parquet", &path, mode, (COLUMNS, new), (by, &[])).await;
        assert_eq!(written.is_err(), fault.has_failed(), "{what}");
        if written.is_ok() {
            assert!(before > 2, "{what}: few syncs");
            return;
        }
        match old {
            Some(_) => assert_eq!(get().await, ["old|1"], "{what}"),
            None => assert!(!path.join("_SUCCESS").exists(), "{what}: says that it is complete"),
        }
        // The next write depends on nothing that was not synced.
        assert_eq!(write("parquet", &path, mode, (COLUMNS, new), (by, &[])).await, Ok(1), "{what}");
        assert!(get().await.contains(&"new|2".to_owned()), "{what}");
        let missing = fault.never_synced().unwrap();
        // What was there before was synced before.
        assert!(
            missing.iter().all(|folder| old.is_some() && folder.starts_with(dir.path())),
            "{what}: {missing:?}"
        );
    }
}

#[tokio::test]
async fn a_write_whose_sync_fails_is_not_acknowledged_and_leaves_what_was_there() {
    let (old, new): (&[&[&str]], &[&[&str]]) = (&[&["old", "1"]], &[&["new", "2"]]);
    for by in [&[] as &[&str], &["p"]] {
        with_failing_syncs(WriteMode::Overwrite, by, None, new).await;
        with_failing_syncs(WriteMode::Append, by, Some(old), new).await;
        with_failing_syncs(WriteMode::Overwrite, by, Some(old), new).await;
    }
}

#[test]
fn a_write_that_is_canceled_keeps_nothing() {
    for format in ["csv", "parquet"] {
        let left = thalweg_connector_testing::left_by_canceled_write(connector(format).as_ref());
        assert!(left.is_empty(), "{format}: {left:?}");
    }
}

#[test]
fn old_rows_that_could_not_be_put_back_are_kept() {
    // Whether a file is left, whether the write went well; whether the folder is told of, and is still there.
    for (left, replaced, told) in [(true, true, false), (true, false, true), (false, false, false)] {
        let dir = tempfile::tempdir().unwrap();
        let aside = dir.path().join("id.old");
        std::fs::create_dir(&aside).unwrap();
        if left {
            std::fs::write(aside.join("part-0"), "old").unwrap();
        }
        assert_eq!(super::write::clear_aside(&aside, replaced), told, "{left} {replaced}");
        assert_eq!(aside.join("part-0").exists(), told);
    }
}
