//! Converts the operators of a plan to a timely dataflow, which is the same on every worker.

use super::aggregate::aggregate;
use super::chunk::Chunk;
use super::exchange::KeyDistributor;
use super::sink::sink;
use super::source::{SourceState, source};
use super::workers::Reporter;
use super::{EpochDescriptor, WorkerCommand};
use crate::error::unsupported;
use crate::ops::{Aggregate, AggregateInput, KeyEncoder, Steps};
use crate::spec::{AggregateSpec, OperatorSpec, StatelessStep};
use arrow::record_batch::RecordBatch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use thalweg_connectors::OutputMode;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::DistributorPact;
use timely::scheduling::{Activator, SyncActivator};
use timely::worker::Worker;
use tokio::sync::mpsc;

/// The operators of a query in the shape that the runtime can build: stateless steps, at most one aggregate,
/// and stateless steps after it.
#[derive(Debug, Clone)]
pub(crate) struct DataflowSpec {
    before: Vec<StatelessStep>,
    aggregate: Option<AggregateSpec>,
    after: Vec<StatelessStep>,
    mode: OutputMode,
    workers: usize,
    rows_per_chunk: usize,
    /// Bytes of output that a worker collects before it reports them.
    output_chunk_bytes: usize,
}

/// The operators of one worker.
pub(crate) struct Operators {
    pub before: Steps,
    pub keyed: Option<(AggregateInput, Aggregate)>,
    pub after: Steps,
    pub context: OperatorContext,
}

/// What the operators of a worker need to know of the worker and of the bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorContext {
    pub worker: usize,
    pub rows_per_chunk: usize,
    pub output_chunk_bytes: usize,
}

/// The descriptors of the epochs in flight, shared by the operators of a worker. The frontier passes an epoch
/// only after the source has ended it, so an operator that closes an epoch always finds its descriptor.
#[derive(Clone, Default)]
pub(crate) struct EpochTable {
    table: Rc<RefCell<BTreeMap<u64, EpochDescriptor>>>,
    on_start: Rc<RefCell<Vec<Activator>>>,
}

impl EpochTable {
    pub(super) fn get(&self, epoch: u64) -> Option<EpochDescriptor> {
        self.table.borrow().get(&epoch).copied()
    }

    /// Starts an epoch and activates the operators that may hold rows of it. Rows from a worker that started
    /// the epoch earlier may be buffered, and as long as they are, they hold credits that the sources wait
    /// for.
    pub(super) fn start(&self, descriptor: EpochDescriptor) {
        self.table.borrow_mut().insert(descriptor.epoch.0, descriptor);
        self.on_start.borrow().iter().for_each(Activator::activate);
    }

    pub(super) fn end(&self, epoch: Epoch) {
        self.table.borrow_mut().remove(&epoch.0);
    }

    /// Activates an operator at the start of every epoch.
    pub(super) fn activate_on_start(&self, operator: Activator) {
        self.on_start.borrow_mut().push(operator);
    }
}

impl DataflowSpec {
    /// # Errors
    /// `UNSUPPORTED_FEATURE` if there is more than one aggregate or watermark, or a watermark after the aggregate.
    pub(crate) fn new(operators: &[OperatorSpec], mode: OutputMode, workers: usize) -> Result<Self> {
        let (mut before, mut after, mut aggregate) = (Vec::new(), Vec::new(), None);
        for operator in operators {
            match operator {
                OperatorSpec::Stateless(steps) if aggregate.is_none() => before.extend(steps.iter().cloned()),
                OperatorSpec::Stateless(steps) => after.extend(steps.iter().cloned()),
                OperatorSpec::Aggregate(spec) if aggregate.is_none() => aggregate = Some(spec.clone()),
                OperatorSpec::Aggregate(_) => return Err(unsupported("more than one aggregation")),
            }
        }
        let watermark = |s: &&StatelessStep| matches!(s, StatelessStep::Watermark { .. });
        if after.iter().any(|s| watermark(&s)) {
            return Err(unsupported("a watermark after an aggregation"));
        }
        if before.iter().filter(watermark).count() > 1 {
            return Err(unsupported("more than one watermark"));
        }
        let (rows_per_chunk, output_chunk_bytes) = (usize::MAX, usize::MAX);
        Ok(Self { before, aggregate, after, mode, workers, rows_per_chunk, output_chunk_bytes })
    }

