//! Defines the traits of streaming sources and sinks.
//!
//! A source is *planned*: it determines the end of an epoch durably before the epoch starts, and reads the
//! same rows again for the same offsets. A sink is *fenced* before it reports its last commit, stages rows
//! invisibly, and commits them atomically with the pair (epoch, generation).

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::fmt::Debug;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};

/// The delivery guarantee of a source or sink. A query has the weaker one of its source and its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// Rows may be lost, since the source cannot replay them.
    AtMostOnce,
    /// Rows may be written twice, since the sink does not remember its commits.
    AtLeastOnce,
    /// Each row is written once.
    ExactlyOnce,
}

/// A position in a source as JSON, which only the source interprets. Plans and `lastProgress` contain it.
pub type Offset = serde_json::Value;

/// One of the parallel readers of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtask {
    /// The number of the reader, from 0.
    pub index: usize,
    /// The number of readers.
    pub parallelism: usize,
}

/// An unbounded table to read.
///
/// ```
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch};
/// use arrow::datatypes::SchemaRef;
/// use futures::{StreamExt, TryStreamExt, stream::BoxStream};
/// use serde_json::json;
/// use std::sync::Arc;
/// use thalweg_common::Result;
/// use thalweg_connectors::{Guarantee, Offset, StreamSource, Subtask};
///
/// /// The numbers below 10, five per epoch.
/// #[derive(Debug)]
/// struct Numbers;
///
/// impl Numbers {
///     fn position(offset: Option<&Offset>) -> i64 {
///         offset.and_then(Offset::as_i64).unwrap_or(0)
///     }
///     fn batch(numbers: impl Iterator<Item = i64>) -> RecordBatch {
///         let column: ArrayRef = Arc::new(numbers.collect::<Int64Array>());
///         RecordBatch::try_from_iter([("n", column)]).expect("one column")
///     }
/// }
///
/// #[async_trait::async_trait]
/// impl StreamSource for Numbers {
///     fn description(&self) -> String {
///         "Numbers".to_owned()
///     }
///     fn schema(&self) -> SchemaRef {
///         Self::batch(0..0).schema()
///     }
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::ExactlyOnce
///     }
///     async fn freeze(&self) -> Result<()> {
///         Ok(())
///     }
///     async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>> {
///         // A function of `start`, so it needs no log to be durable.
///         let start = Self::position(start);
///         Ok((start < 10).then(|| json!(start + 5)))
///     }
///     async fn read(
///         &self,
///         start: Option<&Offset>,
///         end: &Offset,
///         subtask: Subtask,
///     ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
///         let all = Self::position(start)..Self::position(Some(end));
///         let share = all.skip(subtask.index).step_by(subtask.parallelism);
///         Ok(futures::stream::iter([Ok(Self::batch(share))]).boxed())
///     }
///     async fn latest(&self) -> Result<Option<Offset>> {
///         Ok(Some(json!(10)))
///     }
///     async fn release(&self, _end: &Offset) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let end = Numbers.plan(None).await?.expect("there is input");
/// let second_of_two = Subtask { index: 1, parallelism: 2 };
/// let rows: Vec<_> = Numbers.read(None, &end, second_of_two).await?.try_collect().await?;
/// assert_eq!(rows, [Numbers::batch([1, 3].into_iter())]);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait StreamSource: Send + Sync + Debug {
    /// Returns the name in `lastProgress`, such as `FileStreamSource[file:/in]`.
    fn description(&self) -> String;
    /// Returns the columns of every batch that [`StreamSource::read`] yields.
    fn schema(&self) -> SchemaRef;
    /// Returns whether the source can replay rows.
    fn guarantee(&self) -> Guarantee;
    /// Reports which generation plans and reads from now on. It has fenced the sink, so no lower one commits any more.
    /// Called before the first plan and read.
    async fn claim(&self, _generation: Generation) -> Result<()> {
        Ok(())
    }
    /// Makes the next plan find everything that is available, also where idle plans save looking at the input.
    fn look_now(&self) {}
    /// Makes one plan take everything that is available, whatever limits the options set (`once`). Called before the
    /// first plan.
    fn ignore_limits(&self) {}
    /// Fixes the end of the input: later plans never exceed what is available now (`availableNow`, drain).
    async fn freeze(&self) -> Result<()>;
    /// Determines the end of the epoch after `start` (`None`: the beginning), within the source's rate
    /// limits; `None` if there is nothing new. The end is durable when this returns: after a crash the same
    /// `start` yields the same end.
    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>>;
    /// Reads the subtask's share of the rows after `start` up to `end`, in an order that every replay
    /// repeats.
    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>>;
    /// Returns the newest position that is available, for the progress report.
    async fn latest(&self) -> Result<Option<Offset>>;
    /// Reports that all rows up to `end` are committed and will not be read again.
    async fn release(&self, end: &Offset) -> Result<()>;
    /// Waits until nothing of this source runs any more. The query calls it last, after it has dropped all readers.
    /// A source that starts threads or tasks of its own overrides it.
    async fn close(&self) {}
}

