//! From a plan's operators to a dataflow, the same one on every worker.

use super::aggregate::aggregate;
use super::chunk::Chunk;
use super::exchange::ByKey;
use super::sink::sink;
use super::source::{Intake, source};
use super::workers::Outlet;
use super::{Descriptor, Order};
use crate::error::unbuildable;
use crate::ops::{Aggregate, KeyHasher, Prepare, Steps};
use crate::spec::{AggregateSpec, OperatorSpec, OutputMode, Step};
use arrow::record_batch::RecordBatch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::DistributorPact;
use timely::scheduling::{Activator, SyncActivator};
use timely::worker::Worker;
use tokio::sync::mpsc;

/// A chain of operators that the runtime can build.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    before: Vec<Step>,
    aggregate: Option<AggregateSpec>,
    after: Vec<Step>,
    mode: OutputMode,
    workers: usize,
    rows_per_chunk: usize,
    /// Bytes of output that a worker collects before it hands them to the sink.
    piece_bytes: usize,
}

/// The operators of one worker.
pub(crate) struct Operators {
    pub before: Steps,
    pub keyed: Option<(Prepare, Aggregate)>,
    pub after: Steps,
    pub shape: Shape,
}

/// What the operators of a worker know about their surroundings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub worker: usize,
    pub rows_per_chunk: usize,
    pub piece_bytes: usize,
}

/// Descriptors of the epochs in flight. The frontier passes an epoch only after the source left it,
/// so every operator finds the descriptor of the epoch that it closes.
#[derive(Clone, Default)]
pub(crate) struct Epochs {
    table: Rc<RefCell<BTreeMap<u64, Descriptor>>>,
    waiting: Rc<RefCell<Vec<Activator>>>,
}

impl Epochs {
    pub(super) fn get(&self, epoch: u64) -> Option<Descriptor> {
        self.table.borrow().get(&epoch).copied()
    }

    /// Starts an epoch and wakes the operators that may hold rows of it: a peer may have been
    /// quicker, and what they hold keeps credits from everyone.
    pub(super) fn start(&self, descriptor: Descriptor) {
        self.table.borrow_mut().insert(descriptor.epoch.0, descriptor);
        self.waiting.borrow().iter().for_each(Activator::activate);
    }

    pub(super) fn end(&self, epoch: Epoch) {
        self.table.borrow_mut().remove(&epoch.0);
    }

    /// Wakes this operator at the start of every epoch.
    pub(super) fn wake(&self, operator: Activator) {
        self.waiting.borrow_mut().push(operator);
    }
}

impl Program {
    /// # Errors
    /// `UNSUPPORTED_FEATURE` if the chain has more than one aggregate, or a watermark after it.
    pub(crate) fn new(operators: &[OperatorSpec], mode: OutputMode, workers: usize) -> Result<Self> {
        let (mut before, mut after, mut aggregate) = (Vec::new(), Vec::new(), None);
        for operator in operators {
            match operator {
                OperatorSpec::Stateless(steps) if aggregate.is_none() => before.extend(steps.iter().cloned()),
                OperatorSpec::Stateless(steps) => after.extend(steps.iter().cloned()),
                OperatorSpec::Aggregate(spec) if aggregate.is_none() => aggregate = Some(spec.clone()),
                OperatorSpec::Aggregate(_) => return Err(unbuildable("more than one aggregation")),
            }
        }
        let watermark = |s: &&Step| matches!(s, Step::Watermark { .. });
        if after.iter().any(|s| watermark(&s)) {
            return Err(unbuildable("a watermark after an aggregation"));
        }
        if before.iter().filter(watermark).count() > 1 {
            return Err(unbuildable("more than one watermark"));
        }
        let (rows_per_chunk, piece_bytes) = (usize::MAX, usize::MAX);
        Ok(Self { before, aggregate, after, mode, workers, rows_per_chunk, piece_bytes })
    }

    /// Bounds the chunks, and the pieces of output: a quarter of a worker's share of the credits, so
    /// that collecting for the sink can't hold all of them.
    pub(crate) fn bounded(mut self, rows_per_chunk: usize, bytes_in_flight: usize) -> Self {
        self.rows_per_chunk = rows_per_chunk.max(1);
        self.piece_bytes = (bytes_in_flight / (4 * self.workers)).max(1);
        self
    }

    pub(crate) fn is_stateful(&self) -> bool {
        self.aggregate.is_some()
    }

    /// Whether a higher watermark closes groups.
    pub(crate) fn closes_by_watermark(&self) -> bool {
        self.aggregate.as_ref().is_some_and(|a| a.event_time.is_some())
    }

    /// Whether draining has anything to emit: in update mode every value has left already.
    pub(crate) fn drains(&self) -> bool {
        self.is_stateful() && self.mode == OutputMode::Append
    }

    /// The delay of the watermark, if there is one.
    pub(crate) fn watermark_delay_us(&self) -> Option<i64> {
        self.before.iter().find_map(|s| match s {
            Step::Watermark { delay_us, .. } => Some(*delay_us),
            _ => None,
        })
    }

    /// The operators of a worker, with the state that it owns.
    pub(super) fn operators(&self, worker: usize, restored: &[RecordBatch]) -> Result<Operators> {
        let keyed = match &self.aggregate {
            None => None,
            Some(spec) => {
                let prepare = Prepare::new(spec)?;
                let mut aggregate = Aggregate::new(spec, prepare.prepared(), self.mode)?;
                restored.iter().try_for_each(|b| aggregate.restore(b, worker, self.workers))?;
                Some((prepare, aggregate))
            }
        };
        let shape = Shape { worker, rows_per_chunk: self.rows_per_chunk, piece_bytes: self.piece_bytes };
        Ok(Operators {
            before: Steps::new(self.before.clone()),
            keyed,
            after: Steps::new(self.after.clone()),
            shape,
        })
    }
}

/// Builds the dataflow; answers with what wakes its source.
pub(super) fn build(
    worker: &mut Worker,
    operators: Operators,
    first: Epoch,
    inbox: mpsc::Receiver<Order>,
    outlet: &Outlet,
) -> Result<SyncActivator> {
    let Operators { before, keyed, after, shape } = operators;
    let epochs = Epochs::default();
    let mut waker = None;
    let mut failed = Ok(());
    worker.dataflow::<u64, _, _>(|scope| {
        let (prepare, keyed) = keyed.map_or((None, None), |(p, a)| (Some(p), Some(a)));
        let hasher = prepare.as_ref().map(|p| KeyHasher::new(p.prepared())).transpose();
        let intake = Intake { inbox, steps: before, prepare, epochs: epochs.clone() };
        let rows = source(scope, first, intake, outlet.clone(), &mut waker);
        let rows: Stream<'_, u64, Chunk> = match (keyed, hasher) {
            (Some(keyed), Ok(Some(hasher))) => {
                let by_key = ByKey { hasher, outlet: outlet.clone() };
                let pact = DistributorPact(|_| by_key);
                aggregate(rows, pact, (keyed, after, shape), &epochs, (first, outlet.clone()))
            }
            (_, Err(error)) => {
                failed = Err(error);
                rows
            }
            _ => rows,
        };
        sink(rows, (first, shape), epochs, outlet.clone());
    });
    failed?;
    waker.ok_or_else(|| Error::internal("a stream's source has no activator"))
}
