//! Computes aggregates that keep all values of a group: `collect_list`, `collect_set` and `listagg`, and holds the
//! base of percentiles and modes.
//!
//! A group's state is the list of its values that are not null. A [`Finish`] computes the result from them. Memory
//! grows with the group.

use super::Aggregate;
use crate::binding::{Arg, BoundAggregate};
use crate::coerce::{as_arg, struct_of};
use crate::errors::{external, from_arrow};
use crate::kernel::{Batch, Kernel, Nulls, still_wanted};
use crate::params::KernelParams;
use crate::types::{array_of, array_with, element_field};
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, StringArray, StructArray, UInt64Array, new_empty_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, concat, filter, is_not_null, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

/// Computes the result, an array of one row, from all values of a group.
pub(super) type Finish = fn(&ArrayRef, &Collecting) -> Result<ArrayRef>;

/// An aggregate over all values of a group. Two of them with one name have the same `finish`, so comparisons ignore
/// that.
#[derive(Clone)]
pub(super) struct Collecting {
    pub name: &'static str,
    pub input: DataType,
    pub returns: DataType,
    pub distinct: bool,
    /// Whether nulls are collected too.
    pub keeps_nulls: bool,
    pub params: KernelParams,
    pub finish: Finish,
    /// The name with the parameters. DataFusion names the column of a call by it, so calls that differ only in
    /// parameters must differ here.
    title: String,
    signature: Signature,
}

impl Collecting {
    pub(super) fn new(name: &'static str, input: DataType, returns: DataType, finish: Finish) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self {
            name,
            input,
            returns,
            distinct: false,
            keeps_nulls: false,
            params: KernelParams::default(),
            finish,
            title: name.to_owned(),
            signature,
        }
    }
    pub(super) fn udaf(mut self) -> Arc<AggregateUDF> {
        if self.params != KernelParams::default() {
            self.title = format!("{} {:?}", self.name, self.params);
        }
        if self.keeps_nulls {
            self.title.push_str(" with nulls");
        }
        Arc::new(AggregateUDF::new_from_impl(self))
    }
}

impl fmt::Debug for Collecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collecting({} -> {} {:?})", self.name, self.returns, self.params)
    }
}

impl PartialEq for Collecting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.input == other.input
            && self.returns == other.returns
            && self.distinct == other.distinct
            && self.keeps_nulls == other.keeps_nulls
            && self.params == other.params
    }
}

impl Eq for Collecting {}

impl Hash for Collecting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.input.hash(state);
        self.params.hash(state);
    }
}

impl AggregateUDFImpl for Collecting {
    fn name(&self) -> &str {
        &self.title
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(self.returns.clone())
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    fn accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        let mut of = self.clone();
        // DISTINCT is applied when all values are there, since partial states may share values.
        of.distinct |= args.is_distinct;
        Ok(Box::new(Values { of, parts: Vec::new() }))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        let name = format_state_name(args.name, "values");
        Ok(vec![Arc::new(Field::new(name, array_of(self.input.clone()), true))])
    }
    fn default_value(&self, _data_type: &DataType) -> DfResult<ScalarValue> {
        // DataFusion asks for this where a group has no rows, for example in an unnested scalar subquery.
        let made = (self.finish)(&new_empty_array(&self.input), self).map_err(external)?;
        ScalarValue::try_from_array(&made, 0)
    }
}

#[derive(Debug)]
struct Values {
    of: Collecting,
    parts: Vec<ArrayRef>,
}

impl Values {
    /// Keeps the values that are not null, or all of them.
    fn push(&mut self, values: &ArrayRef) -> DfResult<()> {
        // Even without nulls: the copy holds only its own rows, not the batch that they came from.
        let kept = match self.of.keeps_nulls {
            true => concat(&[values.as_ref(), new_empty_array(&self.of.input).as_ref()])?,
            false => filter(values, &is_not_null(values)?)?,
        };
        if !kept.is_empty() {
            self.parts.push(kept);
        }
        Ok(())
    }
    /// Concatenates the values kept so far, without duplicates if the aggregate is distinct.
    fn all(&mut self) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(|a| a.as_ref()).collect();
        let all = if parts.is_empty() {
            new_empty_array(&self.of.input)
        } else {
            concat(&parts).map_err(from_arrow)?
        };
        let all = if self.of.distinct { distinct(&all)? } else { all };
        // Window frames evaluate after each row; what is concatenated once stays so.
        self.parts = vec![Arc::clone(&all)];
        Ok(all)
    }
}

