//! Computes SUM and AVG of integers, decimals and intervals exactly, with an error if the result does not fit.
//!
//! Sums are kept in 128 bits. Only sums of decimals of about 38 digits can exceed these, so for all others only the
//! final result can overflow and the order of the rows does not matter. A sum beyond 128 bits is an error, or null
//! for `try_sum` and `try_avg`; in a state it is a null beside a count that is not 0.

use crate::cast::{exceeds, pow10};
use crate::errors::{decimal_out_of_range, external, interval_overflow, overflow};
use crate::types::{decimal_bounded, is_interval};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, DurationMicrosecondArray, Int64Array,
    IntervalYearMonthArray, ListArray, PrimitiveArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, DecimalType, DurationMicrosecondType, Field, FieldRef,
    Int64Type, IntervalYearMonthType, i256,
};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use std::collections::HashSet;
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_values::types::exact_digits;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CheckedKind {
    Sum,
    Average,
}

/// One function, from one type of input to one type of result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Checked {
    kind: CheckedKind,
    input: DataType,
    returns: DataType,
    tries: bool,
    signature: Signature,
}

/// Creates SUM of a BIGINT, a decimal or an interval, and returns it with the type of its result.
pub(super) fn sum(input: DataType, tries: bool) -> thalweg_common::Result<(Arc<AggregateUDF>, DataType)> {
    let returns = match &input {
        // Spark's rule: ten more digits, for up to 10^10 rows.
        DataType::Decimal128(p, s) => decimal_bounded(i32::from(*p) + 10, i32::from(*s)),
        other => other.clone(),
    };
    make(CheckedKind::Sum, input, returns, tries)
}

/// Creates AVG of a decimal or an interval, and returns it with the type of its result: for decimals four more digits
/// after the point, as in Spark.
pub(super) fn average(input: DataType, tries: bool) -> thalweg_common::Result<(Arc<AggregateUDF>, DataType)> {
    if is_interval(&input) {
        return make(CheckedKind::Average, input.clone(), input, tries);
    }
    let (p, s) = exact_digits(&input).ok_or_else(|| {
        Error::internal(
            "the average of numbers that are neither decimals nor intervals was bound to the sum of decimals",
        )
    })?;
    make(CheckedKind::Average, input, decimal_bounded(p + 4, s + 4), tries)
}

fn make(
    kind: CheckedKind,
    input: DataType,
    returns: DataType,
    tries: bool,
) -> thalweg_common::Result<(Arc<AggregateUDF>, DataType)> {
    let signature = Signature::user_defined(Volatility::Immutable);
    let made = Checked { kind, input, returns: returns.clone(), tries, signature };
    Ok((Arc::new(AggregateUDF::new_from_impl(made)), returns))
}

impl AggregateUDFImpl for Checked {
    fn name(&self) -> &str {
        match (self.kind, self.tries) {
            (CheckedKind::Sum, false) => "sum",
            (CheckedKind::Sum, true) => "try_sum",
            (CheckedKind::Average, false) => "avg",
            (CheckedKind::Average, true) => "try_avg",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let total = Total::of(self);
        Ok(match args.is_distinct {
            true => Box::new(Distinct { total, seen: HashSet::new() }),
            false => Box::new(total),
        })
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = |n: &str| format_state_name(args.name, n);
        if args.is_distinct {
            let item = Field::new("element", self.state_type(), true);
            return Ok(vec![Arc::new(Field::new_list(name("distinct"), item, true))]);
        }
        Ok(vec![
            Arc::new(Field::new(name("sum"), self.state_type(), true)),
            Arc::new(Field::new(name("count"), DataType::Int64, true)),
        ])
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        // The sets of DISTINCT need an accumulator for each group.
        !args.is_distinct
    }
    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Totals { of: self.clone(), sums: Vec::new(), counts: Vec::new(), lost: Vec::new() }))
    }
    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }
}

