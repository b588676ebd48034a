//! Runs an [`Operator`] in the dataflow: gives it the rows of one epoch at a time, and closes epochs in order.
//!
//! Two epochs may be in flight, so rows of the next epoch can arrive early. They are kept back until the
//! running epoch is closed; otherwise its snapshot would contain state of the next one.

use super::Report;
use super::build::{EpochTable, OperatorContext};
use super::chunk::Chunk;
use super::workers::Reporter;
use crate::ops::{EMITTED_ROWS_MAX, EmittedRows, EpochDescriptor, Operator};
use std::collections::{BTreeMap, VecDeque};
use thalweg_common::Result;
use thalweg_common::ids::Epoch;
use timely::container::NoopBuilder;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

/// Moves what has arrived at an input to the rows that wait.
type Receive = Box<dyn FnMut(&mut dyn FnMut(u64, Chunk))>;

/// The inputs of an operator that is being built.
pub(super) struct Inputs<'scope> {
    builder: OperatorBuilder<'scope, u64>,
    receive: Vec<Receive>,
}

impl<'scope> Inputs<'scope> {
    pub(super) fn new(name: String, scope: Scope<'scope, u64>) -> Self {
        Self { builder: OperatorBuilder::new(name, scope), receive: Vec::new() }
    }

    /// Adds an input whose rows are exchanged by `pact`.
    pub(super) fn add<P>(&mut self, rows: Stream<'scope, u64, Chunk>, pact: P)
    where
        P: ParallelizationContract<u64, Chunk>,
        P::Puller: 'static,
    {
        let mut handle = self.builder.new_input(rows, pact);
        self.receive.push(Box::new(move |keep| {
            handle.for_each(|time, chunk| keep(*time.time(), std::mem::take(chunk)));
        }));
    }
}

/// An operator between two activations.
struct Running {
    operator: Box<dyn Operator>,
    /// The node of the graph; `None` for what prepares the rows of an exchange, which reports nothing.
    node: Option<usize>,
    context: OperatorContext,
    output: EmittedRows,
    /// Rows that wait, by epoch, with the input at which they arrived.
    waiting: BTreeMap<u64, VecDeque<(usize, Chunk)>>,
    /// Whether the epoch of the capability has been started.
    started: bool,
}

impl Running {
    /// Processes what has arrived of the epoch, and closes it if nothing more can arrive; returns what is emitted. If rows
    /// of the epoch still wait then, it goes on when the operators after it have processed what is emitted.
    fn advance(
        &mut self,
        descriptor: &EpochDescriptor,
        closes: bool,
        reporter: &Reporter,
    ) -> Result<Vec<Chunk>> {
        if !self.started {
            self.operator.start_epoch(&descriptor.behind(self.context.watermark_lag_us))?;
            self.started = true;
        }
        let mut emitted = self.process(descriptor.epoch.0)?;
        if closes && !self.waits(descriptor.epoch.0) {
            emitted.extend(self.close(descriptor.epoch.0, reporter)?);
        }
        Ok(emitted)
    }

    /// Returns whether rows of the epoch wait.
    fn waits(&self, epoch: u64) -> bool {
        self.waiting.get(&epoch).is_some_and(|waiting| !waiting.is_empty())
    }

    /// Processes the rows of the epoch that have arrived until it has emitted many rows; returns these.
    fn process(&mut self, epoch: u64) -> Result<Vec<Chunk>> {
        let (mut emitted, mut rows_emitted) = (Vec::new(), 0);
        let mut waiting = self.waiting.remove(&epoch).unwrap_or_default();
        while rows_emitted < EMITTED_ROWS_MAX
            && let Some((input, chunk)) = waiting.pop_front()
        {
            let Some(rows) = chunk.batch else { continue };
            self.operator.process(input, rows, &mut self.output)?;
            if let Some(left) = self.output.take_left() {
                waiting.push_front((input, Chunk { batch: Some(left), permit: chunk.permit.clone() }));
            }
            // What follows from rows of the input holds their credits, so that these bound it as well. The credits
            // of rows that went into state return here.
            for rows in self.output.take() {
                rows_emitted += rows.num_rows();
                emitted.push(Chunk { batch: Some(rows), permit: chunk.permit.clone() });
            }
        }
        if !waiting.is_empty() {
            self.waiting.insert(epoch, waiting);
        }
        Ok(emitted)
    }

    /// Closes the running epoch; returns what is emitted, in chunks of bounded size.
    fn close(&mut self, epoch: u64, reporter: &Reporter) -> Result<Vec<Chunk>> {
        let report = self.operator.close_epoch(&mut self.output)?;
        self.started = false;
        if let Some(node) = self.node {
            let worker = self.context.worker;
            if let Some(times) = report.times {
                reporter.send(Report::Observed { epoch: Epoch(epoch), node, times });
            }
            if let Some(state) = report.state {
                reporter.send(Report::State { epoch: Epoch(epoch), worker, node, state });
            }
        }
        let mut chunks = Vec::new();
        for rows in self.output.take() {
            // The watermark may close all state at once, which is far more rows than a chunk should have.
            let step = self.context.rows_per_chunk.min(rows.num_rows()).max(1);
            for from in (0..rows.num_rows()).step_by(step) {
                let rows = rows.slice(from, step.min(rows.num_rows() - from));
                chunks.push(Chunk { batch: Some(rows), permit: None });
            }
        }
        Ok(chunks)
    }
}

/// Builds an operator; returns the rows that it emits.
pub(super) fn operator<'scope>(
    inputs: Inputs<'scope>,
    (operator, node): (Box<dyn Operator>, Option<usize>),
    context: OperatorContext,
    epochs: &EpochTable,
    reporter: &Reporter,
) -> Stream<'scope, u64, Chunk> {
    let Inputs { mut builder, mut receive } = inputs;
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<u64, NoopBuilder<Chunk>>::from(output);
    let address = builder.operator_info().address;
    let scope = stream.scope();
    let itself = scope.activator_for(address.clone());
    // Rows may be kept back when their epoch starts here, and no input would wake the operator.
    epochs.activate_on_start(scope.activator_for(address));
    let (epochs, reporter) = (epochs.clone(), reporter.clone());
    let mut running = Running {
        operator,
        node,
        context,
        output: EmittedRows::default(),
        waiting: BTreeMap::new(),
        started: false,
    };
    builder.build(move |capabilities| {
        let mut capability = capabilities.into_iter().next();
        if let Some(capability) = &mut capability {
            capability.downgrade(&context.first.0);
        }
        move |frontiers| {
            let Some(capability) = &mut capability else { return };
            for (input, receive) in receive.iter_mut().enumerate() {
                receive(&mut |epoch, chunk| {
                    running.waiting.entry(epoch).or_default().push_back((input, chunk))
                });
            }
            let mut output = output.activate();
            while !reporter.is_stopping() {
                let now = *capability.time();
                // Another worker may have started the epoch already; its rows wait until this one starts it
                // too.
                let Some(descriptor) = epochs.get(now) else { return };
                let closes = frontiers.iter().all(|f| !f.less_equal(&now));
                let emitted = match running.advance(&descriptor, closes, &reporter) {
                    Ok(emitted) => emitted,
                    Err(error) => return reporter.fail(error),
                };
                for mut chunk in emitted {
                    output.session_with_builder(&*capability).give_container(&mut chunk);
                }
                if running.waits(now) {
                    return itself.activate();
                }
                // Another worker may still send rows of this epoch.
                if !closes {
                    return;
                }
                capability.downgrade(&(now + 1));
            }
        }
    });
    stream
}
