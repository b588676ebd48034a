//! Converts the graph of a plan to a timely dataflow, which is the same on every worker.

use super::WorkerCommand;
use super::chunk::Chunk;
use super::exchange::KeyDistributor;
use super::operator::{Inputs, operator};
use super::sink::sink;
use super::source::{SourceState, source};
use super::workers::Reporter;
use crate::ops::{self, BuiltInput, BuiltOperator, EpochDescriptor};
use crate::spec::{OperatorGraph, OperatorNode, OperatorSpec};
use crate::state::KeyRange;
use arrow::record_batch::RecordBatch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use thalweg_connectors::OutputMode;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::{Scope, Stream};
use timely::scheduling::{Activator, SyncActivator};
use timely::worker::Worker;
use tokio::sync::mpsc;

/// What all workers of a query run.
#[derive(Debug, Clone)]
pub(crate) struct Dataflow {
    graph: Arc<OperatorGraph>,
    mode: OutputMode,
    workers: usize,
    rows_per_chunk: usize,
    /// Bytes of output that a worker collects before it reports them.
    output_chunk_bytes: usize,
}

/// Rows of a state to start from. Those of a key come oldest first.
#[derive(Debug)]
pub(crate) struct RestoredRows {
    /// The place of the operator in the graph.
    pub node: usize,
    pub state: String,
    pub rows: RecordBatch,
}

/// What the operators of a worker need to know of the worker and of the bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorContext {
    pub worker: usize,
    /// The epoch with which the generation starts.
    pub first: Epoch,
    pub rows_per_chunk: usize,
    pub output_chunk_bytes: usize,
    /// By how much the watermark of the operator is behind that of the query.
    pub watermark_lag_us: i64,
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
        self.table.borrow().get(&epoch).cloned()
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

impl Dataflow {
    /// An output chunk is a quarter of a worker's share of the credits: rows that wait for the sink hold their
    /// credits, and with larger chunks they could hold all of them while a source waits for some.
    pub(crate) fn new(
        graph: OperatorGraph,
        mode: OutputMode,
        workers: usize,
        (rows_per_chunk, bytes_in_flight): (usize, usize),
    ) -> Self {
        Self {
            graph: Arc::new(graph),
            mode,
            workers,
            rows_per_chunk: rows_per_chunk.max(1),
            output_chunk_bytes: (bytes_in_flight / (4 * workers)).max(1),
        }
    }

    pub(super) fn sources(&self) -> usize {
        self.graph.sources().count()
    }

    /// Creates the operators of a worker, with the state that the worker owns; `None` for a source. Returns when
    /// `restored` has ended.
    pub(super) fn operators(
        &self,
        worker: usize,
        mut restored: mpsc::Receiver<RestoredRows>,
    ) -> Result<Vec<Option<BuiltOperator>>> {
        let build = |node: &OperatorNode| match node.spec {
            OperatorSpec::Source(_) => Ok(None),
            _ => ops::build(node, self.mode).map(Some),
        };
        let mut all = self.graph.nodes().iter().map(build).collect::<Result<Vec<_>>>()?;
        let owned = KeyRange::of(worker, self.workers);
        while let Some(RestoredRows { node, state, rows }) = restored.blocking_recv() {
            let Some(Some(built)) = all.get_mut(node) else {
                return Err(Error::internal(format!("the state '{state}' of a source")));
            };
            built.operator.restore(&state, &rows, owned)?;
        }
        Ok(all)
    }

    pub(super) fn context(&self, worker: usize, first: Epoch) -> OperatorContext {
        let (rows_per_chunk, output_chunk_bytes) = (self.rows_per_chunk, self.output_chunk_bytes);
        OperatorContext { worker, first, rows_per_chunk, output_chunk_bytes, watermark_lag_us: 0 }
    }
}

/// Builds the dataflow with one inbox per source; returns the activators of the sources.
pub(super) fn build(
    worker: &mut Worker,
    dataflow: &Dataflow,
    (operators, context): (Vec<Option<BuiltOperator>>, OperatorContext),
    inboxes: Vec<mpsc::Receiver<WorkerCommand>>,
    reporter: &Reporter,
) -> Result<Vec<SyncActivator>> {
    let mut activators = Vec::new();
    let epochs = EpochTable::default();
    let lost = || Error::internal("an operator of a streaming query lost an input");
    worker.dataflow::<u64, _, _>(|scope| {
        let mut streams: Vec<Stream<'_, u64, Chunk>> = Vec::new();
        let mut inboxes = inboxes.into_iter();
        let lags = dataflow.graph.watermark_lags_us();
        for (index, (node, built)) in dataflow.graph.nodes().iter().zip(operators).enumerate() {
            // What prepares the rows of an input counts with the watermark of its operator.
            let watermark_lag_us = lags.get(index).copied().unwrap_or(0);
            let context = OperatorContext { watermark_lag_us, ..context };
            let rows = match built {
                None => {
                    let inbox = inboxes.next().ok_or_else(lost)?;
                    let state = SourceState { node: index, inbox, epochs: epochs.clone() };
                    source(scope, context.first, state, reporter.clone(), &mut activators)
                }
                Some(BuiltOperator { inputs: built, operator: this }) => {
                    let mut inputs = Inputs::new(node.id.to_string(), scope);
                    for (input, from) in built.into_iter().zip(&node.inputs) {
                        let rows = streams.get(from.0).ok_or_else(lost)?.clone();
                        add_input(&mut inputs, scope, (rows, input), (context, &epochs, reporter));
                    }
                    operator(inputs, (this, Some(index)), context, &epochs, reporter)
                }
            };
            streams.push(rows);
        }
        let rows = streams.pop().ok_or_else(lost)?;
        sink(rows, context, epochs, reporter.clone());
        Ok(activators)
    })
}

/// Connects an input: rows are prepared on the worker that has them, then exchanged.
fn add_input<'scope>(
    inputs: &mut Inputs<'scope>,
    scope: Scope<'scope, u64>,
    (rows, input): (Stream<'scope, u64, Chunk>, BuiltInput),
    (context, epochs, reporter): (OperatorContext, &EpochTable, &Reporter),
) {
    let rows = match input.prepare {
        None => rows,
        Some(prepare) => {
            let mut local = Inputs::new("prepare".to_owned(), scope);
            local.add(rows, Pipeline);
            operator(local, (prepare, None), context, epochs, reporter)
        }
    };
    match input.keys {
        None => inputs.add(rows, Pipeline),
        Some(keys) => {
            let distributor = KeyDistributor { keys, reporter: reporter.clone() };
            inputs.add(rows, DistributorPact(|_| distributor));
        }
    }
}
