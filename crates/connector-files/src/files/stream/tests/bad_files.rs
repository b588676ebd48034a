//! Tests that a bad file does not block a query: files that change, vanish, are corrupt, or have names that are no text.

use super::{WHOLE, log, open, plan, put, rows};
use crate::testing::{connector, ddl, lines, read};
use futures::TryStreamExt;
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::ids::Generation;
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::{Offset, StreamSource};
use thalweg_storage::MetadataLog;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A source of a generation that has fenced the sink.
async fn run(dir: &Path, log: &MetadataLog, generation: u64, pairs: Pairs<'_>) -> Arc<dyn StreamSource> {
    let source = open(dir, log, pairs).await.unwrap();
    source.claim(Generation(generation)).await.unwrap();
    source
}

async fn try_rows(
    source: &Arc<dyn StreamSource>,
    start: Option<&Offset>,
    end: &Offset,
) -> Result<Vec<String>> {
    let batches = source.read(start, end, WHOLE).await?.try_collect::<Vec<_>>().await?;
    Ok(lines(&batches))
}

async fn error(source: &Arc<dyn StreamSource>, end: &Offset) -> Error {
    try_rows(source, None, end).await.unwrap_err()
}

#[tokio::test]
async fn the_next_run_takes_a_file_as_it_is_then() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv", 2, "2,b");
    let first = run(dir.path(), &log, 1, &[]).await;
    let end = plan(&first, None).await.unwrap();
    // It was still being copied.
    put(dir.path(), "b.csv", 3, "2,bb\n3,c\n");
    let changed = error(&first, &end).await;
    assert_eq!(changed.class(), "STREAM_SOURCE_FILE_CHANGED");
    assert!(changed.hint_text().unwrap().contains("Start the query again"), "{changed:?}");

    // Whether the coordinator asks for a plan or has one already.
    let second = run(dir.path(), &log, 2, &[]).await;
    assert_eq!(rows(&second, None, &end, WHOLE).await, ["1|a", "2|bb", "3|c"]);
    let third = run(dir.path(), &log, 3, &[]).await;
    assert_eq!(plan(&third, None).await, Some(end.clone()));
    assert_eq!(rows(&third, None, &end, WHOLE).await, ["1|a", "2|bb", "3|c"]);
    assert_eq!(plan(&third, Some(&end)).await, None);
}

#[tokio::test]
async fn an_epoch_goes_on_without_a_file_that_is_gone_and_reads_it_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv", 2, "2,b\n");
    let end = plan(&run(dir.path(), &log, 1, &[]).await, None).await.unwrap();
    std::fs::remove_file(dir.path().join("b.csv")).unwrap();
    let second = run(dir.path(), &log, 2, &[]).await;
    assert_eq!(rows(&second, None, &end, WHOLE).await, ["1|a"]);
    second.release(&end).await.unwrap();
    assert_eq!(plan(&second, Some(&end)).await, None);

    put(dir.path(), "b.csv", 9, "2,repaired\n");
    // The same for the run that left it out and for a later one.
    let next = plan(&second, Some(&end)).await.unwrap();
    assert_eq!(rows(&second, Some(&end), &next, WHOLE).await, ["2|repaired"]);
    let third = run(dir.path(), &log, 3, &[]).await;
    assert_eq!(plan(&third, Some(&end)).await, Some(next.clone()));
    assert_eq!(rows(&third, Some(&end), &next, WHOLE).await, ["2|repaired"]);
    assert_eq!(plan(&third, Some(&next)).await, None);
}

#[tokio::test]
async fn what_was_committed_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    let first = run(dir.path(), &log, 1, &[]).await;
    let end = plan(&first, None).await.unwrap();
    first.release(&end).await.unwrap();
    // A file of a committed epoch may change, vanish and come back.
    std::fs::remove_file(dir.path().join("a.csv")).unwrap();
    let second = run(dir.path(), &log, 2, &[]).await;
    assert_eq!(plan(&second, Some(&end)).await, None);
    put(dir.path(), "a.csv", 9, "1,again\n");
    assert_eq!(plan(&second, Some(&end)).await, None);
}

