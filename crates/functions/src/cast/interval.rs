//! Casts intervals, which depends on the fields of their types: `INTERVAL DAY` is not `INTERVAL DAY TO SECOND`.
//!
//! Arrow has one type for all fields of a kind, so the caller passes the fields, as the numbers of the first and the
//! last one: 0 to 3 for DAY to SECOND, 0 and 1 for YEAR and MONTH.

use crate::binding::{Arg, Bound, CastMode};
use crate::errors::{bad_interval, cannot_cast, overflow};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::types::{DAY_TIME, YEAR_MONTH, is_integral};
use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, DurationMicrosecondType, Int64Type, IntervalYearMonthType};
use thalweg_common::Result;
use thalweg_values::calendar::{DAY, HOUR, MINUTE, SECOND};
use thalweg_values::display::intervals_as_texts;
use thalweg_values::interval::{self, Fields};

/// Microseconds of a field of a day-time interval.
const UNITS: [i64; 4] = [DAY, HOUR, MINUTE, SECOND];

fn fields_of(b: &Batch) -> Result<Fields> {
    b.params().copied()
}

/// Returns the microseconds of a field of a day-time interval.
fn unit(field: u8) -> i64 {
    UNITS.get(usize::from(field)).copied().unwrap_or(SECOND)
}

/// Converts the intervals in a value, which may be nested, to texts such as `INTERVAL '1' DAY`. `fields` are those of
/// its intervals, in the order of a walk over the type.
pub fn intervals_to_texts(arg: Arg, fields: &[Fields]) -> Bound {
    // An empty array has the type of the result, which has texts where the argument's type has intervals.
    let texts = intervals_as_texts(&new_empty_array(&arg.data_type), &mut std::iter::repeat((0, 0)));
    Kernel::new("intervals_to_texts", texts.data_type().clone(), to_texts)
        .params(fields.to_vec())
        .call(vec![arg])
}

fn to_texts(b: &Batch) -> Result<ArrayRef> {
    let fields: &Vec<Fields> = b.params()?;
    Ok(intervals_as_texts(&b.array(0)?, &mut fields.iter().copied()))
}

/// Casts a text to an interval of these fields.
pub fn interval_from_text(arg: Arg, to: &DataType, fields: Fields, mode: CastMode) -> Bound {
    // Kernels are compared by name, so the two modes need two names.
    let (name, run): (_, crate::kernel::Run) = match mode {
        CastMode::Ansi => ("interval_from_text", |b| from_text(b, false)),
        CastMode::Try => ("try_interval_from_text", |b| from_text(b, true)),
    };
    let kernel = Kernel::new(name, to.clone(), run).nulls(Nulls::Always).params(fields);
    kernel.fallible(mode == CastMode::Ansi).call(vec![arg])
}

fn from_text(b: &Batch, tries: bool) -> Result<ArrayRef> {
    let (text, fields) = (b.strings(0)?, fields_of(b)?);
    let months = b.returns == &YEAR_MONTH;
    let read = |s: &str| if months { interval::year_month(s, fields) } else { interval::day_time(s, fields) };
    let value = |i: usize| match text.get(i).map(|s| (s, read(s))) {
        None => Ok(None),
        Some((_, Some(value))) => Ok(Some(value)),
        Some(_) if tries => Ok(None),
        Some((s, None)) => Err(bad_interval(s, b.returns)),
    };
    if months {
        return b.build::<IntervalYearMonthType>(|i| {
            let made = value(i)?.map(i32::try_from).transpose();
            made.map_err(|_| overflow("integer overflow", None))
        });
    }
    b.build::<DurationMicrosecondType>(value)
}

/// Truncates an interval to the last field of its type.
pub fn interval_cut(arg: Arg, (start, end): Fields) -> Bound {
    let data_type = arg.data_type.clone();
    Kernel::new("interval_cut", data_type, cut).params((start, end)).call(vec![arg])
}

/// Truncates each interval toward zero to the unit of its last field.
fn cut(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    if b.returns == &YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        // The remainder has the sign of the value, so intervals are truncated toward zero.
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<IntervalYearMonthType>(|i| Ok(value.get(i).map(|v| v - v % size)));
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    let size = if end == 3 { 1 } else { unit(end) };
    b.build::<DurationMicrosecondType>(|i| Ok(value.get(i).map(|v| v - v % size)))
}

/// Casts an interval of one field to a BIGINT that counts it.
///
/// # Errors
/// Reports an interval of several fields, for which Spark has no such cast.
pub fn interval_to_long(arg: Arg, fields: Fields) -> Result<Bound> {
    if fields.0 != fields.1 {
        return Err(cannot_cast(&arg.data_type, &DataType::Int64));
    }
    Ok(Kernel::new("interval_to_long", DataType::Int64, to_long).params(fields).call(vec![arg]))
}

fn to_long(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    if b.type_of(0)? == YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<Int64Type>(|i| Ok(value.get(i).map(|v| i64::from(v / size))));
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Int64Type>(|i| Ok(value.get(i).map(|v| v / unit(end))))
}

/// Casts an integer to an interval of one field, which it counts.
///
/// # Errors
/// Reports an argument that is not an integer, and an interval of several fields.
pub fn interval_from_long(arg: Arg, to: &DataType, fields: Fields) -> Result<Bound> {
    if !is_integral(&arg.data_type) || (to != &DAY_TIME && to != &YEAR_MONTH) || fields.0 != fields.1 {
        return Err(cannot_cast(&arg.data_type, to));
    }
    let kernel = Kernel::new("interval_from_long", to.clone(), from_long).fallible(true);
    let long = datafusion::logical_expr::Expr::Cast(datafusion::logical_expr::Cast::new(
        Box::new(arg.expr),
        DataType::Int64,
    ));
    Ok(kernel.params(fields).call(vec![Arg { expr: long, data_type: DataType::Int64, ..arg }]))
}

fn from_long(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    let value = b.prims::<Int64Type>(0)?;
    if b.returns == &YEAR_MONTH {
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<IntervalYearMonthType>(|i| {
            let months = |v: i64| v.checked_mul(size).and_then(|m| i32::try_from(m).ok());
            let made = value.get(i).map(|v| months(v).ok_or_else(|| overflow("integer overflow", None)));
            made.transpose()
        });
    }
    b.build::<DurationMicrosecondType>(|i| {
        let made =
            value.get(i).map(|v| v.checked_mul(unit(end)).ok_or_else(|| overflow("long overflow", None)));
        made.transpose()
    })
}
