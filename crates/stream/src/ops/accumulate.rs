//! Computes aggregates with DataFusion's accumulators, each of which is used for one step only.
//!
//! An accumulator can neither drop nor read a single group, so none lives longer than an epoch. The steps
//! are: rows → partial state; stored state + partial state → new state; state → value. Between the steps the
//! state is Arrow.

use crate::spec::AggregateFunctionCall;
use arrow::array::{Array, ArrayRef, BooleanArray, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

/// An aggregate function whose states can be merged, and the types of its state.
#[derive(Debug, Clone)]
pub(crate) struct MergeableAggregate {
    call: AggregateFunctionCall,
    pub states: Vec<DataType>,
}

impl MergeableAggregate {
    /// # Errors
    /// DataFusion's error if the function has no mergeable state.
    pub(crate) fn new(call: &AggregateFunctionCall) -> Result<Self> {
        let fields = call.function.state_fields().map_err(from_datafusion)?;
        let states = fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Self { call: call.clone(), states })
    }

    fn fresh(&self) -> Result<Box<dyn GroupsAccumulator>> {
        let function = Arc::clone(&self.call.function);
        if function.groups_accumulator_supported() {
            return function.create_groups_accumulator().map_err(from_datafusion);
        }
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
    }

    /// Starts the partial state of an epoch.
    pub(crate) fn partial(&self) -> Result<PartialState> {
        Ok(PartialState { scratch: self.fresh()?, states: self.states.clone(), groups: 0 })
    }

    /// Merges states of the same groups. Each part has its states and the group of each of its rows.
    pub(crate) fn merge(&self, parts: &[(&[ArrayRef], &[usize])], groups: usize) -> Result<Vec<ArrayRef>> {
        state_of(self.merged(parts, groups)?, &self.states, groups)
    }

    /// Evaluates states, one group per row.
    pub(crate) fn values(&self, states: &[ArrayRef], groups: usize) -> Result<ArrayRef> {
        let each: Vec<usize> = (0..groups).collect();
        self.merged_values(states, &each, groups)
    }

    /// Merges the states of several rows of each group, and evaluates them; `of` is the group of each row.
    pub(crate) fn merged_values(&self, states: &[ArrayRef], of: &[usize], groups: usize) -> Result<ArrayRef> {
        if groups == 0 {
            return Ok(new_empty_array(self.call.function.field().data_type()));
        }
        self.merged(&[(states, of)], groups)?.evaluate(EmitTo::All).map_err(from_datafusion)
    }

    fn merged(&self, parts: &[(&[ArrayRef], &[usize])], groups: usize) -> Result<Box<dyn GroupsAccumulator>> {
        let mut scratch = self.fresh()?;
        let parts: Vec<_> = parts.iter().filter(|(_, of)| !of.is_empty()).collect();
        if parts.is_empty() {
            return Ok(scratch);
        }
        // All parts are merged in one batch: DataFusion regards all groups as seen as soon as a batch holds
        // no null, so a batch that covers only some groups would turn the nulls of the others into zeros.
        let column = |i: usize| {
            let of_parts: Vec<&dyn Array> =
                parts.iter().filter_map(|(s, _)| s.get(i)).map(AsRef::as_ref).collect();
            concat(&of_parts).map_err(|e| from_datafusion(e.into()))
        };
        let states = (0..self.states.len()).map(column).collect::<Result<Vec<_>>>()?;
        let of: Vec<usize> = parts.iter().flat_map(|(_, of)| of.iter().copied()).collect();
        scratch.merge_batch(&states, &of, groups).map_err(from_datafusion)?;
        Ok(scratch)
    }
}

/// The state that the rows of one epoch add.
pub(crate) struct PartialState {
    scratch: Box<dyn GroupsAccumulator>,
    states: Vec<DataType>,
    groups: usize,
}

impl PartialState {
    /// Adds rows; `of` is the group of each row.
    pub(crate) fn update(
        &mut self,
        arguments: &[ArrayRef],
        filter: Option<&BooleanArray>,
        of: &[usize],
        groups: usize,
    ) -> Result<()> {
        self.groups = self.groups.max(groups);
        self.scratch.update_batch(arguments, of, filter, groups).map_err(from_datafusion)
    }

    /// Returns the state, one row per group.
    pub(crate) fn finish(self) -> Result<Vec<ArrayRef>> {
        state_of(self.scratch, &self.states, self.groups)
    }
}

/// Returns the state of an accumulator. Without groups an accumulator is not asked: some of DataFusion's return no
/// columns then, and those of the least and greatest struct panic.
fn state_of(
    mut scratch: Box<dyn GroupsAccumulator>,
    types: &[DataType],
    groups: usize,
) -> Result<Vec<ArrayRef>> {
    if groups == 0 {
        return Ok(types.iter().map(new_empty_array).collect());
    }
    scratch.state(EmitTo::All).map_err(from_datafusion)
}
