//! Delta: batch writes read back, and the sink's fence with two generations in turn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::Delta;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connector_testing::{batch, query, read, rows, sink_request, write_request};
use thalweg_connectors::stream::{Commit, StreamSink};
use thalweg_connectors::{Connector, ConnectorRegistry, OutputMode, WriteMode};

/// The connector as a registry hands it out.
fn connector() -> Arc<dyn Connector> {
    ConnectorRegistry::default().with(Arc::new(Delta)).unwrap().get("delta").unwrap()
}

async fn sink(path: &Path, mode: OutputMode) -> Result<Arc<dyn StreamSink>> {
    let request = sink_request(path, "n int, s string", mode, &[]);
    connector().sink(request).await
}

async fn put(sink: &Arc<dyn StreamSink>, epoch: u64, n: &str) -> Result<()> {
    let rows = vec![batch("n int, s string", &[&[n, "x"]])];
    let staged = sink.stage(Epoch(epoch), 0, rows).await?;
    sink.commit(Epoch(epoch), staged.into_iter().collect()).await
}

async fn numbers(path: &Path) -> Vec<String> {
    let found = query(&Delta, read(path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap();
    thalweg_connector_testing::lines(&found)
}

fn class<T>(result: Result<T>) -> String {
    result.err().map(|e| e.class().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_shuts_the_old_one_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let old = sink(&path, OutputMode::Append).await.unwrap();
    assert_eq!(old.fence(Generation(1)).await.unwrap(), None);
    put(&old, 0, "0").await.unwrap();
    put(&old, 1, "1").await.unwrap();

    // Staged before the fence, committed after it.
    let staged = old.stage(Epoch(2), 0, vec![batch("n int, s string", &[&["2", "old"]])]).await.unwrap();
    let new = sink(&path, OutputMode::Append).await.unwrap();
    let last = Commit { epoch: Epoch(1), generation: Generation(1) };
    assert_eq!(new.fence(Generation(2)).await.unwrap(), Some(last));
    assert_eq!(class(old.commit(Epoch(2), staged.into_iter().collect()).await), "STREAM_FENCED");
    assert_eq!(class(old.fence(Generation(1)).await), "STREAM_FENCED");
    put(&new, 2, "2").await.unwrap();
    assert_eq!(class(put(&old, 2, "2").await), "STREAM_FENCED");
    assert_eq!(numbers(&path).await, ["0", "1", "2"]);

    // What the third learns is who committed last, not who fenced last.
    let third = sink(&path, OutputMode::Append).await.unwrap();
    third.fence(Generation(3)).await.unwrap();
    let fourth = sink(&path, OutputMode::Append).await.unwrap();
    let last = Commit { epoch: Epoch(2), generation: Generation(2) };
    assert_eq!(fourth.fence(Generation(4)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_committed_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let first = sink(&path, OutputMode::Append).await.unwrap();
    first.fence(Generation(1)).await.unwrap();
    put(&first, 0, "0").await.unwrap();
    assert_eq!(class(put(&first, 0, "0").await), "STREAM_EPOCH_COMMITTED");
    // An epoch of another generation is never skipped over.
    let second = sink(&path, OutputMode::Append).await.unwrap();
    second.fence(Generation(2)).await.unwrap();
    assert_eq!(class(put(&second, 0, "0").await), "STREAM_FENCED");
    second.commit(Epoch(1), vec![]).await.unwrap();
    assert_eq!(numbers(&path).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_writers_do_not_disturb_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let stream = sink(&path, OutputMode::Append).await.unwrap();
    stream.fence(Generation(1)).await.unwrap();
    for epoch in 0..3u64 {
        put(&stream, epoch, &epoch.to_string()).await.unwrap();
        write(&path, WriteMode::Append, ("n int, s string", &[&["9", "b"]]), (&[], &[])).await.unwrap();
    }
    assert_eq!(numbers(&path).await, ["0", "1", "2", "9", "9", "9"]);
    let again = sink(&path, OutputMode::Append).await.unwrap();
    let last = Commit { epoch: Epoch(2), generation: Generation(1) };
    assert_eq!(again.fence(Generation(2)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_truth_survives_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let stream = sink(&path, OutputMode::Append).await.unwrap();
    stream.fence(Generation(7)).await.unwrap();
    for epoch in 0..120u64 {
        stream.commit(Epoch(epoch), vec![]).await.unwrap();
    }
    // The checkpoint of version 100 is written beside the later commits, and is there once the sink is closed.
    stream.close().await;
    assert!(path.join("_delta_log/_last_checkpoint").exists());
    let again = sink(&path, OutputMode::Append).await.unwrap();
    let last = Commit { epoch: Epoch(119), generation: Generation(7) };
    assert_eq!(again.fence(Generation(8)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sink_can_t_do_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    assert_eq!(class(sink(&path, OutputMode::Update).await), "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE");
    write(&path, WriteMode::Append, ("n date, s string", &[&["2013-01-01", "a"]]), (&[], &[])).await.unwrap();
    let other = sink(&path, OutputMode::Append).await.unwrap();
    assert_eq!(class(other.fence(Generation(1)).await), "DELTA_METADATA_MISMATCH");
}

async fn write(
    path: &Path,
    mode: WriteMode,
    rows: (&str, &[&[&str]]),
    (by, pairs): (&[&str], &[(&str, &str)]),
) -> Result<u64> {
    let request = write_request(path, mode, by, pairs);
    thalweg_connector_testing::write(connector().as_ref(), request, rows).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_write_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let schema = "k string, n int";
    let by = &["k"];
    let put = async |mode, cells: &[&[&str]]| write(&path, mode, (schema, cells), (by, &[])).await;
    assert_eq!(put(WriteMode::ErrorIfExists, &[&["a", "1"], &["NULL", "2"]]).await, Ok(2));
    assert_eq!(class(put(WriteMode::ErrorIfExists, &[&["a", "1"]]).await), "DELTA_PATH_EXISTS");
    assert_eq!(put(WriteMode::Ignore, &[&["a", "1"]]).await, Ok(0));
    assert_eq!(put(WriteMode::Append, &[&["b/c", "3"]]).await, Ok(1));
    let mut found = rows(&Delta, read(&path, None, &[])).await;
    found.sort();
    assert_eq!(found, ["NULL|2", "a|1", "b/c|3"]);
    let one = query(&Delta, read(&path, None, &[]), "SELECT n, k FROM t WHERE k = 'b/c'").await.unwrap();
    assert_eq!(thalweg_connector_testing::lines(&one), ["3|b/c"]);
    assert_eq!(put(WriteMode::Overwrite, &[&["z", "9"]]).await, Ok(1));
    assert_eq!(rows(&Delta, read(&path, None, &[])).await, ["z|9"]);
    assert_eq!(rows(&Delta, read(&path, None, &[("versionAsOf", "1")])).await.len(), 3);
    for (option, value, class) in [
        ("versionAsOf", "3", "DELTA_VERSION_NOT_FOUND"),
        ("timestampAsOf", "2999-01-01", "DELTA_TIMESTAMP_GREATER_THAN_COMMIT"),
        ("timestampAsOf", "1999-01-01", "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION"),
    ] {
        assert_eq!(rows(&Delta, read(&path, None, &[(option, value)])).await, [class]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_checked_and_replaced_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let put = async |mode, schema: &str, cells: &[&[&str]], pairs: &[(&str, &str)]| {
        write(&path, mode, (schema, cells), (&[], pairs)).await
    };
    put(WriteMode::Append, "n int, t timestamp_ntz", &[&["1", "2013-01-01"]], &[]).await.unwrap();
    assert_eq!(class(put(WriteMode::Append, "n string", &[&["x"]], &[]).await), "DELTA_METADATA_MISMATCH");
    assert_eq!(class(put(WriteMode::Append, "n bigint", &[&["1"]], &[]).await), "DELTA_METADATA_MISMATCH");
    assert_eq!(class(put(WriteMode::Append, "m int", &[&["1"]], &[]).await), "DELTA_METADATA_MISMATCH");
    put(WriteMode::Append, "N int", &[&["2"]], &[]).await.unwrap();
    assert_eq!(rows(&Delta, read(&path, None, &[])).await.len(), 2);
    let replace = [("overwriteSchema", "true")];
    put(WriteMode::Overwrite, "s string", &[&["x"]], &replace).await.unwrap();
    assert_eq!(rows(&Delta, read(&path, None, &[])).await, ["x"]);
    assert_eq!(
        class(put(WriteMode::Overwrite, "s string", &[], &[("replaceWhere", "s='x'")]).await),
        "UNSUPPORTED_OPTION"
    );
    let nothing = dir.path().join("nothing");
    assert_eq!(rows(&Delta, read(&nothing, None, &[])).await, ["PATH_NOT_FOUND"]);
    assert_eq!(rows(&Delta, read(dir.path(), None, &[])).await, ["DELTA_MISSING_DELTA_TABLE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_s_own_reader_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let schema = "k string, d date, t timestamp, n int, g decimal";
    let cells: &[&[&str]] = &[
        &["a/b c%", "2013-01-01", "2013-01-01T10:00:00.5Z", "1", "1.25"],
        &["NULL", "NULL", "NULL", "2", "NULL"],
        &["ü=x", "2013-01-02", "2013-01-01T10:00:00Z", "3", "-0.05"],
    ];
    write(&path, WriteMode::Append, (schema, cells), (&["k", "d", "t"], &[])).await.unwrap();
    let mut ours = rows(&Delta, read(&path, None, &[])).await;
    ours.sort();
    let table = crate::log::Log::new(path).open(None).await.unwrap().unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context.register_table("t", table.table_provider().await.unwrap()).unwrap();
    let frame = context.sql("SELECT k, d, t, n, g FROM t").await.unwrap();
    let mut theirs = thalweg_connector_testing::lines(&frame.collect().await.unwrap());
    theirs.sort();
    assert_eq!(ours, theirs);
    assert_eq!(ours[1], "a/b c%|2013-01-01|2013-01-01T10:00:00.500Z|1|1.25");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_writer_left_behind_is_no_table_and_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let log = path.join("_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join(".0-1-2.tmp"), "{\"half\"").unwrap();
    std::fs::write(path.join("part-00000-x-c000.snappy.parquet"), "half").unwrap();
    let stream = sink(&path, OutputMode::Append).await.unwrap();
    assert_eq!(stream.fence(Generation(1)).await.unwrap(), None);
    put(&stream, 0, "0").await.unwrap();
    assert_eq!(numbers(&path).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_one_of_its_versions_is_refused_by_its_number() {
    for lost in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        for n in ["0", "1", "2"] {
            write(&path, WriteMode::Append, ("n int", &[&[n]]), (&[], &[])).await.unwrap();
        }
        let entry = path.join(format!("_delta_log/{lost:020}.json"));
        let held = std::fs::read(&entry).unwrap();
        std::fs::remove_file(&entry).unwrap();
        let read_error = connector().table(read(&path, None, &[])).await.map(|_| ()).unwrap_err();
        let write_error =
            write(&path, WriteMode::Append, ("n int", &[&["3"]]), (&[], &[])).await.unwrap_err();
        let stream = sink(&path, OutputMode::Append).await.unwrap();
        let sink_error = stream.fence(Generation(1)).await.map(|_| ()).unwrap_err();
        for error in [read_error, write_error, sink_error] {
            assert_eq!(error.class(), "DELTA_VERSIONS_NOT_CONTIGUOUS");
            let told = format!("{} {}", error.message(), error.hint_text().unwrap_or_default());
            let named = [
                path.to_str().unwrap(),
                &format!("version {lost} "),
                entry.file_name().unwrap().to_str().unwrap(),
            ];
            assert!(named.iter().all(|part| told.contains(part)), "{told}");
        }
        // What is before the version is there, and all of it once the file is back.
        if lost > 0 {
            assert_eq!(rows(&Delta, read(&path, None, &[("versionAsOf", "0")])).await, ["0"]);
        }
        std::fs::write(&entry, held).unwrap();
        assert_eq!(numbers(&path).await, ["0", "1", "2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_byte_is_refused_and_not_taken_for_a_version_without_rows() {
    for emptied in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let stream = sink(&path, OutputMode::Append).await.unwrap();
        stream.fence(Generation(1)).await.unwrap();
        for n in ["1", "2"] {
            write(&path, WriteMode::Append, ("n int", &[&[n]]), (&[], &[])).await.unwrap();
        }
        let entry = path.join(format!("_delta_log/{emptied:020}.json"));
        let held = std::fs::read(&entry).unwrap();
        std::fs::write(&entry, "").unwrap();
        let read_error = connector().table(read(&path, None, &[])).await.map(|_| ()).unwrap_err();
        let write_error =
            write(&path, WriteMode::Append, ("n int", &[&["3"]]), (&[], &[])).await.unwrap_err();
        let sink_error = stream.commit(Epoch(0), vec![]).await.unwrap_err();
        for error in [read_error, write_error, sink_error] {
            assert_eq!(error.class(), "DELTA_LOG_CORRUPT");
            assert!(error.message().contains("it is empty"), "{error}");
        }
        std::fs::write(&entry, held).unwrap();
        assert_eq!(numbers(&path).await, ["1", "2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_fitted_by_name_and_by_widening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let schema = "id bigint, v double, d decimal(20,4), t timestamp_ntz, s string";
    let put = async |mode, schema: &str, cells: &[&[&str]], pairs: &[(&str, &str)]| {
        write(&path, mode, (schema, cells), (&[], pairs)).await
    };
    put(WriteMode::Append, schema, &[&["1", "1.5", "1", "2024-01-01", "a"]], &[]).await.unwrap();
    let narrow = "S string, D decimal(5,2), ID int, V float, T date";
    put(WriteMode::Append, narrow, &[&["b", "2.50", "2", "2.5", "2024-07-01"]], &[]).await.unwrap();
    put(WriteMode::Append, "v int, d smallint", &[&["3", "3"]], &[]).await.unwrap();
    let mut found = rows(&Delta, read(&path, None, &[])).await;
    found.sort();
    assert_eq!(
        found,
        [
            "1|1.5|1.0000|2024-01-01T00:00:00|a",
            "2|2.5|2.5000|2024-07-01T00:00:00|b",
            "NULL|3.0|3.0000|NULL|NULL",
        ]
    );
    for schema in ["id double", "id string", "s int", "d decimal(38,0)", "d double", "v bigint", "id date"] {
        let cells: &[&[&str]] = &[&["1"]];
        let cells = if schema.ends_with("date") { &[&["2024-01-01"] as &[&str]] } else { cells };
        assert_eq!(
            class(put(WriteMode::Append, schema, cells, &[]).await),
            "DELTA_METADATA_MISMATCH",
            "{schema}"
        );
    }
    let merge = [("mergeSchema", "true")];
    assert_eq!(
        class(put(WriteMode::Append, "id string", &[&["1"]], &merge).await),
        "DELTA_METADATA_MISMATCH"
    );
    put(WriteMode::Append, "extra timestamp_ntz, id int", &[&["2024-01-01", "4"]], &merge).await.unwrap();
    let sql = "SELECT id, s, extra FROM t WHERE id > 1 ORDER BY id";
    let found = query(&Delta, read(&path, None, &[]), sql).await.unwrap();
    assert_eq!(thalweg_connector_testing::lines(&found), ["2|b|NULL", "4|NULL|2024-01-01T00:00:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_adds_columns_if_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    write(&path, WriteMode::Append, ("n bigint", &[&["0"]]), (&[], &[])).await.unwrap();
    let plain = sink(&path, OutputMode::Append).await.unwrap();
    assert_eq!(class(plain.fence(Generation(1)).await), "DELTA_METADATA_MISMATCH");
    let request = sink_request(&path, "n int, s string", OutputMode::Append, &[("mergeSchema", "true")]);
    let merging = connector().sink(request).await.unwrap();
    merging.fence(Generation(1)).await.unwrap();
    put(&merging, 0, "1").await.unwrap();
    let mut found = rows(&Delta, read(&path, None, &[])).await;
    found.sort();
    assert_eq!(found, ["0|NULL", "1|x"]);
}

/// A table whose newest entry has this protocol, these settings and this metadata of the column `n`.
async fn foreign(path: &Path, protocol: &str, settings: &str, column: &str) {
    write(path, WriteMode::Append, ("n int", &[&["1"]]), (&[], &[])).await.unwrap();
    let entry = path.join("_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&entry).unwrap();
    let changed = text
        .replace("\"minReaderVersion\":1,\"minWriterVersion\":2", protocol)
        .replace("\"configuration\":{}", &format!("\"configuration\":{{{settings}}}"))
        .replace("\\\"metadata\\\":{}", &format!("\\\"metadata\\\":{{{column}}}"));
    assert_ne!(text, changed);
    std::fs::write(&entry, changed).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_writer_asks_of_a_table_is_done_or_refused() {
    let named = |r: &str, w: &str| {
        format!(
            "\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[{r}],\"writerFeatures\":[{w}]"
        )
    };
    let legacy = |version: u8| format!("\"minReaderVersion\":1,\"minWriterVersion\":{version}");
    let features = "DELTA_UNSUPPORTED_FEATURES";
    let check = "\"delta.constraints.c\":\"n > 0\"";
    let mapped = "\"delta.columnMapping.mode\":\"name\"";
    let mapping = r#"\"delta.columnMapping.id\":1,\"delta.columnMapping.physicalName\":\"n\""#;
    let generated = r#"\"delta.generationExpression\":\"1\""#;
    let invariant = r#"\"delta.invariants\":\"n > 0\""#;
    let default = r#"\"CURRENT_DEFAULT\":\"1\""#;
    // Protocol, settings, the column's metadata; the class of reading, appending and overwriting.
    let cases = [
        (legacy(4), "\"delta.enableChangeDataFeed\":\"true\"", "", ["", "", ""]),
        (legacy(2), "\"delta.appendOnly\":\"true\"", "", ["", "", "DELTA_CANNOT_MODIFY_APPEND_ONLY"]),
        (legacy(3), check, "", ["", features, features]),
        (legacy(4), "", generated, ["", features, features]),
        (legacy(2), "", invariant, ["", features, features]),
        (named("", "\"checkConstraints\""), "", "", ["", "", ""]),
        (named("", "\"allowColumnDefaults\""), "", default, ["", features, features]),
        (named("\"deletionVectors\"", "\"deletionVectors\""), "", "", ["", "", ""]),
        (named("", "\"rowTracking\",\"domainMetadata\""), "", "", ["", features, features]),
        (named("\"sparkles\"", "\"sparkles\""), "", "", [features; 3]),
        (named("\"columnMapping\"", "\"columnMapping\""), mapped, mapping, [features; 3]),
    ];
    for (protocol, settings, column, wanted) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        foreign(&path, &protocol, settings, column).await;
        let put = async |mode| class(write(&path, mode, ("n int", &[&["2"]]), (&[], &[])).await);
        let seen = rows(&Delta, read(&path, None, &[])).await;
        let seen = if seen == ["1"] { String::new() } else { seen.concat() };
        let found = [seen, put(WriteMode::Append).await, put(WriteMode::Overwrite).await];
        assert_eq!(found, wanted, "{protocol} {settings} {column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_writer_with_folders_of_bytes_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    write(&path, WriteMode::Append, ("n int, b string", &[]), (&["b"], &[])).await.unwrap();
    let entry = path.join("_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replace("\\\"string\\\"", "\\\"binary\\\"")).unwrap();
    let error =
        write(&path, WriteMode::Append, ("n int, b binary", &[&["1", "x"]]), (&[], &[])).await.unwrap_err();
    assert_eq!(error.class(), "DELTA_UNSUPPORTED_FEATURES");
    assert!(error.message().contains("a partition column of type binary"), "{error}");
}

#[test]
fn a_write_that_is_canceled_keeps_nothing() {
    let left = thalweg_connector_testing::left_by_canceled_write(connector().as_ref());
    assert!(left.is_empty(), "{left:?}");
}
