//! Computes percentiles, modes and higher moments from all values of a group.
//!
//! `percentile_approx` returns an element of the group as in Spark, and here always the exact one, which is as near as
//! any accuracy asks for.

use super::Aggregate;
use super::collect::{Collecting, Finish, as_list};
use crate::binding::BoundAggregate;
use crate::coerce::constant_of;
use crate::errors::{
    bad_value, from_arrow, from_datafusion, not_constant, unexpected_null, unexpected_type,
    value_out_of_range,
};
use crate::params::KernelParams;
use crate::types::{array_with, is_datetime, is_integral, is_interval, is_numeric, is_string};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt64Array, new_null_array};
use arrow::compute::{SortOptions, sort, take};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use std::collections::HashMap;
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// Binds an aggregate over the values of the first argument; the others are parameters.
fn bound(mut a: Aggregate, collecting: Collecting) -> Result<BoundAggregate> {
    a.args.truncate(1);
    a.as_key(0);
    let returns = collecting.returns.clone();
    Ok(a.of(collecting.udaf(), returns, true))
}

/// Casts the first argument to DOUBLE.
fn as_double(a: &mut Aggregate) -> Result<()> {
    let t = a.type_of(0);
    if !is_numeric(&t) && !is_string(&t) && t != DataType::Null {
        return Err(unexpected_type(a.name, 0, "NUMERIC", &t));
    }
    a.coerce(0, &DataType::Float64)
}

/// Binds `skewness`: null without rows and where all values are equal.
pub(super) fn skewness(mut a: Aggregate) -> Result<BoundAggregate> {
    as_double(&mut a)?;
    bound(a, Collecting::new("skewness", DataType::Float64, DataType::Float64, |v, _| moment(v, 3)))
}

/// Binds `kurtosis`: the excess over the kurtosis of the normal distribution; null like `skewness`.
pub(super) fn kurtosis(mut a: Aggregate) -> Result<BoundAggregate> {
    as_double(&mut a)?;
    bound(a, Collecting::new("kurtosis", DataType::Float64, DataType::Float64, |v, _| moment(v, 4)))
}

/// Computes the standardized moment of order 3, `√n · m3 / m2^1.5`, or of order 4, `n · m4 / m2² − 3`, where `mk` is
/// the sum of the k-th powers of the deviations from the mean.
fn moment(values: &ArrayRef, order: i32) -> Result<ArrayRef> {
    let values = values.as_primitive::<Float64Type>();
    let n = values.len() as f64;
    let mean = values.values().iter().sum::<f64>() / n;
    let central = |k: i32| values.values().iter().map(|v| (v - mean).powi(k)).sum::<f64>();
    let second = central(2);
    let made = match (values.is_empty(), second == 0.0, order) {
        (true, ..) => None,
        // Equal values: Spark returns null where it would divide by zero.
        (_, true, _) => None,
        (_, _, 3) => Some(n.sqrt() * central(3) / second.powf(1.5)),
        _ => Some(n * central(4) / (second * second) - 3.0),
    };
    Ok(Arc::new(Float64Array::from(vec![made])))
}

/// Binds `median`: the percentile of 0.5.
pub(super) fn median(mut a: Aggregate) -> Result<BoundAggregate> {
    as_double(&mut a)?;
    let mut collecting = Collecting::new("median", DataType::Float64, DataType::Float64, interpolated);
    let bits = vec![0.5_f64.to_bits()];
    collecting.params = KernelParams::new(Fractions { bits, descending: false });
    bound(a, collecting)
}

/// The fractions of a percentile, and the order of the values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Fractions {
    /// The bits of numbers from 0 to 1: parameters must be hashable, which `f64` is not.
    bits: Vec<u64>,
    descending: bool,
}

/// Set if `mode` returns the least of the most frequent values, and not the first one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LeastMode(bool);

/// Returns the fractions of a constant argument as bits, and whether they were an array.
fn fractions(a: &Aggregate) -> Result<(Vec<u64>, bool)> {
    let value = a.args.get(1).and_then(constant_of);
    let refused = || not_constant(a.name, "percentage", "DOUBLE");
    let (array, many) = match &value {
        None => return Err(refused()),
        Some(ScalarValue::List(list)) => (list.value(0), true),
        Some(one) => (one.to_array().map_err(from_datafusion)?, false),
    };
    let numbers = arrow::compute::cast(&array, &DataType::Float64).map_err(|_| refused())?;
    let numbers = numbers.as_primitive::<Float64Type>();
    let mut bits = Vec::new();
    for f in numbers {
        match f {
            Some(f) if (0.0..=1.0).contains(&f) => bits.push(f.to_bits()),
            other => {
                return Err(bad_value(a.name, "percentage", "a value in [0.0, 1.0]", &format!("{other:?}")));
            }
        }
    }
    Ok((bits, many))
}

