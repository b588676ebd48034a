//! Tests that nothing of a query happens after it was stopped, although a step of it blocks a thread.

use super::behaviour::rows;
use super::env::*;
use super::source_and_sink::TestSink;
use crate::Trigger;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::{Commit, Guarantee, Staged, StreamSink};
use tokio::sync::Semaphore;

/// Commits on a thread that blocks, as files and Delta tables do, once the test lets it.
#[derive(Debug)]
struct BlockingSink {
    inner: Arc<TestSink>,
    begun: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

#[async_trait]
impl StreamSink for BlockingSink {
    fn description(&self) -> String {
        self.inner.description()
    }
    fn guarantee(&self) -> Guarantee {
        self.inner.guarantee()
    }
    async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        self.inner.fence(generation).await
    }
    async fn last_commit(&self) -> Result<Option<Commit>> {
        self.inner.last_commit().await
    }
    async fn stage(&self, epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        self.inner.stage(epoch, chunk, rows).await
    }
    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let (inner, go_on) = (Arc::clone(&self.inner), Arc::clone(&self.go_on));
        self.begun.add_permits(1);
        let runtime = tokio::runtime::Handle::current();
        let commit = move || {
            runtime.block_on(async {
                go_on.acquire().await.unwrap().forget();
                inner.commit(epoch, staged).await
            })
        };
        tokio::task::spawn_blocking(commit).await.unwrap()
    }
}

/// Whole runs of another query, starts and stops included, in which a stop could return too early.
const OTHER_RUNS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_returns_after_the_commit_that_runs_on_a_blocking_thread() {
    let all = rows(3, 90);
    let env = TestEnv::new(&all, &[30, 30, 30]);
    let run =
        RunOptions { trigger: Trigger::ProcessingTime { interval: None }, ..RunOptions::new(windowed(5)) };
    let (begun, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let inner = Arc::new(TestSink::new(&env.target, Guarantee::ExactlyOnce, None));
    let sink = BlockingSink { inner, begun: Arc::clone(&begun), go_on: Arc::clone(&go_on) };
    let query = env.start_into(Arc::new(sink), &run).await.unwrap();
    begun.acquire().await.unwrap().forget();
    let stop = tokio::spawn({
        let query = query.clone();
        async move { query.stop().await }
    });
    for _ in 0..OTHER_RUNS {
        TestEnv::new(&all, &[30, 30, 30]).run(&RunOptions::new(windowed(5)).workers(3)).await.unwrap();
    }
    let is_early = stop.is_finished() || !query.is_active();
    // Before the assertion: a thread that blocks would keep the test from ending.
    go_on.add_permits(2);
    assert!(!is_early, "stopped while a commit runs");
    stop.await.unwrap().unwrap();
    assert_eq!(env.target.epochs().len(), 1);
    // The commit is in the sink and not recorded, as after a crash; the next run continues after it.
    env.run(&RunOptions::new(windowed(5)).workers(2)).await.unwrap();
    assert_eq!(env.answer().unwrap(), expect(&all));
}
