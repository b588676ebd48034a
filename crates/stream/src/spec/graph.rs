//! Defines the graph of operators, with the names by which checkpoints and reports refer to them.
//!
//! An operator is identified by its kind and its number among the operators of that kind, counted from the
//! sources to the sink. So a step that is added to a query renames no state. If an operator of the same kind
//! is added, the numbers shift, and the state is found by its [`StateMeaning`].

use super::{Expiry, OperatorSpec, StaticTable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_connectors::OutputMode;
use thalweg_connectors::stream::StreamSource;

/// Identifies an operator in checkpoints and reports, such as `aggregate-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct OperatorId(String);

impl OperatorId {
    pub(crate) fn new(kind: &str, number: usize) -> Self {
        Self(format!("{kind}-{number}"))
    }

    /// The kind of the operator, such as `aggregate`.
    pub(crate) fn kind(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(kind, _)| kind)
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the state of an operator means: everything that must be the same for another start to use it, by
/// name. An error about a changed query names the parts that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StateMeaning {
    parts: BTreeMap<String, String>,
    /// The text by which checkpoints of format 1 identify the state.
    #[serde(skip)]
    format_1: Option<String>,
}

impl StateMeaning {
    /// Adds a part, such as `grouping keys` and their expressions.
    #[must_use]
    pub fn with(mut self, part: &str, meaning: impl Into<String>) -> Self {
        self.parts.insert(part.to_owned(), meaning.into());
        self
    }

    /// Sets the fingerprint by which a checkpoint of format 1 identifies the state.
    #[must_use]
    pub fn with_format_1(self, fingerprint: impl Into<String>) -> Self {
        Self { format_1: Some(fingerprint.into()), ..self }
    }

    pub(crate) fn part(&self, part: &str) -> Option<&str> {
        self.parts.get(part).map(String::as_str)
    }

    /// Returns the meaning as a checkpoint of format 1 has it: one part, which is the fingerprint.
    pub(crate) fn as_format_1(&self, part: &str) -> Self {
        self.format_1.iter().fold(Self::default(), |meaning, text| meaning.with(part, text))
    }

    /// Returns the parts that differ in `other`: their names, with the text here and there.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, &'a str, &'a str)> {
        let parts: BTreeSet<&String> = self.parts.keys().chain(other.parts.keys()).collect();
        let text = |of: &'a Self, part: &str| of.part(part).unwrap_or("nothing");
        let all = parts.into_iter().map(|part| (part.as_str(), text(self, part), text(other, part)));
        all.filter(|(_, mine, theirs)| mine != theirs).collect()
    }
}

/// The position of an operator in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub(crate) usize);

/// An operator in its graph.
#[derive(Debug, Clone)]
pub struct OperatorNode {
    pub(crate) id: OperatorId,
    pub(crate) spec: OperatorSpec,
    pub(crate) inputs: Vec<NodeIndex>,
    pub(crate) meaning: StateMeaning,
}

/// The operators of a query. Each comes after its inputs, and the last one feeds the sink.
#[derive(Debug, Clone, Default)]
pub struct OperatorGraph {
    nodes: Vec<OperatorNode>,
}

impl OperatorGraph {
    /// Adds an operator after those that it reads. `meaning` is compared when another start restores the
    /// operator's state or position.
    pub fn add(&mut self, spec: OperatorSpec, inputs: Vec<NodeIndex>, meaning: StateMeaning) -> NodeIndex {
        let kind = spec.kind();
        let number = self.nodes.iter().filter(|n| n.spec.kind() == kind).count();
        self.nodes.push(OperatorNode { id: OperatorId::new(kind, number), spec, inputs, meaning });
        NodeIndex(self.nodes.len() - 1)
    }

    /// Builds a graph of one source and operators in sequence.
    pub fn chain(source: Arc<dyn StreamSource>, operators: Vec<(OperatorSpec, StateMeaning)>) -> Self {
        let mut graph = Self::default();
        let mut last = graph.add(OperatorSpec::Source(source), vec![], StateMeaning::default());
        for (spec, meaning) in operators {
            last = graph.add(spec, vec![last], meaning);
        }
        graph
    }