/// Returns the values without duplicates, in the order of their first occurrence.
pub(crate) fn distinct(values: &ArrayRef) -> Result<ArrayRef> {
    let converter =
        RowConverter::new(vec![SortField::new(values.data_type().clone())]).map_err(from_arrow)?;
    let rows = converter.convert_columns(&[Arc::clone(values)]).map_err(from_arrow)?;
    // Rows in Arrow's row format are equal exactly if the values are, for nested types too.
    let mut seen = HashSet::with_capacity(values.len());
    let mut firsts = vec![];
    for i in 0..values.len() {
        still_wanted(i)?;
        if seen.insert(rows.row(i)) {
            firsts.push(i as u64);
        }
    }
    if firsts.len() == values.len() {
        return Ok(Arc::clone(values));
    }
    take(values, &UInt64Array::from(firsts), None).map_err(from_arrow)
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        values.first().map_or(Ok(()), |v| self.push(v))
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let Some(lists) = states.first().and_then(|a| a.as_list_opt::<i32>()) else {
            return Err(external(Error::internal(
                "the state of collected values is not an array, which state_fields declares",
            )));
        };
        lists.iter().flatten().try_for_each(|values| self.push(&values))
    }
    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let all = self.all().map_err(external)?;
        Ok(vec![ScalarValue::List(Arc::new(one_list(all).map_err(external)?))])
    }
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let all = self.all().map_err(external)?;
        let made = (self.of.finish)(&all, &self.of).map_err(external)?;
        ScalarValue::try_from_array(&made, 0)
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.parts.iter().map(|p| p.get_array_memory_size()).sum::<usize>()
    }
}

/// Creates a list array of one row that holds all values.
fn one_list(values: ArrayRef) -> Result<ListArray> {
    let field = element_field(values.data_type().clone());
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    ListArray::try_new(field, offsets, values, None).map_err(from_arrow)
}

/// A [`Finish`] that returns the values as one list.
pub(super) fn as_list(values: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    let DataType::List(field) = &of.returns else {
        return Err(Error::internal("collected values were bound to another type than an array"));
    };
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let made =
        ListArray::try_new(Arc::clone(field), offsets, Arc::clone(values), None).map_err(from_arrow)?;
    Ok(Arc::new(made))
}

/// Binds `collect_list`: the values that are not null, in the order of arrival. The result is never null.
pub(super) fn list(a: Aggregate) -> Result<BoundAggregate> {
    collected(a, "collect_list", false)
}

/// Binds `collect_set`: the distinct values in the order of their first arrival; Spark leaves the order open.
pub(super) fn set(a: Aggregate) -> Result<BoundAggregate> {
    collected(a, "collect_set", true)
}

/// Binds `collect_list` and `collect_set`.
fn collected(mut a: Aggregate, name: &'static str, distinct: bool) -> Result<BoundAggregate> {
    let input = a.type_of(0);
    if distinct && matches!(input, DataType::Map(..)) {
        return Err(crate::errors::unexpected_type(name, 0, "ORDERED", &input));
    }
    // A set has one NaN and one zero, which the key unifies.
    if distinct {
        a.as_key(0);
    }
    let distinct = distinct || a.call.distinct;
    a.call.distinct = false;
    let keeps_nulls = a.call.ignore_nulls.take() == Some(false);
    let nullable = keeps_nulls && a.args.iter().any(|arg| arg.nullable);
    let mut collecting = Collecting::new(name, input.clone(), array_with(input, nullable), as_list);
    (collecting.distinct, collecting.keeps_nulls) = (distinct, keeps_nulls);
    let returns = collecting.returns.clone();
    Ok(a.of(collecting.udaf(), returns, false))
}

/// The delimiter between the texts of `listagg`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Delimiter(String);

/// The delimiter between the texts of `listagg`, and their order.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Joining {
    delimiter: String,
    descending: bool,
    nulls_first: bool,
}