#[tokio::test]
async fn a_run_that_was_overtaken_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv", 2, "2,b\n");
    let end = plan(&run(dir.path(), &log, 1, &[]).await, None).await.unwrap();
    let late = run(dir.path(), &log, 2, &[]).await;
    let newest = run(dir.path(), &log, 3, &[]).await;
    assert_eq!(rows(&newest, None, &end, WHOLE).await, ["1|a", "2|b"]);
    std::fs::remove_file(dir.path().join("b.csv")).unwrap();
    assert_eq!(late.read(None, &end, WHOLE).await.err().unwrap().class(), "STREAM_FENCED");
    assert_eq!(late.plan(None).await.unwrap_err().class(), "STREAM_FENCED");

    // Also an amendment that a run wrote after the newest one has none of its own: b.csv was committed.
    let stale = json!({"files": [], "generation": 2}).to_string();
    log.create_or_get_named("00000000000000000000.00000000000000000002", stale.into()).await.unwrap();
    let after = run(dir.path(), &log, 4, &[]).await;
    put(dir.path(), "b.csv", 9, "2,again\n");
    assert_eq!(plan(&after, Some(&end)).await, None);
}

#[tokio::test]
async fn files_are_skipped_by_name_or_path() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    for n in 0..4 {
        put(dir.path(), &format!("{n}.csv"), n, &format!("{n},x\n"));
    }
    let end = plan(&run(dir.path(), &log, 1, &[]).await, None).await.unwrap();
    let path = dir.path().join("2.csv").display().to_string();
    let skipped = json!(["1.csv", format!("file:{path}"), "other.csv"]).to_string();
    let second = run(dir.path(), &log, 2, &[("skipFiles", &skipped)]).await;
    assert_eq!(rows(&second, None, &end, WHOLE).await, ["0|x", "3|x"]);
    assert_eq!(plan(&second, Some(&end)).await, None);
    put(dir.path(), "other.csv", 9, "9,x\n");
    assert_eq!(plan(&second, Some(&end)).await, None);
    // They are read once they are not skipped any more.
    let third = run(dir.path(), &log, 3, &[("skipFiles", &path)]).await;
    let next = plan(&third, Some(&end)).await.unwrap();
    assert_eq!(rows(&third, Some(&end), &next, WHOLE).await, ["1|x", "9|x"]);
}

async fn parquet(dir: &Path, pairs: Pairs<'_>) -> Arc<dyn StreamSource> {
    connector("parquet").source(read(dir, Some(ddl("n int, s string")), pairs), log()).await.unwrap()
}

#[tokio::test]
async fn a_corrupt_file_is_an_error_that_says_what_to_do_or_left_out() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "bad.parquet", 1, "this is not Parquet");
    let source = parquet(dir.path(), &[]).await;
    let end = plan(&source, None).await.unwrap();
    let found = error(&source, &end).await;
    assert_eq!(found.class(), "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER");
    let hint = found.hint_text().unwrap();
    assert!(found.message().contains("bad.parquet") && hint.contains("skipFiles"), "{found:?}");
    let tolerant = parquet(dir.path(), &[("ignoreCorruptFiles", "true")]).await;
    let end = plan(&tolerant, None).await.unwrap();
    assert!(try_rows(&tolerant, None, &end).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_vanishes_is_left_out_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv", 2, "2,b\n");
    let source = open(dir.path(), &log(), &[("ignoreMissingFiles", "true")]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    std::fs::remove_file(dir.path().join("a.csv")).unwrap();
    assert_eq!(rows(&source, None, &end, WHOLE).await, ["2|b"]);
    // A file that was changed is not missing.
    put(dir.path(), "b.csv", 9, "3,c\n");
    assert_eq!(rows(&source, None, &end, WHOLE).await, ["STREAM_SOURCE_FILE_CHANGED"]);
}

#[tokio::test]
async fn names_that_are_no_text_are_read_and_shown_escaped() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    let name = OsStr::from_bytes(b"a\xff\xfe.csv");
    std::fs::write(dir.path().join(name), "1,a\n").unwrap();
    put(dir.path(), "b.csv", 1, "2,b\n");
    let end = plan(&run(dir.path(), &log, 1, &[]).await, None).await.unwrap();
    let second = run(dir.path(), &log, 2, &[]).await;
    assert_eq!(rows(&second, None, &end, WHOLE).await, ["2|b", "1|a"]);
    assert_eq!(plan(&second, Some(&end)).await, None);
    std::fs::write(dir.path().join(name), "changed\n").unwrap();
    assert!(error(&second, &end).await.message().contains(r"a\xff\xfe.csv"));
}