/// Returns the fractions of the parameters.
fn each_fraction(of: &Collecting) -> Result<Vec<f64>> {
    let Fractions { bits, .. } = of.params.get()?;
    Ok(bits.iter().map(|bits| f64::from_bits(*bits)).collect())
}

/// Binds `percentile(x, p [, frequency])`, which interpolates linearly between neighbours.
pub(super) fn percentile(mut a: Aggregate) -> Result<BoundAggregate> {
    as_double(&mut a)?;
    let (bits, many) = fractions(&a)?;
    check_frequency(&a)?;
    let returns = if many { array_with(DataType::Float64, false) } else { DataType::Float64 };
    let mut collecting = Collecting::new("percentile", DataType::Float64, returns, interpolated);
    collecting.params = KernelParams::new(Fractions { bits, descending: false });
    bound(a, collecting)
}

/// Refuses a frequency other than the constant 1, which counts each value once. PySpark always passes it.
fn check_frequency(a: &Aggregate) -> Result<()> {
    let Some(arg) = a.args.get(2) else { return Ok(()) };
    if !is_integral(&arg.data_type) {
        return Err(unexpected_type(a.name, 2, "INTEGRAL", &arg.data_type));
    }
    let one = ScalarValue::Int64(Some(1));
    match constant_of(arg).map(|value| value.cast_to(&DataType::Int64)) {
        Some(Ok(value)) if value == one => Ok(()),
        _ => Err(Error::unsupported(format!("{} with a frequency other than 1", a.name))),
    }
}

/// How a percentile over an order is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Percentile {
    /// Between two values if the fraction lies between them.
    Continuous,
    /// Always one of the values.
    Discrete,
}

/// Binds `percentile_cont(p)` and `percentile_disc(p)`. The resolver passes the value that the group is ordered by,
/// the fraction, and whether the order is descending.
pub(super) fn within_group(mut a: Aggregate, percentile: Percentile) -> Result<BoundAggregate> {
    let falls = a.args.get(2).and_then(|x| x.literal()) == Some(&ScalarValue::Boolean(Some(true)));
    as_double(&mut a)?;
    let (bits, many) = fractions(&a)?;
    let returns = if many { array_with(DataType::Float64, false) } else { DataType::Float64 };
    let (name, finish): (_, Finish) = match percentile {
        Percentile::Continuous => ("percentile_cont", interpolated),
        Percentile::Discrete => ("percentile_disc", element),
    };
    let mut collecting = Collecting::new(name, DataType::Float64, returns, finish);
    collecting.params = KernelParams::new(Fractions { bits, descending: falls });
    bound(a, collecting)
}

/// Sorts the values in the order of the call.
fn ordered(values: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    let descending = of.params.get::<Fractions>()?.descending;
    sort(values, Some(SortOptions { descending, ..SortOptions::default() })).map_err(from_arrow)
}

fn sorted(values: &ArrayRef) -> Result<ArrayRef> {
    sort(values, Some(SortOptions::default())).map_err(from_arrow)
}

/// Makes one list of the values if the fractions were an array.
fn one_or_list(values: ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    match &of.returns {
        DataType::List(_) => as_list(&values, of),
        _ => Ok(values),
    }
}

/// Computes percentiles by linear interpolation; null without values.
fn interpolated(values: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(new_null_array(&of.returns, 1));
    }
    let sorted = ordered(values, of)?;
    let v = sorted.as_primitive::<Float64Type>().values();
    let at = |f: f64| -> f64 {
        // The fraction 0 is the first value and 1 the last one. The array is not empty, so nothing
        // underflows.
        let place = f * (v.len() - 1) as f64;
        let (low, high) = (place.floor(), place.ceil());
        let value = |p: f64| v.get(p as usize).copied().unwrap_or(f64::NAN);
        // Equal neighbours are not interpolated, as in Spark: the weighted sum may differ in the last digit, and of
        // infinities it would be NaN.
        if low == high || value(low) == value(high) {
            return value(low);
        }
        (high - place) * value(low) + (place - low) * value(high)
    };
    let made: Float64Array = each_fraction(of)?.into_iter().map(|f| Some(at(f))).collect();
    one_or_list(Arc::new(made), of)
}

