//! The lowered graph, before its sources are opened.

use super::StreamInput;
use thalweg_common::Result;
use thalweg_storage::MetadataLog;
use thalweg_stream::{NodeIndex, OperatorGraph, OperatorSpec, StateMeaning, StatelessStep};

/// A lowered streaming query, without its sink.
#[derive(Debug, Default)]
pub(crate) struct LoweredStream {
    nodes: Vec<LoweredNode>,
}

#[derive(Debug)]
enum LoweredNode {
    Source(StreamInput),
    Operator { spec: OperatorSpec, inputs: Vec<usize>, meaning: StateMeaning },
}

impl LoweredStream {
    pub(super) fn source(&mut self, input: StreamInput) -> usize {
        self.push(LoweredNode::Source(input))
    }

    pub(super) fn operator(
        &mut self,
        spec: OperatorSpec,
        inputs: Vec<usize>,
        meaning: StateMeaning,
    ) -> usize {
        self.push(LoweredNode::Operator { spec, inputs, meaning })
    }

    /// Adds a step to the rows of an operator; returns the operator whose rows have passed it.
    pub(super) fn step(&mut self, after: usize, step: StatelessStep) -> usize {
        // A plan is a tree, so nothing else reads the rows of the operator.
        if let Some(LoweredNode::Operator { spec: OperatorSpec::Stateless(steps), .. }) =
            self.nodes.get_mut(after)
        {
            steps.push(step);
            return after;
        }
        self.operator(OperatorSpec::Stateless(vec![step]), vec![after], StateMeaning::default())
    }

    fn push(&mut self, node: LoweredNode) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Opens the sources; `log` returns the part of the checkpoint for the source with that number.
    pub(crate) async fn open(self, log: impl Fn(usize) -> MetadataLog) -> Result<OperatorGraph> {
        let mut graph = OperatorGraph::default();
        let mut sources = 0;
        let mut places: Vec<NodeIndex> = vec![];
        for node in self.nodes {
            let place = match node {
                LoweredNode::Source(input) => {
                    let meaning = StateMeaning::default().with("what it reads", input.place());
                    let source = input.connector.source(input.request, log(sources)).await?;
                    sources += 1;
                    graph.add(OperatorSpec::Source(source), vec![], meaning)
                }
                LoweredNode::Operator { spec, inputs, meaning } => {
                    let inputs = inputs.iter().filter_map(|i| places.get(*i).copied()).collect();
                    graph.add(spec, inputs, meaning)
                }
            };
            places.push(place);
        }
        Ok(graph)
    }
}
