//! Delta: batch writes read back, and the sink's fence with two generations in turn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::connector::{SinkRequest, WriteMode, WriteRequest};
use crate::stream::{Commit, StreamSink};
use crate::testing::{batch, connector, ddl, options, query, read, rows, stream_of};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};

async fn sink(path: &Path, mode: &str) -> Result<Arc<dyn StreamSink>> {
    let request = SinkRequest {
        path: Some(path.to_string_lossy().into_owned()),
        schema: ddl("n int, s string"),
        partition_by: vec![],
        options: options(&[]),
        query_id: "q-1".to_owned(),
        output_mode: mode.to_owned(),
    };
    connector("delta").sink(request).await
}

async fn put(sink: &Arc<dyn StreamSink>, epoch: u64, n: &str) -> Result<()> {
    let rows = vec![batch("n int, s string", &[&[n, "x"]])];
    let staged = sink.stage(Epoch(epoch), 0, rows).await?;
    sink.commit(Epoch(epoch), staged.into_iter().collect()).await
}

async fn numbers(path: &Path) -> Vec<String> {
    let found = query("delta", read(path, None, &[]), "SELECT n FROM t ORDER BY n").await.unwrap();
    crate::testing::lines(&found)
}

fn class<T>(result: Result<T>) -> String {
    result.err().map(|e| e.class().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_shuts_the_old_one_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let old = sink(&path, "append").await.unwrap();
    assert_eq!(old.fence(Generation(1)).await.unwrap(), None);
    put(&old, 0, "0").await.unwrap();
    put(&old, 1, "1").await.unwrap();

    // Staged before the fence, committed after it.
    let staged = old.stage(Epoch(2), 0, vec![batch("n int, s string", &[&["2", "old"]])]).await.unwrap();
    let new = sink(&path, "append").await.unwrap();
    let last = Commit { epoch: Epoch(1), generation: Generation(1) };
    assert_eq!(new.fence(Generation(2)).await.unwrap(), Some(last));
    assert_eq!(class(old.commit(Epoch(2), staged.into_iter().collect()).await), "STREAM_FENCED");
    assert_eq!(class(old.fence(Generation(1)).await), "STREAM_FENCED");
    put(&new, 2, "2").await.unwrap();
    assert_eq!(class(put(&old, 2, "2").await), "STREAM_FENCED");
    assert_eq!(numbers(&path).await, ["0", "1", "2"]);

    // What the third learns is who committed last, not who fenced last.
    let third = sink(&path, "append").await.unwrap();
    third.fence(Generation(3)).await.unwrap();
    let fourth = sink(&path, "append").await.unwrap();
    let last = Commit { epoch: Epoch(2), generation: Generation(2) };
    assert_eq!(fourth.fence(Generation(4)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_committed_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let first = sink(&path, "append").await.unwrap();
    first.fence(Generation(1)).await.unwrap();
    put(&first, 0, "0").await.unwrap();
    assert_eq!(class(put(&first, 0, "0").await), "STREAM_EPOCH_COMMITTED");
    // An epoch of another generation is never skipped over.
    let second = sink(&path, "append").await.unwrap();
    second.fence(Generation(2)).await.unwrap();
    assert_eq!(class(put(&second, 0, "0").await), "STREAM_FENCED");
    second.commit(Epoch(1), vec![]).await.unwrap();
    assert_eq!(numbers(&path).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_writers_do_not_disturb_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let stream = sink(&path, "append").await.unwrap();
    stream.fence(Generation(1)).await.unwrap();
    for epoch in 0..3u64 {
        put(&stream, epoch, &epoch.to_string()).await.unwrap();
        write(&path, WriteMode::Append, ("n int, s string", &[&["9", "b"]]), (&[], &[])).await.unwrap();
    }
    assert_eq!(numbers(&path).await, ["0", "1", "2", "9", "9", "9"]);
    let again = sink(&path, "append").await.unwrap();
    let last = Commit { epoch: Epoch(2), generation: Generation(1) };
    assert_eq!(again.fence(Generation(2)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_truth_survives_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let stream = sink(&path, "append").await.unwrap();
    stream.fence(Generation(7)).await.unwrap();
    for epoch in 0..120u64 {
        stream.commit(Epoch(epoch), vec![]).await.unwrap();
    }
    super::log::Log { root: path.clone() }.checkpoint_if_due(100).await;
    assert!(path.join("_delta_log/_last_checkpoint").exists());
    let again = sink(&path, "append").await.unwrap();
    let last = Commit { epoch: Epoch(119), generation: Generation(7) };
    assert_eq!(again.fence(Generation(8)).await.unwrap(), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sink_can_t_do_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    assert_eq!(class(sink(&path, "update").await), "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE");
    write(&path, WriteMode::Append, ("n bigint, s string", &[&["1", "a"]]), (&[], &[])).await.unwrap();
    let other = sink(&path, "append").await.unwrap();
    assert_eq!(class(other.fence(Generation(1)).await), "DELTA_METADATA_MISMATCH");
}

async fn write(
    path: &Path,
    mode: WriteMode,
    (schema, cells): (&str, &[&[&str]]),
    (by, pairs): (&[&str], &[(&str, &str)]),
) -> Result<u64> {
    let request = WriteRequest {
        path: path.to_string_lossy().into_owned(),
        mode,
        partition_by: by.iter().map(|s| (*s).to_owned()).collect(),
        options: options(pairs),
        time_zone: "UTC".to_owned(),
    };
    let report = connector("delta").write(request, stream_of(batch(schema, cells))).await?;
    Ok(report.rows)
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
    let mut found = rows("delta", read(&path, None, &[])).await;
    found.sort();
    assert_eq!(found, ["NULL|2", "a|1", "b/c|3"]);
    let one = query("delta", read(&path, None, &[]), "SELECT n, k FROM t WHERE k = 'b/c'").await.unwrap();
    assert_eq!(crate::testing::lines(&one), ["3|b/c"]);
    assert_eq!(put(WriteMode::Overwrite, &[&["z", "9"]]).await, Ok(1));
    assert_eq!(rows("delta", read(&path, None, &[])).await, ["z|9"]);
    assert_eq!(rows("delta", read(&path, None, &[("versionAsOf", "1")])).await.len(), 3);
    assert_eq!(rows("delta", read(&path, None, &[("timestampAsOf", "2999-01-01")])).await, ["z|9"]);
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
    assert_eq!(class(put(WriteMode::Append, "m int", &[&["1"]], &[]).await), "DELTA_METADATA_MISMATCH");
    put(WriteMode::Append, "N int", &[&["2"]], &[]).await.unwrap();
    assert_eq!(rows("delta", read(&path, None, &[])).await.len(), 2);
    let replace = [("overwriteSchema", "true")];
    put(WriteMode::Overwrite, "s string", &[&["x"]], &replace).await.unwrap();
    assert_eq!(rows("delta", read(&path, None, &[])).await, ["x"]);
    assert_eq!(
        class(put(WriteMode::Overwrite, "s string", &[], &[("replaceWhere", "s='x'")]).await),
        "UNSUPPORTED_OPTION"
    );
    let nothing = dir.path().join("nothing");
    assert_eq!(rows("delta", read(&nothing, None, &[])).await, ["PATH_NOT_FOUND"]);
    assert_eq!(rows("delta", read(dir.path(), None, &[])).await, ["DELTA_MISSING_DELTA_TABLE"]);
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
    let mut ours = rows("delta", read(&path, None, &[])).await;
    ours.sort();
    let table = super::log::Log { root: path }.open(None).await.unwrap().unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context.register_table("t", table.table_provider().await.unwrap()).unwrap();
    let frame = context.sql("SELECT k, d, t, n, g FROM t").await.unwrap();
    let mut theirs = crate::testing::lines(&frame.collect().await.unwrap());
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
    let stream = sink(&path, "append").await.unwrap();
    assert_eq!(stream.fence(Generation(1)).await.unwrap(), None);
    put(&stream, 0, "0").await.unwrap();
    assert_eq!(numbers(&path).await, ["0"]);
}
