//! Implements a source with given epochs, a sink that commits atomically, and a clock that a test sets.

use crate::clock::StreamClock;
use crate::error::fenced;
use crate::test_hooks::FailPointProbe;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::{Commit, Guarantee, Offset, Staged, StreamSink, StreamSource, Subtask};

/// A clock that a test sets: the time of day and the monotonic time, in microseconds. Sleeping advances both, so that no
/// test waits; while the clock is stopped no sleep ends.
#[derive(Debug, Default)]
pub(crate) struct ManualStreamClock(pub AtomicI64, pub AtomicU64, pub AtomicBool);

#[async_trait]
impl StreamClock for ManualStreamClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.1.load(Ordering::SeqCst))
    }
    async fn sleep(&self, duration: Duration) {
        if self.2.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.fetch_add(duration.as_micros() as i64, Ordering::SeqCst);
        self.1.fetch_add(duration.as_micros() as u64, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Rows in order; `epoch_rows` are the numbers of rows of the epochs.
#[derive(Debug)]
pub(crate) struct TestSource {
    pub rows: Mutex<RecordBatch>,
    pub epoch_rows: Vec<usize>,
    /// The end at which the input was frozen.
    end: AtomicU64,
    pub released: AtomicU64,
    /// How often the source was asked how far it goes.
    pub plans: AtomicU64,
}

impl TestSource {
    pub(crate) fn new(rows: RecordBatch, epoch_rows: Vec<usize>) -> Self {
        let (end, released) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Self { rows: Mutex::new(rows), epoch_rows, end, released, plans: AtomicU64::new(0) }
    }

    pub(crate) fn append(&self, more: &RecordBatch) {
        let mut rows = lock(&self.rows);
        *rows = arrow::compute::concat_batches(&more.schema(), [&*rows, more]).unwrap();
    }

    fn available(&self) -> u64 {
        (lock(&self.rows).num_rows() as u64).min(self.end.load(Ordering::SeqCst))
    }
}

fn position(offset: Option<&Offset>) -> u64 {
    offset.map_or(0, |o| o["row"].as_u64().unwrap())
}

#[async_trait]
impl StreamSource for TestSource {
    fn description(&self) -> String {
        "MemorySource".to_owned()
    }
    fn schema(&self) -> SchemaRef {
        lock(&self.rows).schema()
    }
    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
    async fn freeze(&self) -> Result<()> {
        let rows = lock(&self.rows).num_rows() as u64;
        self.end.store(rows, Ordering::SeqCst);
        Ok(())
    }
    /// An epoch ends at a sum of `epoch_rows`, so the same start has the same end.
    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>> {
        self.plans.fetch_add(1, Ordering::SeqCst);
        let (start, available) = (position(start), self.available());
        if start >= available {
            return Ok(None);
        }
        let mut end = 0;
        let mut epoch_rows = self.epoch_rows.iter().copied().chain(std::iter::repeat(usize::MAX >> 1));
        while end <= start {
            end += epoch_rows.next().unwrap() as u64;
        }
        Ok(Some(json!({ "row": end.min(available) })))
    }
    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let (from, to) = (position(start) as usize, position(Some(end)) as usize);
        let rows = lock(&self.rows).clone();
        let (n, of) = (to - from, subtask.parallelism);
        let (a, b) = (from + n * subtask.index / of, from + n * (subtask.index + 1) / of);
        // Two batches, so that a subtask's share is more than one command.
        let mid = a.midpoint(b);
        let batches = [rows.slice(a, mid - a), rows.slice(mid, b - mid)];
        let batches: Vec<_> = batches.into_iter().filter(|b| b.num_rows() > 0).map(Ok).collect();
        Ok(futures::stream::iter(batches).boxed())
    }
    async fn latest(&self) -> Result<Option<Offset>> {
        Ok(Some(json!({ "row": self.available() })))
    }
    async fn release(&self, end: &Offset) -> Result<()> {
        self.released.store(position(Some(end)), Ordering::SeqCst);
        Ok(())
    }
}

/// What a sink stores, shared by the sinks of all generations.
#[derive(Debug, Default)]
pub(crate) struct Target {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    fence: u64,
    last: Option<Commit>,
    committed: Vec<(Commit, Vec<RecordBatch>)>,
    staged: BTreeMap<String, Vec<RecordBatch>>,
    unfenced_commits: usize,
}

impl Target {
    /// Returns the visible rows by epoch.
    pub(crate) fn epochs(&self) -> Vec<(u64, Vec<RecordBatch>)> {
        let inner = lock(&self.inner);
        inner.committed.iter().map(|(c, rows)| (c.epoch.0, rows.clone())).collect()
    }
    pub(crate) fn unfenced_commits(&self) -> usize {
        lock(&self.inner).unfenced_commits
    }
    /// Sets the last commit, as another process left it.
    pub(crate) fn set_last(&self, commit: Commit) {
        lock(&self.inner).last = Some(commit);
    }
    /// Returns the last commit.
    pub(crate) fn last(&self) -> Option<Commit> {
        lock(&self.inner).last
    }
    /// Forgets all commits, as if the table had been replaced.
    pub(crate) fn forget(&self) {
        lock(&self.inner).last = None;
    }
    /// Undoes the last commit, as if an older version of the table had been restored.
    pub(crate) fn roll_back(&self) {
        let mut inner = lock(&self.inner);
        inner.committed.pop();
        inner.last = inner.committed.last().map(|(c, _)| *c);
    }
}

/// The sink of one generation. It does only what the contract requires: it refuses lower generations and
/// committed epochs, but does not detect a gap.
#[derive(Debug)]
pub(crate) struct TestSink {
    pub target: Arc<Target>,
    pub guarantee: Guarantee,
    pub probe: Option<Arc<dyn FailPointProbe>>,
    generation: AtomicU64,
}

impl TestSink {
    pub(crate) fn new(
        target: &Arc<Target>,
        guarantee: Guarantee,
        probe: Option<Arc<dyn FailPointProbe>>,
    ) -> Self {
        Self { target: Arc::clone(target), guarantee, probe, generation: AtomicU64::new(0) }
    }

    fn remembers(&self) -> bool {
        self.guarantee == Guarantee::ExactlyOnce
    }
}

#[async_trait]
impl StreamSink for TestSink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }
    fn guarantee(&self) -> Guarantee {
        self.guarantee
    }
    /// Fences the sink, except for generation 0, which no run has and an injected bug uses to skip the fence.
    async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        if !self.remembers() {
            return Ok(None);
        }
        let mut inner = lock(&self.target.inner);
        if generation.0 > 0 {
            if inner.fence > generation.0 {
                return Err(fenced());
            }
            inner.fence = generation.0;
        }
        self.generation.store(generation.0, Ordering::SeqCst);
        Ok(inner.last)
    }
    async fn last_commit(&self) -> Result<Option<Commit>> {
        Ok(lock(&self.target.inner).last)
    }
    async fn stage(&self, epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        let token = format!("{epoch}-{}-{}", self.generation.load(Ordering::SeqCst), chunk);
        lock(&self.target.inner).staged.insert(token.clone(), rows);
        Ok(Some(json!(token)))
    }
    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        if let Some(probe) = &self.probe {
            probe.on_hit(FailPoint::SinkCommit, epoch).await?;
        }
        let mut inner = lock(&self.target.inner);
        let generation = self.generation.load(Ordering::SeqCst);
        let taken = |token: &Staged| inner.staged.get(token.as_str().unwrap()).cloned();
        let rows: Option<Vec<_>> = staged.iter().map(taken).collect();
        let rows = rows.ok_or_else(|| Error::internal("staged rows are missing"))?.concat();
        let commit = Commit { epoch, generation: Generation(generation) };
        if self.remembers() {
            if inner.fence > generation || inner.last.is_some_and(|l| l.epoch >= epoch) {
                return Err(fenced());
            }
            if generation == 0 || inner.fence != generation {
                inner.unfenced_commits += 1;
            }
            inner.last = Some(commit);
        }
        inner.committed.push((commit, rows));
        Ok(())
    }
}
