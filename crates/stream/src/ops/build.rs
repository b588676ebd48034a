//! Creates the operator of a node, with what happens to rows before they reach it.

use super::aggregate::{Aggregate, aggregate_keys};
use super::aggregate_input::aggregate_input;
use super::deduplicate::{Deduplicate, deduplicate_input};
use super::evaluate::Evaluate;
use super::join::{StaticJoin, StreamJoin, stream_join_input};
use super::key_encoder::KeyEncoder;
use super::operator::Operator;
use super::sort::Sort;
use super::stateless::Steps;
use super::union::Union;
use super::watermark::Watermark;
use crate::spec::{OperatorNode, OperatorSpec, StreamJoinSpec};
use thalweg_common::{Error, Result};
use thalweg_connectors::OutputMode;

/// What happens to the rows of one input before they reach the operator.
#[derive(Default)]
pub(crate) struct BuiltInput {
    /// Runs on the worker that has the rows, before they are exchanged.
    pub prepare: Option<Box<dyn Operator>>,
    /// The keys by which rows are exchanged; without them rows stay on their worker.
    pub keys: Option<KeyEncoder>,
}

impl BuiltInput {
    fn exchanged(prepare: Evaluate, keys: KeyEncoder) -> Self {
        Self { prepare: Some(Box::new(prepare)), keys: Some(keys) }
    }
}

/// An operator of one worker, without state.
pub(crate) struct BuiltOperator {
    pub inputs: Vec<BuiltInput>,
    pub operator: Box<dyn Operator>,
}

/// Creates the operator of a node that is not a source.
///
/// # Errors
/// If an expression or an aggregate function cannot be used, or the node has another number of inputs than its
/// operator.
pub(crate) fn build(node: &OperatorNode, mode: OutputMode) -> Result<BuiltOperator> {
    let inputs = node.inputs.len();
    let local = |operator: Box<dyn Operator>| BuiltOperator {
        inputs: (0..inputs).map(|_| BuiltInput::default()).collect(),
        operator,
    };
    match &node.spec {
        OperatorSpec::Source(_) => Err(Error::internal("a source of a streaming query is not an operator")),
        OperatorSpec::Union => Ok(local(Box::new(Union))),
        OperatorSpec::Stateless(steps) if inputs == 1 => Ok(local(Box::new(Steps::new(steps.clone())))),
        OperatorSpec::Watermark { column, .. } if inputs == 1 => Ok(local(Box::new(Watermark::new(*column)))),
        OperatorSpec::Aggregate(spec) if inputs == 1 => {
            let (prepare, layout) = aggregate_input(spec)?;
            let operator = Box::new(Aggregate::new(spec, &layout, mode)?);
            let keys = aggregate_keys(spec, &layout)?;
            Ok(BuiltOperator { inputs: vec![BuiltInput::exchanged(prepare, keys)], operator })
        }
        OperatorSpec::Deduplicate(spec) if inputs == 1 => {
            let prepare = deduplicate_input(spec)?;
            let operator = Box::new(Deduplicate::new(spec, prepare.schema())?);
            Ok(BuiltOperator { inputs: vec![keyed(prepare, spec.keys.len())?], operator })
        }
        OperatorSpec::StreamJoin(spec) if inputs == 2 => stream_join(spec),
        OperatorSpec::StaticJoin(spec) if inputs == 1 => {
            Ok(local(Box::new(StaticJoin::new(node.id.clone(), spec)?)))
        }
        OperatorSpec::Sort(spec) if inputs == 1 => {
            // Rows without keys are all of one worker.
            let input = BuiltInput { prepare: None, keys: Some(KeyEncoder::new(&[])?) };
            Ok(BuiltOperator { inputs: vec![input], operator: Box::new(Sort::new(spec)) })
        }
        OperatorSpec::Stateless(_)
        | OperatorSpec::Watermark { .. }
        | OperatorSpec::Aggregate(_)
        | OperatorSpec::Deduplicate(_)
        | OperatorSpec::StreamJoin(_)
        | OperatorSpec::StaticJoin(_)
        | OperatorSpec::Sort(_) => {
            Err(Error::internal(format!("the operator {} has {inputs} inputs", node.id)))
        }
    }
}

fn stream_join(spec: &StreamJoinSpec) -> Result<BuiltOperator> {
    let (left, right) = (stream_join_input(&spec.left)?, stream_join_input(&spec.right)?);
    let operator = Box::new(StreamJoin::new(spec, [left.schema(), right.schema()])?);
    let inputs = vec![keyed(left, spec.left.keys.len())?, keyed(right, spec.right.keys.len())?];
    Ok(BuiltOperator { inputs, operator })
}

/// The input of an operator that gets rows by their first `keys` columns.
fn keyed(prepare: Evaluate, keys: usize) -> Result<BuiltInput> {
    let fields = prepare.schema().fields().iter().take(keys);
    let keys = KeyEncoder::new(&fields.map(|f| f.data_type().clone()).collect::<Vec<_>>())?;
    Ok(BuiltInput::exchanged(prepare, keys))
}