impl Checked {
    fn scale(&self) -> i8 {
        match self.input {
            DataType::Decimal128(_, s) => s,
            _ => 0,
        }
    }
    /// The type of a sum in a state. Its 38 digits are only nominal: all 128 bits are used.
    fn state_type(&self) -> DataType {
        DataType::Decimal128(38, self.scale())
    }
    /// Returns Spark's error for a sum or average that does not fit its type.
    fn too_large(&self, sum: i256) -> DataFusionError {
        // The error suggests the function that returns null instead.
        let function = if self.kind == CheckedKind::Sum { "try_sum" } else { "try_avg" };
        external(match &self.returns {
            DataType::Decimal128(p, s) => {
                let value = Decimal256Type::format_decimal(sum, MOST_DIGITS, self.scale());
                decimal_out_of_range(&value, *p, *s)
            }
            t if is_interval(t) => interval_overflow("try_add"),
            _ => overflow("long overflow", Some(function)),
        })
    }
    /// Adds a value to a sum. `None` is a sum beyond 128 bits, which is an error unless the function tries.
    fn added(&self, sum: i128, value: i128) -> Result<Option<i128>> {
        match sum.checked_add(value) {
            Some(sum) => Ok(Some(sum)),
            None if self.tries => Ok(None),
            None => Err(self.too_large(i256::from_i128(sum).wrapping_add(i256::from_i128(value)))),
        }
    }
    /// Returns whether a sum is a value of the type.
    fn holds(t: &DataType, sum: i128) -> bool {
        match t {
            DataType::Decimal128(p, _) => !exceeds(sum, *p),
            DataType::Interval(_) => i32::try_from(sum).is_ok(),
            _ => i64::try_from(sum).is_ok(),
        }
    }
    /// Returns the result of a group; `None` is null. A group without values is null even if it lost a sum.
    fn result(&self, sum: Option<i128>, count: i64) -> Result<Option<i128>> {
        let sum = match sum {
            _ if count == 0 => return Ok(None),
            None if self.tries => return Ok(None),
            None => return Err(self.too_large(i256::MAX)),
            Some(sum) => sum,
        };
        let made = match (self.kind, &self.returns) {
            (CheckedKind::Sum, t) => Some(sum).filter(|v| Self::holds(t, *v)),
            (CheckedKind::Average, DataType::Decimal128(p, s)) => {
                quotient(sum, pow10(s - self.scale()), count).filter(|v| !exceeds(*v, *p))
            }
            // Spark computes an average of intervals from their sum, which must be an interval itself.
            (CheckedKind::Average, t) => quotient(sum, 1, count).filter(|_| Self::holds(t, sum)),
        };
        match made {
            Some(v) => Ok(Some(v)),
            None if self.tries => Ok(None),
            None => Err(self.too_large(i256::from_i128(sum))),
        }
    }
    /// Makes an array of the result type. The values are known to fit.
    fn array(&self, values: Vec<Option<i128>>) -> ArrayRef {
        let longs = || values.iter().map(|v| v.and_then(|v| i64::try_from(v).ok()));
        match &self.returns {
            DataType::Int64 => Arc::new(longs().collect::<Int64Array>()),
            DataType::Duration(_) => Arc::new(longs().collect::<DurationMicrosecondArray>()),
            DataType::Interval(_) => {
                let months = values.iter().map(|v| v.and_then(|v| i32::try_from(v).ok()));
                Arc::new(months.collect::<IntervalYearMonthArray>())
            }
            t => Arc::new(values.into_iter().collect::<Decimal128Array>().with_data_type(t.clone())),
        }
    }
}

/// The digits of a 256-bit number, with which an error shows a sum.
const MOST_DIGITS: u8 = 76;

/// Computes `sum * unit / count`, rounded half away from zero; `None` if that needs more than 128 bits.
fn quotient(sum: i128, unit: i128, count: i64) -> Option<i128> {
    let by = i256::from_i128(i128::from(count));
    // `unit` is at most 10^4, so the product of 128 and 14 bits cannot wrap.
    let product = i256::from_i128(sum).wrapping_mul(i256::from_i128(unit));
    let (q, rest) = (product.checked_div(by)?, product.checked_rem(by)?);
    let magnitude = if rest < i256::ZERO { rest.wrapping_neg() } else { rest };
    let away = if product < i256::ZERO { i256::MINUS_ONE } else { i256::ONE };
    // `2 * magnitude >= by`, written so that nothing is doubled.
    let up = magnitude >= by.wrapping_sub(magnitude);
    if up { q.wrapping_add(away).to_i128() } else { q.to_i128() }
}

