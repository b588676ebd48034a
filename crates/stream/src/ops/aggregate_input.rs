//! Lays out the inputs of an aggregate: the columns that are exchanged.
//!
//! An input batch has the group columns first, then per aggregate its arguments, its ordering and its filter.
//! The exchange reads the group columns only, and the worker that owns a key evaluates no expression of the
//! query.

use super::evaluate::Evaluate;
use crate::spec::AggregateSpec;
use arrow::datatypes::{DataType, SchemaRef};
use std::ops::Range;
use std::sync::Arc;
use thalweg_common::Result;

/// The columns of an input batch.
#[derive(Debug, Clone)]
pub(crate) struct AggregateInputLayout {
    /// Number of group columns; they come first.
    pub groups: usize,
    /// Per aggregate: the columns of its arguments and ordering, and the column of its filter.
    pub calls: Vec<(Range<usize>, Option<usize>)>,
    pub schema: SchemaRef,
}

impl AggregateInputLayout {
    /// The types of the group columns.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.schema.fields().iter().take(self.groups).map(|f| f.data_type().clone()).collect()
    }
}

/// Returns what evaluates the inputs of an aggregate, and their layout.
///
/// # Errors
/// If an expression has no type over the input.
pub(crate) fn aggregate_input(spec: &AggregateSpec) -> Result<(Evaluate, AggregateInputLayout)> {
    let mut exprs = spec.group.clone();
    let mut calls = Vec::new();
    for call in &spec.aggregates {
        let from = exprs.len();
        exprs.extend(call.function.expressions());
        // Order-sensitive aggregates expect what they order by after their arguments.
        exprs.extend(call.function.order_bys().iter().map(|o| Arc::clone(&o.expr)));
        let arguments = from..exprs.len();
        let filter = call.filter.as_ref().map(|_| exprs.len());
        exprs.extend(call.filter.clone());
        calls.push((arguments, filter));
    }
    let evaluate = Evaluate::new(exprs, &spec.input_schema)?;
    let schema = Arc::clone(evaluate.schema());
    Ok((evaluate, AggregateInputLayout { groups: spec.group.len(), calls, schema }))
}