    /// # Errors
    /// `INTERNAL_ERROR` if an operator reads one that comes after it, or the rows of an operator go nowhere.
    pub(crate) fn check(&self) -> Result<()> {
        let last = self.nodes.len().checked_sub(1);
        let is_read = |index: usize| self.nodes.iter().any(|n| n.inputs.contains(&NodeIndex(index)));
        for (index, node) in self.nodes.iter().enumerate() {
            if node.inputs.iter().any(|input| input.0 >= index) || !(Some(index) == last || is_read(index)) {
                return Err(Error::internal(format!("the graph of a query is not connected at {}", node.id)));
            }
        }
        last.map(drop).ok_or_else(|| Error::internal("the graph of a query is empty"))
    }

    pub(crate) fn nodes(&self) -> &[OperatorNode] {
        &self.nodes
    }

    /// The sources with their ids, in the order of the graph.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&OperatorId, &Arc<dyn StreamSource>)> {
        self.nodes.iter().filter_map(|n| match &n.spec {
            OperatorSpec::Source(source) => Some((&n.id, source)),
            _ => None,
        })
    }

    /// What the sources read, as far as that is known.
    pub(crate) fn source_meanings(&self) -> BTreeMap<OperatorId, StateMeaning> {
        let sources = self.nodes.iter().filter(|n| matches!(n.spec, OperatorSpec::Source(_)));
        sources.map(|n| (n.id.clone(), n.meaning.clone())).collect()
    }

    /// The operators that observe event times, with the delay of their watermarks.
    pub(crate) fn watermarks(&self) -> impl Iterator<Item = (&OperatorId, i64)> {
        self.nodes.iter().filter_map(|n| match &n.spec {
            OperatorSpec::Watermark { delay_us, .. } => Some((&n.id, *delay_us)),
            _ => None,
        })
    }

    /// The bounded tables that operators join with.
    pub(crate) fn static_tables(&self) -> impl Iterator<Item = (&OperatorId, &Arc<dyn StaticTable>)> {
        self.nodes.iter().filter_map(|n| match &n.spec {
            OperatorSpec::StaticJoin(join) => Some((&n.id, &join.table)),
            _ => None,
        })
    }

    /// Returns whether one of the operators `above` gets rows of one of the operators `below`.
    pub(crate) fn has_above(
        &self,
        above: impl Fn(&OperatorSpec) -> bool,
        below: impl Fn(&OperatorSpec) -> bool,
    ) -> bool {
        let mut gets: Vec<bool> = Vec::with_capacity(self.nodes.len());
        let mut found = false;
        for node in &self.nodes {
            let from_below = node.inputs.iter().any(|i| gets.get(i.0).copied().unwrap_or(false));
            found |= from_below && above(&node.spec);
            gets.push(from_below || below(&node.spec));
        }
        found
    }

    /// Returns by how much the watermark of each node is behind that of the query: the rows of a join may be
    /// older than the watermark, and are not late for the operators above it.
    pub(crate) fn watermark_lags_us(&self) -> Vec<i64> {
        let mut emitted: Vec<i64> = Vec::with_capacity(self.nodes.len());
        let mut lags = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let lag = node.inputs.iter().filter_map(|i| emitted.get(i.0).copied()).max().unwrap_or(0);
            lags.push(lag);
            emitted.push(lag.saturating_add(node.spec.watermark_lag_us()));
        }
        lags
    }

    /// The places of the nodes from the sink to the sources, each before its inputs.
    pub(crate) fn places_from_sink(&self) -> Vec<usize> {
        let mut places = Vec::with_capacity(self.nodes.len());
        let mut next: Vec<usize> = self.nodes.len().checked_sub(1).into_iter().collect();
        while let Some(place) = next.pop() {
            if places.contains(&place) {
                continue;
            }
            places.push(place);
            next.extend(self.nodes.get(place).into_iter().flat_map(|n| n.inputs.iter().rev().map(|i| i.0)));
        }
        places
    }

    pub(crate) fn stateful(&self) -> impl Iterator<Item = &OperatorNode> {
        self.nodes.iter().filter(|n| n.spec.is_stateful())
    }

    /// Returns whether a higher watermark closes state.
    pub(crate) fn closes_by_watermark(&self) -> bool {
        self.nodes.iter().any(|n| n.spec.closes_by_watermark())
    }

    /// Returns whether the query can go on after a drain has closed its windows: every operator with state either keeps it
    /// or knows until when it has written.
    pub(crate) fn continues_after_drain(&self) -> bool {
        let continues =
            |spec: &OperatorSpec| matches!(spec, OperatorSpec::Aggregate(_) | OperatorSpec::Deduplicate(_));
        self.stateful().all(|node| continues(&node.spec))
    }

    /// Returns whether draining emits rows.
    pub(crate) fn drains(&self, mode: OutputMode) -> bool {
        self.nodes.iter().any(|n| n.spec.holds_rows_back(mode))
    }
}

