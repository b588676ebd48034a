//! What the streaming engine asks of a source and of a sink.
//!
//! A source is *planned*: it names the end of an epoch before the epoch starts, durably, and reads
//! the same rows again for the same offsets. A sink is *fenced* before it is asked, stages rows
//! invisibly, and commits them atomically with the pair (epoch, generation).

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::fmt::Debug;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};

/// What a source or sink promises by itself; a query has the weakest of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

/// A position in a source, opaque to the engine, as JSON: what `lastProgress` shows and a plan stores.
pub type Offset = serde_json::Value;

/// One worker's share of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtask {
    pub index: usize,
    pub parallelism: usize,
}

/// Where an unbounded table comes from.
#[async_trait]
pub trait StreamSource: Send + Sync + Debug {
    /// How `lastProgress` names it, such as `FileStreamSource[file:/in]`.
    fn description(&self) -> String;
    /// The columns of every batch that [`StreamSource::read`] yields.
    fn schema(&self) -> SchemaRef;
    fn guarantee(&self) -> Guarantee;
    /// Fixes the end of the input: later plans never go past what is there now (`availableNow`, drain).
    async fn freeze(&self) -> Result<()>;
    /// The end of the next epoch after `start` (none: from the beginning), within the source's rate
    /// limits; none if nothing is new. What it names is durable when it returns: the same `start`
    /// yields the same end after a crash.
    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>>;
    /// The rows after `start` up to `end`, this worker's part of them, in a fixed order.
    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>>;
    /// The newest position that is there, for the progress report.
    async fn latest(&self) -> Result<Option<Offset>>;
    /// All rows up to `end` are committed for good: what they came from may be forgotten.
    async fn release(&self, end: &Offset) -> Result<()>;
}

/// What a sink remembers as its last commit of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    pub epoch: Epoch,
    pub generation: Generation,
}

/// Rows that are written but not visible, as JSON that only the sink reads; kept in the manifest.
pub type Staged = serde_json::Value;

/// Where the rows of a streaming query go. One sink serves one generation of one query.
#[async_trait]
pub trait StreamSink: Send + Sync + Debug {
    /// How `lastProgress` names it.
    fn description(&self) -> String;
    /// `ExactlyOnce` only if the sink remembers commits atomically with the rows; otherwise the
    /// checkpoint's commit record arbitrates.
    fn guarantee(&self) -> Guarantee;
    /// Shuts out every lower generation for good, then tells the last commit. A sink that can't
    /// remember answers none.
    async fn fence(&self, generation: Generation) -> Result<Option<Commit>>;
    /// Writes one worker's rows of an epoch so that a later commit is cheap and atomic. None if
    /// there is nothing to commit for them. Staging twice is harmless.
    async fn stage(&self, epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>>;
    /// Makes the staged rows visible, atomically with (epoch, generation). Fails with class
    /// `STREAM_FENCED` if another generation fenced or committed meanwhile; fatal to this one.
    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()>;
}
