//! Gives the rows of each epoch to a function, as Spark's `foreachBatch` does.
//!
//! The rows of an epoch are kept until it is committed, and the function then gets them all at once with the number of
//! the epoch. After a failure the same epoch may come again, with the rows of the same offsets: a function that
//! remembers the number of its last epoch in the transaction of its effects writes each row once. It is not in the
//! registry, since a function has no name.

use crate::connector::OutputMode;
use crate::staging::Staging;
use crate::stream::{Commit, Guarantee, Staged, StreamSink};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::{FailPoint, hit};
use thalweg_common::ids::{Epoch, Generation};

/// The rows of one epoch.
#[derive(Debug, Clone)]
pub struct EpochRows {
    /// The number of the epoch: Spark's batch id.
    pub epoch: Epoch,
    /// The columns.
    pub schema: SchemaRef,
    /// The rows; none in an epoch that emits nothing.
    pub rows: Vec<RecordBatch>,
    /// Whether they are new rows, changed groups, or the whole result.
    pub output_mode: OutputMode,
}

/// A function that is called for each epoch.
#[async_trait]
pub trait EpochFunction: Debug + Send + Sync {
    /// Processes the rows of an epoch. The next epoch follows when this has returned.
    ///
    /// # Errors
    /// Any: the query ends with it, and the epoch comes again at the next start.
    async fn call(&self, rows: EpochRows) -> Result<()>;
}

/// Calls a function for each epoch, at least once.
///
/// ```
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch};
/// use std::sync::{Arc, Mutex};
/// use thalweg_common::Result;
/// use thalweg_common::ids::{Epoch, Generation};
/// use thalweg_connectors::foreach_batch::{EpochFunction, EpochRows, ForeachBatchSink};
/// use thalweg_connectors::{OutputMode, StreamSink};
///
/// #[derive(Debug, Default)]
/// struct Count(Mutex<Vec<(Epoch, usize)>>);
///
/// #[async_trait::async_trait]
/// impl EpochFunction for Count {
///     async fn call(&self, epoch: EpochRows) -> Result<()> {
///         let rows = epoch.rows.iter().map(RecordBatch::num_rows).sum();
///         self.0.lock().expect("no other call panics").push((epoch.epoch, rows));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let rows = RecordBatch::try_from_iter([("n", numbers)]).expect("one column");
/// let count = Arc::new(Count::default());
/// let sink = ForeachBatchSink::new(count.clone(), rows.schema(), OutputMode::Append);
/// sink.fence(Generation(1)).await?;
/// let staged = sink.stage(Epoch(0), 0, vec![rows]).await?;
/// sink.commit(Epoch(0), staged.into_iter().collect()).await?;
/// sink.commit(Epoch(1), vec![]).await?;
/// assert_eq!(*count.0.lock().expect("no call panics"), [(Epoch(0), 3), (Epoch(1), 0)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ForeachBatchSink {
    function: Arc<dyn EpochFunction>,
    schema: SchemaRef,
    output_mode: OutputMode,
    staging: Staging,
}

impl ForeachBatchSink {
    /// Creates the sink of one run of a query whose rows have these columns.
    pub fn new(function: Arc<dyn EpochFunction>, schema: SchemaRef, output_mode: OutputMode) -> Self {
        Self { function, schema, output_mode, staging: Staging::default() }
    }
}

#[async_trait]
impl StreamSink for ForeachBatchSink {
    fn description(&self) -> String {
        "ForeachBatchSink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    async fn fence(&self, _generation: Generation) -> Result<Option<Commit>> {
        // What the function has done is not known here, so the checkpoint decides which epoch was the last.
        hit(FailPoint::SinkFence);
        hit(FailPoint::SinkFenced);
        Ok(None)
    }

    async fn stage(&self, _epoch: Epoch, _chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        Ok(self.staging.stage(rows))
    }

    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let rows = self.staging.take(&staged, &self.schema)?;
        hit(FailPoint::SinkCommit);
        let (schema, output_mode) = (Arc::clone(&self.schema), self.output_mode);
        self.function.call(EpochRows { epoch, schema, rows, output_mode }).await?;
        hit(FailPoint::SinkCommitted);
        Ok(())
    }
}