impl OperatorSpec {
    /// The kind of the operator, which is a part of its id and so of the format of checkpoints.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Stateless(_) => "steps",
            Self::Watermark { .. } => "watermark",
            Self::Union => "union",
            Self::Aggregate(_) => "aggregate",
            Self::Deduplicate(_) => "deduplicate",
            Self::StreamJoin(_) => "join",
            Self::StaticJoin(_) => "lookup",
            Self::Sort(_) => "sort",
        }
    }

    pub(crate) fn is_stateful(&self) -> bool {
        match self {
            Self::Source(_)
            | Self::Stateless(_)
            | Self::Watermark { .. }
            | Self::Union
            | Self::StaticJoin(_)
            | Self::Sort(_) => false,
            Self::Aggregate(_) | Self::Deduplicate(_) | Self::StreamJoin(_) => true,
        }
    }

    /// Returns whether rows are emitted only when the watermark closes state.
    pub(crate) fn holds_rows_back(&self, mode: OutputMode) -> bool {
        match self {
            // In update mode every value was emitted already.
            Self::Aggregate(_) => mode == OutputMode::Append,
            Self::StreamJoin(spec) => spec.preserves().contains(&true),
            Self::Source(_)
            | Self::Stateless(_)
            | Self::Watermark { .. }
            | Self::Union
            | Self::StaticJoin(_)
            | Self::Sort(_)
            | Self::Deduplicate(_) => false,
        }
    }

    /// Spark's name of the operator in `stateOperators`.
    pub(crate) fn state_operator_name(&self) -> &'static str {
        match self {
            Self::Aggregate(_) => "stateStoreSave",
            Self::Deduplicate(spec) if matches!(spec.expiry, Expiry::After { .. }) => "dedupeWithinWatermark",
            Self::Deduplicate(_) => "dedupe",
            Self::StreamJoin(_) => "symmetricHashJoin",
            Self::Source(_)
            | Self::Stateless(_)
            | Self::Watermark { .. }
            | Self::Union
            | Self::StaticJoin(_)
            | Self::Sort(_) => "none",
        }
    }

    /// Returns whether the watermark closes the state of the operator.
    pub(crate) fn closes_by_watermark(&self) -> bool {
        match self {
            Self::Source(_)
            | Self::Stateless(_)
            | Self::Watermark { .. }
            | Self::Union
            | Self::StaticJoin(_)
            | Self::Sort(_) => false,
            Self::Aggregate(spec) => spec.event_time.is_some(),
            Self::Deduplicate(spec) => spec.expiry != Expiry::Never,
            Self::StreamJoin(spec) => spec.sides().iter().any(|side| side.expiry != Expiry::Never),
        }
    }

    /// Returns by how much the event times of emitted rows may be behind the watermark of the operator.
    fn watermark_lag_us(&self) -> i64 {
        match self {
            Self::StreamJoin(spec) => spec.watermark_lag_us(),
            Self::Source(_)
            | Self::Stateless(_)
            | Self::Watermark { .. }
            | Self::Union
            | Self::StaticJoin(_)
            | Self::Sort(_)
            | Self::Aggregate(_)
            | Self::Deduplicate(_) => 0,
        }
    }
}

/// Returns the text, or its beginning and a checksum of the whole if it is longer than `max` bytes.
pub fn abbreviated(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max / 4);
    format!(
        "{}… (sha256 {})",
        text.get(..end).unwrap_or_default(),
        crate::checkpoint::sha256(text.as_bytes())
    )
}
