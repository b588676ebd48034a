//! Two generations of one query interleaved at every fail point of the Delta sink.
//!
//! The hook of a process stays for good, so this test has a process of its own. At the fail point under
//! test the old generation is held; the new one fences and goes on; then the old one is let go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use arrow::array::{AsArray, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::prelude::SessionContext;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use thalweg_common::Result;
use thalweg_common::fail_point::{self, FailPoint};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::lock::lock;
use thalweg_connector_delta::Delta;
use thalweg_connectors::{Connector, OptionMap, OutputMode, ReadRequest, SinkRequest, StreamSink};

type Action = Box<dyn FnOnce() + Send>;

/// What happens at the next hit of a fail point.
static HELD: Mutex<Option<(FailPoint, Action)>> = Mutex::new(None);

fn at(point: FailPoint, action: impl FnOnce() + Send + 'static) {
    *lock(&HELD) = Some((point, Box::new(action)));
}

fn on_hit(point: FailPoint) {
    let mut held = lock(&HELD);
    if held.as_ref().is_some_and(|(wanted, _)| *wanted == point) {
        let (_, action) = held.take().unwrap();
        drop(held);
        action();
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]))
}

async fn sink(path: &Path) -> Arc<dyn StreamSink> {
    let request = SinkRequest {
        path: Some(path.to_string_lossy().into_owned()),
        schema: schema(),
        partition_by: vec![],
        options: OptionMap::default(),
        time_zone: "UTC".to_owned(),
        query_id: "q".to_owned(),
        output_mode: OutputMode::Append,
    };
    Delta.sink(request).await.unwrap()
}

/// Commits epochs; epoch `e` is the one row `e`.
async fn go_on(sink: &Arc<dyn StreamSink>, epochs: Range<u64>) -> Result<()> {
    for epoch in epochs {
        let row = Int32Array::from(vec![i32::try_from(epoch).unwrap()]);
        let rows = vec![RecordBatch::try_new(schema(), vec![Arc::new(row)]).unwrap()];
        let staged = sink.stage(Epoch(epoch), 0, rows).await?;
        sink.commit(Epoch(epoch), staged.into_iter().collect()).await?;
    }
    Ok(())
}

/// A whole life of a query: fence, then go on after the last epoch that was committed.
async fn live(path: &Path, generation: u64) -> Result<()> {
    let sink = sink(path).await;
    let last = sink.fence(Generation(generation)).await?;
    go_on(&sink, last.map_or(0, |c| c.epoch.0 + 1)..5).await
}

/// Runs another life to its end while the caller waits, on threads of its own.
fn live_elsewhere(path: &Path, generation: u64) {
    let path = path.to_owned();
    let thread = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(live(&path, generation)).unwrap();
    });
    thread.join().unwrap();
}

async fn numbers(path: &Path) -> Vec<i64> {
    let request = ReadRequest {
        paths: vec![path.to_string_lossy().into_owned()],
        schema: None,
        options: OptionMap::default(),
        time_zone: "UTC".to_owned(),
        corrupt_column: "_corrupt_record".to_owned(),
    };
    let context = SessionContext::new();
    let table = Delta.table(request).await.unwrap();
    context.register_table("t", table).unwrap();
    let found = context
        .sql("SELECT CAST(n AS BIGINT) AS n FROM t ORDER BY n")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    found.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_generation_never_commits_after_the_next_one() {
    assert!(fail_point::install(Box::new(|point, _| on_hit(point))));
    let points = [
        FailPoint::SinkFence,
        FailPoint::SinkFenced,
        FailPoint::SinkStage,
        FailPoint::SinkStaged,
        FailPoint::SinkCommit,
        FailPoint::SinkCommitted,
    ];
    for point in points {
        for epochs_before in 0..3u64 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            if epochs_before > 0 {
                // An earlier life that got this far and died.
                let first = sink(&path).await;
                first.fence(Generation(1)).await.unwrap();
                go_on(&first, 0..epochs_before).await.unwrap();
            }
            let elsewhere = path.clone();
            at(point, move || live_elsewhere(&elsewhere, 3));
            let old = live(&path, 2).await;
            assert!(lock(&HELD).is_none(), "{point:?} was hit");
            let class = old.err().map(|e| e.class().to_owned()).unwrap_or_default();
            assert_eq!(class, "STREAM_FENCED", "{point:?} after {epochs_before} epochs");
            assert_eq!(numbers(&path).await, [0, 1, 2, 3, 4], "{point:?} after {epochs_before} epochs");
        }
    }
}
