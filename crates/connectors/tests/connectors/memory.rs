//! Tests a stream into memory that is read by its name.

use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connector_testing::{batch, lines, sink_request};
use thalweg_connectors::Connector;
use thalweg_connectors::memory::Memory;
use thalweg_connectors::{Commit, OutputMode, StreamSink};

async fn sink(memory: &Memory, query_id: &str, mode: OutputMode) -> Result<Arc<dyn StreamSink>> {
    let mut request = sink_request(Path::new("Counts"), "n int", mode, &[]);
    query_id.clone_into(&mut request.query_id);
    memory.sink(request).await
}

async fn put(sink: &Arc<dyn StreamSink>, epoch: u64, n: &str) -> Result<()> {
    let staged = sink.stage(Epoch(epoch), 0, vec![batch("n int", &[&[n]])]).await?;
    sink.commit(Epoch(epoch), staged.into_iter().collect()).await
}

fn shown(memory: &Memory) -> Vec<String> {
    lines(&memory.find("COUNTS").unwrap().batches())
}

#[tokio::test]
async fn committed_rows_are_there_once() {
    let memory = Memory::default();
    let old = sink(&memory, "q", OutputMode::Append).await.unwrap();
    assert_eq!(old.fence(Generation(1)).await.unwrap(), None);
    put(&old, 0, "0").await.unwrap();
    let late = old.stage(Epoch(1), 0, vec![batch("n int", &[&["9"]])]).await.unwrap();
    assert_eq!(shown(&memory), ["0"]);
    let new = sink(&memory, "q", OutputMode::Append).await.unwrap();
    let last = Commit { epoch: Epoch(0), generation: Generation(1) };
    assert_eq!(new.fence(Generation(2)).await.unwrap(), Some(last));
    assert_eq!(old.commit(Epoch(1), late.into_iter().collect()).await.unwrap_err().class(), "STREAM_FENCED");
    assert_eq!(put(&new, 0, "0").await.unwrap_err().class(), "STREAM_FENCED");
    put(&new, 1, "1").await.unwrap();
    assert_eq!(put(&new, 1, "1").await.unwrap_err().class(), "INTERNAL_ERROR");
    assert_eq!(shown(&memory), ["0", "1"]);
}

#[tokio::test]
async fn another_query_of_that_name_starts_empty() {
    let memory = Memory::default();
    let first = sink(&memory, "q1", OutputMode::Update).await.unwrap();
    first.fence(Generation(1)).await.unwrap();
    put(&first, 0, "0").await.unwrap();
    sink(&memory, "q2", OutputMode::Append).await.unwrap();
    assert!(shown(&memory).is_empty());
}

/// The checkpoint decides which epoch was the last, and may be behind the table.
#[tokio::test]
async fn in_complete_mode_a_later_generation_may_commit_an_epoch_again() {
    let memory = Memory::default();
    for (generation, n) in [(1, "1"), (2, "2")] {
        let sink = sink(&memory, "q", OutputMode::Complete).await.unwrap();
        assert!(!sink.decides_where_to_continue());
        sink.fence(Generation(generation)).await.unwrap();
        put(&sink, 3, n).await.unwrap();
        assert_eq!(shown(&memory), [n]);
        assert_eq!(put(&sink, 3, n).await.unwrap_err().class(), "INTERNAL_ERROR");
    }
}
