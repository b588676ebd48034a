//! Computes `min` and `max` of floating-point numbers in Spark's order: NaN is the greatest number, and the two zeros
//! are equal, so that the one which comes first is the answer.
//!
//! DataFusion's aggregates have another order. The state is the number, which both widths hold as a double.

use super::Aggregate;
use super::min_max_by::{self, Extreme};
use crate::binding::BoundAggregate;
use crate::errors::unexpected_type;
use crate::operators::key::holds_float;
use crate::types::is_float;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::sync::Arc;
use thalweg_common::Result;

/// Binds `min` or `max`. What holds arrays or floating-point numbers is compared by its keys.
pub(super) fn bind(mut a: Aggregate, which: Extreme) -> Result<BoundAggregate> {
    let t = a.type_of(0);
    if matches!(t, DataType::Map(..)) {
        return Err(unexpected_type(a.name, 0, "ORDERED", &t));
    }
    // DataFusion does not compare arrays of structs, also inside of structs, and keeps the first value then.
    if holds_list(&t) || (!is_float(&t) && holds_float(&t)) {
        return min_max_by::of_itself(a, which);
    }
    if !is_float(&t) {
        let udaf = match which {
            Extreme::Min => min_udaf(),
            Extreme::Max => max_udaf(),
        };
        return Ok(a.of(udaf, t, true));
    }
    // DISTINCT does not change the result.
    a.call.distinct = false;
    let signature = Signature::user_defined(Volatility::Immutable);
    let udaf = FloatExtreme { which, data_type: t.clone(), signature };
    Ok(a.of(Arc::new(AggregateUDF::new_from_impl(udaf)), t, true))
}

/// Returns whether values of a type are or contain arrays.
fn holds_list(t: &DataType) -> bool {
    match t {
        DataType::List(_) => true,
        DataType::Struct(fields) => fields.iter().any(|f| holds_list(f.data_type())),
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FloatExtreme {
    which: Extreme,
    data_type: DataType,
    signature: Signature,
}

impl FloatExtreme {
    /// Keeps the number that is nearer to the end of the order, or the one that came first.
    fn keep(&self, held: &mut Option<f64>, new: f64) {
        let replaces = |held: f64| match self.which {
            Extreme::Min => is_less(new, held),
            Extreme::Max => is_less(held, new),
        };
        if held.is_none_or(replaces) {
            *held = Some(new);
        }
    }

    fn scalar(&self, held: Option<f64>) -> ScalarValue {
        match self.data_type {
            DataType::Float32 => ScalarValue::Float32(held.map(|v| v as f32)),
            _ => ScalarValue::Float64(held),
        }
    }

    fn array(&self, held: Vec<Option<f64>>) -> ArrayRef {
        match self.data_type {
            DataType::Float32 => {
                Arc::new(held.into_iter().map(|v| v.map(|v| v as f32)).collect::<Float32Array>())
            }
            _ => Arc::new(Float64Array::from(held)),
        }
    }
}

/// Compares in Spark's order.
fn is_less(left: f64, right: f64) -> bool {
    left < right || (right.is_nan() && !left.is_nan())
}

/// Returns the numbers as doubles, which hold every float.
fn doubles(values: &[ArrayRef]) -> DfResult<Float64Array> {
    match values.first() {
        Some(values) => Ok(cast(values, &DataType::Float64)?.as_primitive::<Float64Type>().clone()),
        None => Ok(Float64Array::new_null(0)),
    }
}

impl AggregateUDFImpl for FloatExtreme {
    fn name(&self) -> &str {
        match self.which {
            Extreme::Min => "min",
            Extreme::Max => "max",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(self.data_type.clone())
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    fn accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        Ok(Box::new(One { of: self.clone(), held: None }))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        let name = format_state_name(args.name, "value");
        Ok(vec![Arc::new(Field::new(name, self.data_type.clone(), true))])
    }
    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }
    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> DfResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Many { of: self.clone(), held: Vec::new() }))
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The number of one group.
#[derive(Debug)]
struct One {
    of: FloatExtreme,
    held: Option<f64>,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let values = doubles(values)?;
        values.iter().flatten().for_each(|v| self.of.keep(&mut self.held, v));
        Ok(())
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }
    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(self.of.scalar(self.held))
    }
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The numbers of many groups, as a column.
struct Many {
    of: FloatExtreme,
    held: Vec<Option<f64>>,
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.held.resize(total_num_groups, None);
        let values = kept(&doubles(values)?, opt_filter);
        for (value, group) in values.into_iter().zip(group_indices) {
            if let (Some(value), Some(held)) = (value, self.held.get_mut(*group)) {
                self.of.keep(held, value);
            }
        }
        Ok(())
    }
    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }
    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        Ok(self.of.array(emit_to.take_needed(&mut self.held)))
    }
    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DfResult<Vec<ArrayRef>> {
        Ok(vec![self.of.array(kept(&doubles(values)?, opt_filter))])
    }
    fn size(&self) -> usize {
        self.held.capacity() * size_of::<Option<f64>>()
    }
}