/// The last commit of a query in a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// The epoch that was committed.
    pub epoch: Epoch,
    /// The generation that committed it.
    pub generation: Generation,
}

/// Rows that are written but not visible, as JSON that only the sink interprets. The manifest contains it.
pub type Staged = serde_json::Value;

/// The target of a streaming query. A sink serves one generation of one query.
///
/// ```
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch};
/// use std::sync::Arc;
/// use thalweg_common::ids::{Epoch, Generation};
/// use thalweg_connectors::memory::Memory;
/// use thalweg_connectors::{Commit, Connector, OptionMap, OutputMode, SinkRequest, StreamSink};
///
/// # #[tokio::main]
/// # async fn main() -> thalweg_common::Result<()> {
/// let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let rows = RecordBatch::try_from_iter([("n", column)]).expect("one column");
/// let memory = Memory::default();
/// let request = SinkRequest {
///     time_zone: "UTC".into(),
///     path: Some("numbers".to_owned()),
///     schema: rows.schema(),
///     partition_by: vec![],
///     options: OptionMap::default(),
///     query_id: "query".to_owned(),
///     output_mode: OutputMode::Append,
/// };
///
/// let sink = memory.sink(request.clone()).await?;
/// assert_eq!(sink.fence(Generation(1)).await?, None);
/// let staged = sink.stage(Epoch(0), 0, vec![rows.clone()]).await?;
/// sink.commit(Epoch(0), staged.into_iter().collect()).await?;
///
/// // A later generation finds the commit, and the earlier one can no longer commit.
/// let later = memory.sink(request).await?;
/// let last = Commit { epoch: Epoch(0), generation: Generation(1) };
/// assert_eq!(later.fence(Generation(2)).await?, Some(last));
/// let staged = sink.stage(Epoch(1), 0, vec![rows]).await?;
/// let error = sink.commit(Epoch(1), staged.into_iter().collect()).await.unwrap_err();
/// assert_eq!(error.class(), "STREAM_FENCED");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait StreamSink: Send + Sync + Debug {
    /// Returns the name in `lastProgress`.
    fn description(&self) -> String;
    /// Returns `ExactlyOnce` only if the sink stores commits atomically with the rows. For any other sink the
    /// commit records of the checkpoint decide which epoch was committed last.
    fn guarantee(&self) -> Guarantee;
    /// Returns whether the last commit of the sink is where a query continues; otherwise that is the last commit that the
    /// checkpoint recorded, and the sink may get the epoch after it again.
    fn decides_where_to_continue(&self) -> bool {
        self.guarantee() == Guarantee::ExactlyOnce
    }
    /// Excludes every lower generation for good, then returns the last commit. A sink that does not remember
    /// commits returns `None`.
    async fn fence(&self, generation: Generation) -> Result<Option<Commit>>;
    /// Returns the last commit without excluding anybody, for a run that may have nothing to do; `None` if there is none
    /// or the sink cannot tell. The answer may be outdated, so a commit must never depend on it.
    async fn last_commit(&self) -> Result<Option<Commit>> {
        Ok(None)
    }
    /// Writes rows of an epoch so that a later commit is cheap and atomic; `None` if there is nothing to
    /// commit for them. `chunk` is unique among the calls for one epoch. After a crash the rows may be staged
    /// again, and what was staged before is never committed.
    async fn stage(&self, epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>>;
    /// Makes the staged rows visible, atomically with (epoch, generation). After an I/O error the query calls it again
    /// with the same arguments: if the first call has committed and its answer was lost, the second one succeeds and
    /// commits nothing.
    ///
    /// # Errors
    /// `STREAM_FENCED` if another generation has fenced the sink or committed meanwhile. This generation then ends.
    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()>;
    /// Waits until nothing of this sink runs any more. The query calls it last. A sink that starts threads or tasks
    /// of its own overrides it.
    async fn close(&self) {}
}