/// Binds `percentile_approx(x, p [, accuracy])`: the least element such that at least a fraction `p` of all values
/// does not exceed it.
pub(super) fn percentile_approx(mut a: Aggregate) -> Result<BoundAggregate> {
    let mut t = a.type_of(0);
    if is_string(&t) || t == DataType::Null {
        t = DataType::Float64;
        a.coerce(0, &t)?;
    }
    if !is_numeric(&t) && !is_datetime(&t) && !is_interval(&t) {
        return Err(unexpected_type(a.name, 0, "NUMERIC", &t));
    }
    let (bits, many) = fractions(&a)?;
    check_accuracy(&a)?;
    let returns = if many { array_with(t.clone(), false) } else { t.clone() };
    let mut collecting = Collecting::new("percentile_approx", t, returns, element);
    collecting.params = KernelParams::new(Fractions { bits, descending: false });
    bound(a, collecting)
}

/// Refuses an accuracy that Spark refuses: the third argument is a constant whole number from 1 to the largest INT.
fn check_accuracy(a: &Aggregate) -> Result<()> {
    let Some(arg) = a.args.get(2) else { return Ok(()) };
    if !is_integral(&arg.data_type) && arg.data_type != DataType::Null {
        return Err(unexpected_type(a.name, 2, "INTEGRAL", &arg.data_type));
    }
    let refused = || not_constant(a.name, "accuracy", "BIGINT");
    let value = constant_of(arg).ok_or_else(refused)?;
    match value.cast_to(&DataType::Int64).map_err(from_datafusion)? {
        ScalarValue::Int64(None) => Err(unexpected_null(a.name, "accuracy")),
        ScalarValue::Int64(Some(n)) if !(1..=i64::from(i32::MAX)).contains(&n) => {
            Err(value_out_of_range(a.name, "accuracy", "(0, 2147483647]", &format!("{n}L")))
        }
        ScalarValue::Int64(Some(_)) => Ok(()),
        _ => Err(refused()),
    }
}

/// Computes discrete percentiles, which are elements of the group; null without values.
fn element(values: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(new_null_array(&of.returns, 1));
    }
    let sorted = ordered(values, of)?;
    let n = sorted.len();
    // The rank of the element, counted from 1; the fraction 0 also means the first one.
    let place = |f: f64| ((f * n as f64).ceil() as usize).clamp(1, n) as u64 - 1;
    let places: UInt64Array = each_fraction(of)?.into_iter().map(|f| Some(place(f))).collect();
    one_or_list(take(&sorted, &places, None).map_err(from_arrow)?, of)
}

/// Binds `mode(x [, deterministic])`: the most frequent value; of several the least one, or the first that arrived.
pub(super) fn mode(a: Aggregate) -> Result<BoundAggregate> {
    let t = a.type_of(0);
    if matches!(t, DataType::Map(..)) {
        return Err(unexpected_type(a.name, 0, "ORDERED", &t));
    }
    let least = match a.args.get(1).map(|x| x.literal()) {
        None | Some(Some(ScalarValue::Boolean(Some(false)))) => false,
        Some(Some(ScalarValue::Boolean(Some(true)))) => true,
        _ => return Err(not_constant(a.name, "deterministic", "BOOLEAN")),
    };
    let mut collecting = Collecting::new("mode", t.clone(), t, most_frequent);
    collecting.params = KernelParams::new(LeastMode(least));
    bound(a, collecting)
}

/// Computes the mode; null without values.
fn most_frequent(values: &ArrayRef, of: &Collecting) -> Result<ArrayRef> {
    let LeastMode(least) = of.params.get()?;
    // Among sorted values the first of the most frequent ones is the least.
    let values = if *least { sorted(values)? } else { Arc::clone(values) };
    let converter =
        RowConverter::new(vec![SortField::new(values.data_type().clone())]).map_err(from_arrow)?;
    let rows = converter.convert_columns(&[Arc::clone(&values)]).map_err(from_arrow)?;
    let mut counts: HashMap<_, (u64, usize)> = HashMap::new();
    for i in 0..values.len() {
        counts.entry(rows.row(i)).or_insert((0, i)).0 += 1;
    }
    let best = counts.values().max_by_key(|(n, first)| (*n, std::cmp::Reverse(*first)));
    match best {
        None => Ok(new_null_array(&of.returns, 1)),
        Some((_, first)) => Ok(values.slice(*first, 1)),
    }
}