/// Binds `listagg` without an order: in the order of arrival; null without a text.
pub(super) fn joined(mut a: Aggregate, delimiter: &str) -> Result<BoundAggregate> {
    let mut collecting = Collecting::new("listagg", DataType::Utf8, DataType::Utf8, |values, of| {
        let Delimiter(delimiter) = of.params.get()?;
        let texts: Vec<&str> = values.as_string::<i32>().iter().flatten().collect();
        let made = (!texts.is_empty()).then(|| texts.join(delimiter));
        Ok(Arc::new(StringArray::from(vec![made])))
    });
    collecting.distinct = a.call.distinct;
    collecting.params = KernelParams::new(Delimiter(delimiter.into()));
    a.call.distinct = false;
    Ok(a.of(collecting.udaf(), DataType::Utf8, true))
}

/// Binds `listagg(DISTINCT text) WITHIN GROUP (ORDER BY key)`. As Spark demands, the key is the text, or the value
/// that the text is a cast of. Pairs of key and text are collected.
pub(super) fn joined_in_order(mut a: Aggregate, delimiter: &str) -> Result<BoundAggregate> {
    let (orders, types) = (std::mem::take(&mut a.call.order_by), std::mem::take(&mut a.call.order_types));
    let ([order], [key_type], Some(text)) = (orders.as_slice(), types.as_slice(), a.args.pop()) else {
        return Err(mismatched_order(a.name));
    };
    if !is_made_of(&text.expr, &order.expr) {
        return Err(mismatched_order(a.name));
    }
    let key = Arg { expr: order.expr.clone(), data_type: key_type.clone(), nullable: true };
    let fields = [("key", key_type.clone()), ("text", DataType::Utf8)];
    let pair = struct_of(fields.into_iter().map(|(n, t)| Field::new(n, t, true)).collect());
    let make = |b: &Batch| {
        let fields = b.returned_fields()?;
        let columns = vec![b.array(0)?, b.array(1)?];
        // A null text makes the pair null, so that it is skipped like any null.
        let nulls = columns.last().and_then(|text| text.logical_nulls());
        let made = StructArray::try_new(fields.clone(), columns, nulls).map_err(from_arrow)?;
        Ok(Arc::new(made) as ArrayRef)
    };
    let made = Kernel::new("key_and_text", pair.clone(), make).nulls(Nulls::Always).call(vec![key, text]);
    a.args = vec![as_arg(made)];
    let mut collecting = Collecting::new("listagg", pair, DataType::Utf8, join_in_order);
    collecting.distinct = true;
    let (descending, nulls_first) = (!order.asc, order.nulls_first);
    collecting.params = KernelParams::new(Joining { delimiter: delimiter.into(), descending, nulls_first });
    a.call.distinct = false;
    Ok(a.of(collecting.udaf(), DataType::Utf8, true))
}

/// Joins the texts of the pairs in the order of their keys; null without a text.
fn join_in_order(pairs: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    let pairs = pairs.as_struct();
    let Joining { delimiter, descending, nulls_first } = of.params.get()?;
    let options = SortOptions { descending: *descending, nulls_first: *nulls_first };
    let order = sort_to_indices(pairs.column(0), Some(options), None).map_err(from_arrow)?;
    let texts = take(pairs.column(1), &order, None).map_err(from_arrow)?;
    let texts: Vec<&str> = texts.as_string::<i32>().iter().flatten().collect();
    let made = (!texts.is_empty()).then(|| texts.join(delimiter));
    Ok(Arc::new(StringArray::from(vec![made])))
}

/// Returns whether a text is this value or a cast of it.
fn is_made_of(text: &Expr, value: &Expr) -> bool {
    text == value
        || match text {
            Expr::Cast(cast) => cast.expr.as_ref() == value,
            Expr::ScalarFunction(call) if matches!(call.name(), "cast" | "try_cast") => {
                call.args.first() == Some(value)
            }
            _ => false,
        }
}

/// Returns Spark's error for an order that the distinct values do not determine.
fn mismatched_order(function: &str) -> Error {
    let text = format!(
        "Invalid function `{function}` with WITHIN GROUP. The function is invoked with DISTINCT and WITHIN GROUP but \
         expressions in function and in WITHIN GROUP mismatch. The WITHIN GROUP ordering expression must match the \
         function input."
    );
    let class = "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT";
    Error::new(ErrorKind::Analysis, class, "42K0K", text).param("funcName", format!("`{function}`"))
}