fn downcast<T: arrow::datatypes::ArrowPrimitiveType>(
    values: &[ArrayRef],
    i: usize,
) -> Result<&PrimitiveArray<T>> {
    let array = values.get(i).and_then(|a| a.as_primitive_opt::<T>());
    array.ok_or_else(|| {
        external(Error::internal("the argument of a sum has another type than the one that it was bound to"))
    })
}

/// Calls `f` with each row and value of an input column that is not null, widened to 128 bits.
fn each(values: &[ArrayRef], mut f: impl FnMut(usize, i128) -> Result<()>) -> Result<()> {
    match values.first().map(|a| a.data_type()) {
        Some(DataType::Int64) => each_of(downcast::<Int64Type>(values, 0)?, f),
        Some(DataType::Duration(_)) => each_of(downcast::<DurationMicrosecondType>(values, 0)?, f),
        Some(DataType::Interval(_)) => each_of(downcast::<IntervalYearMonthType>(values, 0)?, f),
        _ => each_of(downcast::<Decimal128Type>(values, 0)?, &mut f),
    }
}

/// Calls `f` with each row and value that is not null.
fn each_of<T: arrow::datatypes::ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    mut f: impl FnMut(usize, i128) -> Result<()>,
) -> Result<()>
where
    i128: From<T::Native>,
{
    for row in 0..array.len() {
        if array.is_valid(row) {
            f(row, i128::from(array.value(row)))?;
        }
    }
    Ok(())
}

/// The running sum of one group. It has 256 bits, so that a sum may exceed 128 bits and come back when rows leave a
/// window frame.
#[derive(Debug)]
struct Total {
    of: Checked,
    sum: i256,
    count: i64,
    /// Set if a merged state was beyond 128 bits.
    lost: bool,
}

impl Total {
    fn of(checked: &Checked) -> Self {
        Self { of: checked.clone(), sum: i256::ZERO, count: 0, lost: false }
    }
    fn add(&mut self, value: i128, count: i64) {
        // 2^128 rows would be needed to wrap 256 bits.
        self.sum = self.sum.wrapping_add(i256::from_i128(value));
        self.count += count;
    }
    /// Returns the sum if it fits into 128 bits, and `None` or an error otherwise.
    fn narrow(&self) -> Result<Option<i128>> {
        match self.sum.to_i128().filter(|_| !self.lost) {
            None if !self.of.tries => Err(self.of.too_large(self.sum)),
            sum => Ok(sum),
        }
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(values, |_, v| {
            self.add(v, 1);
            Ok(())
        })
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (sums, counts) = (downcast::<Decimal128Type>(states, 0)?, downcast::<Int64Type>(states, 1)?);
        for row in 0..sums.len() {
            if counts.is_valid(row) && counts.value(row) > 0 {
                // A null sum beside a count is a lost one; a group without rows has the count 0.
                self.lost |= sums.is_null(row);
                self.add(sums.value(row), counts.value(row));
            }
        }
        Ok(())
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = ScalarValue::Decimal128(self.narrow()?, 38, self.of.scale());
        Ok(vec![sum, ScalarValue::Int64(Some(self.count))])
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let made = self.of.result(self.narrow()?, self.count)?;
        ScalarValue::try_from_array(&self.of.array(vec![made]), 0)
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(values, |_, v| {
            // The negation cannot overflow: no input has all of the 128 bits.
            self.add(-v, -1);
            Ok(())
        })
    }
    fn supports_retract_batch(&self) -> bool {
        true
    }
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sum of the distinct values of one group. The state is the set of them: two partitions may have seen the same
/// one.
#[derive(Debug)]
struct Distinct {
    total: Total,
    seen: HashSet<i128>,
}

impl Distinct {
    fn insert_all(&mut self, values: &[ArrayRef]) -> Result<()> {
        each(values, |_, v| {
            self.seen.insert(v);
            Ok(())
        })
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.insert_all(values)
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first().and_then(|a| a.as_list_opt::<i32>()) else {
            return Err(external(Error::internal(
                "the state of a distinct sum is not an array, which state_fields declares",
            )));
        };
        lists.iter().flatten().try_for_each(|values| self.insert_all(&[values]))
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Decimal128Array = self.seen.iter().copied().map(Some).collect();
        let values = values.with_data_type(self.total.of.state_type());
        let field = Arc::new(Field::new("element", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        Ok(vec![ScalarValue::List(Arc::new(ListArray::try_new(field, offsets, Arc::new(values), None)?))])
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = Total::of(&self.total.of);
        self.seen.iter().for_each(|v| total.add(*v, 1));
        total.evaluate()
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<i128>()
    }
}

/// The running sums of many groups, as columns.
struct Totals {
    of: Checked,
    sums: Vec<i128>,
    counts: Vec<i64>,
    /// Set for groups whose sum is beyond 128 bits, which only functions that try allow.
    lost: Vec<bool>,
}

impl Totals {
    /// Adds a value, or a sum that is beyond 128 bits.
    fn add(&mut self, group: usize, value: Option<i128>, count: i64) -> Result<()> {
        let (sum, of_all) = (self.sums.get_mut(group), self.counts.get_mut(group));
        let (Some(sum), Some(of_all), Some(lost)) = (sum, of_all, self.lost.get_mut(group)) else {
            return Ok(());
        };
        match value.map(|v| self.of.added(*sum, v)).transpose()?.flatten() {
            Some(added) => *sum = added,
            None => *lost = true,
        }
        *of_all += count;
        Ok(())
    }
    /// Adds groups with the sum 0.
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
        self.lost.resize(groups, false);
    }
    /// Takes the sums and counts of the groups to emit. A sum beyond 128 bits is `None`.
    fn taken(&mut self, emit_to: EmitTo) -> (Vec<Option<i128>>, Vec<i64>) {
        let (sums, lost) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.lost));
        let sums = sums.into_iter().zip(lost).map(|(sum, lost)| (!lost).then_some(sum)).collect();
        (sums, emit_to.take_needed(&mut self.counts))
    }
}