/// Returns the values of the rows that the FILTER of the aggregate keeps; a null condition does not keep a row.
fn kept(values: &Float64Array, filter: Option<&BooleanArray>) -> Vec<Option<f64>> {
    let keeps = |row: usize| filter.is_none_or(|f| f.is_valid(row) && f.value(row));
    values.iter().enumerate().map(|(row, v)| v.filter(|_| keeps(row))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(which: Extreme, data_type: DataType) -> FloatExtreme {
        FloatExtreme { which, data_type, signature: Signature::user_defined(Volatility::Immutable) }
    }

    #[test]
    fn the_first_of_two_zeros_stays_and_nan_is_the_greatest() {
        let cases = [
            (vec![Some(0.0), Some(-0.0)], Some(0.0), Some(0.0)),
            (vec![Some(-0.0), None, Some(0.0)], Some(-0.0), Some(-0.0)),
            (
                vec![Some(f64::NAN), Some(1.0), Some(f64::NEG_INFINITY)],
                Some(f64::NEG_INFINITY),
                Some(f64::NAN),
            ),
            (vec![None], None, None),
        ];
        let bits = |v: Option<f64>| v.map(f64::to_bits);
        for (values, least, greatest) in cases {
            for (which, wanted) in [(Extreme::Min, least), (Extreme::Max, greatest)] {
                let column: ArrayRef = Arc::new(Float64Array::from(values.clone()));
                let mut one = One { of: of(which, DataType::Float64), held: None };
                one.update_batch(&[Arc::clone(&column)]).unwrap();
                assert_eq!(bits(one.held), bits(wanted), "{values:?}");
                let mut many = Many { of: of(which, DataType::Float64), held: Vec::new() };
                many.update_batch(&[column], &vec![1; values.len()], None, 2).unwrap();
                let made = many.evaluate(EmitTo::All).unwrap();
                let made: Vec<_> = made.as_primitive::<Float64Type>().iter().map(bits).collect();
                assert_eq!(made, [None, bits(wanted)], "{values:?}");
            }
        }
    }

    #[test]
    fn floats_stay_floats_and_a_filter_leaves_rows_out() {
        let mut many = Many { of: of(Extreme::Max, DataType::Float32), held: Vec::new() };
        let column: ArrayRef = Arc::new(Float32Array::from(vec![1.5, 2.5, 3.5]));
        let filter = BooleanArray::from(vec![Some(true), Some(false), None]);
        let state = many.convert_to_state(&[column], Some(&filter)).unwrap();
        many.merge_batch(&state, &[0, 0, 0], 1).unwrap();
        assert_eq!(
            many.evaluate(EmitTo::All).unwrap().as_ref(),
            &Float32Array::from(vec![1.5]) as &dyn Array
        );
    }
}