#[tokio::test]
async fn a_folder_has_other_things_than_files() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.csv", 1, "1,a\n");
    put(dir.path(), "b.csv/part.csv", 1, "9,below a folder\n");
    put(dir.path(), "k=1/c.csv", 2, "2,c\n");
    put(dir.path(), "empty.csv", 3, "");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    link("..", "k=1/k=2");
    link("nowhere", "gone.csv");
    link("itself.csv", "itself.csv");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe.csv"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let source = open(dir.path(), &log(), &[("recursiveFileLookup", "true")]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    assert_eq!(rows(&source, None, &end, WHOLE).await, ["1|a", "9|below a folder", "2|c"]);
    std::fs::remove_dir_all(dir.path().join("k=1")).unwrap();
    std::fs::remove_file(dir.path().join("a.csv")).unwrap();
    let source = open(dir.path(), &log(), &[]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    assert!(
        rows(&source, None, &end, WHOLE).await.is_empty(),
        "a folder that is named like a file is entered"
    );
}

#[tokio::test]
async fn a_folder_that_is_deleted_has_no_files_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    put(&input, "a.csv", 1, "1,a\n");
    let source = open(&input, &log(), &[]).await.unwrap();
    let end = plan(&source, None).await.unwrap();
    std::fs::remove_dir_all(&input).unwrap();
    assert_eq!(plan(&source, Some(&end)).await, None);
    put(&input, "b.csv", 2, "2,b\n");
    let next = plan(&source, Some(&end)).await.unwrap();
    assert_eq!(rows(&source, Some(&end), &next, WHOLE).await, ["2|b"]);
}

/// A run that ends with the input asks for a plan before it claims a generation.
#[tokio::test]
async fn a_run_without_a_generation_finds_what_is_planned_and_claims_it_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    put(dir.path(), "a.csv", 1, "1,a");
    let end = plan(&run(dir.path(), &log, 1, &[]).await, None).await.unwrap();
    put(dir.path(), "a.csv", 2, "1,aa\n");
    let later = open(dir.path(), &log, &[]).await.unwrap();
    assert_eq!(plan(&later, None).await, Some(end.clone()));
    later.claim(Generation(2)).await.unwrap();
    assert_eq!(plan(&later, None).await, Some(end.clone()));
    assert_eq!(rows(&later, None, &end, WHOLE).await, ["1|aa"]);
}

/// What is open goes on being read, so only the look after the last row finds it.
#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_is_noticed_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = log();
    let many: String = (0..100_000).map(|n| format!("{n},x\n")).collect();
    put(dir.path(), "a.csv", 1, &many);
    let source = run(dir.path(), &log, 1, &[]).await;
    let end = plan(&source, None).await.unwrap();
    let mut batches = source.read(None, &end, WHOLE).await.unwrap();
    assert!(batches.try_next().await.unwrap().is_some_and(|first| first.num_rows() < 50_000));
    put(dir.path(), ".new", 2, &many);
    std::fs::rename(dir.path().join(".new"), dir.path().join("a.csv")).unwrap();
    let error = batches.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.class(), "STREAM_SOURCE_FILE_CHANGED");
}
