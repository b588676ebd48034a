//! Finds the stored state of each operator of a query, which may have changed since.
//!
//! State is found by the id of its operator. If the meaning differs, an operator of the same meaning may have
//! got another number because one of its kind was added before it, so the meaning is looked up as well. What
//! always holds: no operator gets state of another meaning, and no stored state is left out in silence.

use crate::checkpoint::{FINGERPRINT_OF_FORMAT_1, OperatorState};
use crate::error::{incompatible, state_without_operator};
use crate::spec::{OperatorGraph, OperatorId, OperatorNode};
use std::collections::BTreeMap;
use thalweg_common::Result;

/// Returns the state of each stateful operator, under the id that it has in `graph`. `stored` is what a manifest names;
/// none if the query has no manifest yet.
pub(crate) fn match_states(
    graph: &OperatorGraph,
    stored: Option<BTreeMap<OperatorId, OperatorState>>,
) -> Result<BTreeMap<OperatorId, OperatorState>> {
    let is_new = stored.is_none();
    let mut stored = stored.unwrap_or_default();
    let mut matched = BTreeMap::new();
    for node in graph.stateful() {
        let found = find(node, &stored);
        let state = match (found.and_then(|id| stored.remove(&id)), stored.get(&node.id)) {
            (Some(state), _) => state,
            (None, Some(other)) => return Err(incompatible(&node.id, &differences(node, other))),
            // A manifest names every stateful operator, also one without rows. The rows that were read before have not
            // passed an operator that it does not name.
            (None, None) if is_new => OperatorState::default(),
            (None, None) => return Err(incompatible(&node.id, "it is not in the checkpoint")),
        };
        matched.insert(node.id.clone(), OperatorState { meaning: node.meaning.clone(), ..state });
    }
    match stored.keys().next() {
        Some(left) => Err(state_without_operator(left)),
        None => Ok(matched),
    }
}

fn find(node: &OperatorNode, stored: &BTreeMap<OperatorId, OperatorState>) -> Option<OperatorId> {
    let same = |state: &OperatorState| differences(node, state).is_empty();
    if stored.get(&node.id).is_some_and(same) {
        return Some(node.id.clone());
    }
    let kind = |id: &OperatorId| id.kind() == node.id.kind();
    stored.iter().find(|(id, state)| kind(id) && same(state)).map(|(id, _)| id.clone())
}

/// Describes how the stored meaning differs from that of the operator.
fn differences(node: &OperatorNode, stored: &OperatorState) -> String {
    let is_format_1 = stored.meaning.part(FINGERPRINT_OF_FORMAT_1).is_some();
    let old = node.meaning.as_format_1(FINGERPRINT_OF_FORMAT_1);
    described(&stored.meaning.differences(if is_format_1 { &old } else { &node.meaning }))
}

/// Describes the parts of a meaning that differ.
pub(super) fn described(differences: &[(&str, &str, &str)]) -> String {
    let text = |(part, was, is): &(&str, &str, &str)| format!("{part} was {was} and is {is}");
    differences.iter().map(text).collect::<Vec<_>>().join("; ")
}
