//! Returns an operator's rows in steps: after a bounded amount of work it yields to other tasks.
//!
//! The work of a row depends on its reader: each row counts 1, but each probe row of a join that may drop pairs
//! counts as many as there are build rows.

use crate::unary::{UnaryExec, UnaryOperator};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use thalweg_common::cancel::Cancellation;

/// The work of a step: comparing a pair of rows is 1. A step takes some tens of milliseconds.
const WORK_PER_STEP: usize = 1 << if cfg!(test) { 18 } else { 25 };
const WORK_PER_ROW: usize = 1 << 8;
/// The work of a batch besides its rows, so that empty batches also yield.
const ROWS_PER_BATCH: usize = 1 << 10;

/// The reader of the rows.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// An operator that processes each row once, or a few times.
    Rows,
    /// A join that stores all rows; they are counted here.
    Build(Arc<AtomicUsize>),
    /// A join that may compare each row with all rows of the build side, which were counted here. At least
    /// `least` rows are returned at once, because fewer would make it slow.
    Probe { build: Arc<AtomicUsize>, least: usize },
}

/// A plan that returns its input's rows in steps.
type StepsExec = UnaryExec<StepsOperator>;

/// Creates steps over `input`, which replace existing ones.
pub(super) fn in_steps(
    input: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
    role: Role,
) -> Arc<dyn ExecutionPlan> {
    let input =
        input.downcast_ref::<StepsExec>().map_or_else(|| Arc::clone(&input), |s| Arc::clone(&s.input));
    Arc::new(UnaryExec::over(input, StepsOperator { cancellation: cancellation.clone(), role }))
}

#[derive(Debug, Clone)]
struct StepsOperator {
    cancellation: Cancellation,
    role: Role,
}

impl UnaryOperator for StepsOperator {
    const NAME: &'static str = "StepsExec";

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        let properties = PlanProperties::clone(input.properties());
        Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative))
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        // An operator may start work on its whole input here, which looks for the flag of the current work.
        let _entered = self.cancellation.enter();
        Ok(Box::pin(Steps {
            rows: input.execute(partition, context)?,
            cancellation: self.cancellation.clone(),
            role: self.role.clone(),
            rest: None,
            work: 0,
        }))
    }
}

struct Steps {
    rows: SendableRecordBatchStream,
    cancellation: Cancellation,
    role: Role,
    /// The rest of a batch that was too large for a step.
    rest: Option<RecordBatch>,
    /// The work since the last pause.
    work: usize,
}

impl Steps {
    /// Returns the part of the batch that fits the step; the rest waits for the next poll.
    fn step(&mut self, batch: RecordBatch) -> RecordBatch {
        let Role::Probe { build, least } = &self.role else { return batch };
        let rows = (WORK_PER_STEP / build.load(Ordering::Relaxed).max(1)).max(*least);
        if batch.num_rows() <= rows {
            return batch;
        }
        self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        batch.slice(0, rows)
    }

    /// Counts the work of a returned batch.
    fn count(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        self.work += (rows + ROWS_PER_BATCH) * WORK_PER_ROW;
        match &self.role {
            Role::Rows => {}
            Role::Build(counted) => drop(counted.fetch_add(rows, Ordering::Relaxed)),
            Role::Probe { build, least: _ } => {
                let pairs = rows.saturating_mul(build.load(Ordering::Relaxed));
                self.work = self.work.saturating_add(pairs);
            }
        }
    }
}

impl Stream for Steps {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Err(canceled) = this.cancellation.check() {
            return Poll::Ready(Some(Err(thalweg_values::errors::external(canceled))));
        }
        if this.work >= WORK_PER_STEP {
            this.work = 0;
            // Woken at once: there is more to do, and other tasks had their turn in between.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // The rest of a cut batch comes first, or the order of the rows would change.
        let batch = match this.rest.take() {
            Some(rest) => rest,
            None => {
                let _entered = this.cancellation.enter();
                match ready!(this.rows.poll_next_unpin(cx)) {
                    Some(Ok(batch)) => batch,
                    other => return Poll::Ready(other),
                }
            }
        };
        let batch = this.step(batch);
        this.count(&batch);
        Poll::Ready(Some(Ok(batch)))
    }
}

impl RecordBatchStream for Steps {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