    /// Sets the bounds of chunks and of output chunks. An output chunk is a quarter of a worker's share of
    /// the credits: rows that wait for the sink hold their credits, and with larger chunks they could hold
    /// all of them while the source waits for some.
    pub(crate) fn bounded(mut self, rows_per_chunk: usize, bytes_in_flight: usize) -> Self {
        self.rows_per_chunk = rows_per_chunk.max(1);
        self.output_chunk_bytes = (bytes_in_flight / (4 * self.workers)).max(1);
        self
    }

    pub(crate) fn is_stateful(&self) -> bool {
        self.aggregate.is_some()
    }

    /// Returns whether a higher watermark closes groups.
    pub(crate) fn closes_by_watermark(&self) -> bool {
        self.aggregate.as_ref().is_some_and(|a| a.event_time.is_some())
    }

    /// Returns whether draining emits rows. In update mode every value was emitted already.
    pub(crate) fn drains(&self) -> bool {
        self.is_stateful() && self.mode == OutputMode::Append
    }

    /// Returns the delay of the watermark, if there is one.
    pub(crate) fn watermark_delay_us(&self) -> Option<i64> {
        self.before.iter().find_map(|s| match s {
            StatelessStep::Watermark { delay_us, .. } => Some(*delay_us),
            StatelessStep::Filter(_) | StatelessStep::Project { .. } | StatelessStep::Unnest { .. } => None,
        })
    }

    /// Creates the operators of a worker, with the state that the worker owns.
    pub(super) fn operators(&self, worker: usize, restored: &[RecordBatch]) -> Result<Operators> {
        let keyed = match &self.aggregate {
            None => None,
            Some(spec) => {
                let input = AggregateInput::new(spec)?;
                let mut aggregate = Aggregate::new(spec, input.layout(), self.mode)?;
                restored.iter().try_for_each(|b| aggregate.restore(b, worker, self.workers))?;
                Some((input, aggregate))
            }
        };
        let (rows_per_chunk, output_chunk_bytes) = (self.rows_per_chunk, self.output_chunk_bytes);
        Ok(Operators {
            before: Steps::new(self.before.clone()),
            keyed,
            after: Steps::new(self.after.clone()),
            context: OperatorContext { worker, rows_per_chunk, output_chunk_bytes },
        })
    }
}

/// Builds the dataflow; returns the activator of its source.
pub(super) fn build(
    worker: &mut Worker,
    operators: Operators,
    first: Epoch,
    inbox: mpsc::Receiver<WorkerCommand>,
    reporter: &Reporter,
) -> Result<SyncActivator> {
    let Operators { before, keyed, after, context } = operators;
    let epochs = EpochTable::default();
    let mut activator = None;
    let keys = keyed.as_ref().map(|(input, _)| KeyEncoder::new(input.layout())).transpose()?;
    let (aggregate_input, keyed) = match keyed.zip(keys) {
        Some(((input, aggregate), keys)) => (Some(input), Some((aggregate, keys))),
        None => (None, None),
    };
    worker.dataflow::<u64, _, _>(|scope| {
        let state = SourceState { inbox, steps: before, aggregate_input, epochs: epochs.clone() };
        let rows = source(scope, first, state, reporter.clone(), &mut activator);
        let rows: Stream<'_, u64, Chunk> = match keyed {
            Some((keyed, keys)) => {
                let distributor = KeyDistributor { keys, reporter: reporter.clone() };
                let pact = DistributorPact(|_| distributor);
                aggregate(rows, pact, (keyed, after, context), &epochs, (first, reporter.clone()))
            }
            None => rows,
        };
        sink(rows, (first, context), epochs, reporter.clone());
    });
    // The source registers its activator when the dataflow is built, which timely does at once.
    activator.ok_or_else(|| Error::internal("the source of a streaming query has no activator"))
}