/// Returns whether the FILTER of the aggregate keeps a row; a null condition does not.
fn kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|f| f.is_valid(row) && f.value(row))
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        each(values, |row, v| match group_indices.get(row) {
            Some(group) if kept(opt_filter, row) => self.add(*group, Some(v), 1),
            _ => Ok(()),
        })
    }
    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let (sums, counts) = (downcast::<Decimal128Type>(values, 0)?, downcast::<Int64Type>(values, 1)?);
        for (row, group) in group_indices.iter().enumerate() {
            if counts.is_valid(row) && counts.value(row) > 0 {
                self.add(*group, sums.is_valid(row).then(|| sums.value(row)), counts.value(row))?;
            }
        }
        Ok(())
    }
    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.taken(emit_to);
        let made =
            sums.into_iter().zip(counts).map(|(s, n)| self.of.result(s, n)).collect::<Result<Vec<_>>>()?;
        Ok(self.of.array(made))
    }
    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.taken(emit_to);
        let sums = Decimal128Array::from(sums).with_data_type(self.of.state_type());
        Ok(vec![Arc::new(sums), Arc::new(Int64Array::from(counts))])
    }
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        // DataFusion calls this to skip partial aggregation when nearly every row is a group of its own: each
        // row becomes the state of a group with one value, or with none (count 0) for nulls and filtered
        // rows.
        let rows = values.first().map_or(0, |a| a.len());
        let (mut sums, mut counts) = (vec![0i128; rows], vec![0i64; rows]);
        each(values, |row, v| {
            if let (true, Some(s), Some(n)) = (kept(opt_filter, row), sums.get_mut(row), counts.get_mut(row))
            {
                (*s, *n) = (v, 1);
            }
            Ok(())
        })?;
        let sums = Decimal128Array::from(sums).with_data_type(self.of.state_type());
        Ok(vec![Arc::new(sums), Arc::new(Int64Array::from(counts))])
    }
    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>()
            + self.counts.capacity() * size_of::<i64>()
            + self.lost.capacity()
    }
}
