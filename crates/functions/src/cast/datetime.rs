//! Casts between dates, timestamps and numbers.
//!
//! A TIMESTAMP is converted to and from DATE and TIMESTAMP_NTZ in the session's time zone; as a number it counts
//! seconds since 1970-01-01 UTC.

use super::number::{literal, pow10, to_integral};
use super::{Rules, cast_array};
use crate::errors::{cannot_cast, cast_invalid_input, cast_overflow, datetime_overflow};
use crate::kernel::arrow;
use crate::types::is_integral;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float64Type, Int64Type,
    TimestampMicrosecondType,
};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::calendar::{DAY, SECOND};
use thalweg_values::display::double;

/// Casts from or to a date or timestamp, except texts.
pub(super) fn cast_time(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    use DataType::{Date32, Timestamp};
    match (array.data_type(), to) {
        (Date32, Timestamp(_, zone)) => {
            let days = array.as_primitive::<Date32Type>();
            let zoned = zone.is_some();
            try_map::<_, TimestampMicrosecondType>(days, to, |d| {
                let local =
                    // 2^31 days are more microseconds than 64 bits hold.
                    i64::from(d).checked_mul(DAY).ok_or_else(|| datetime_overflow("cast of a date"))?;
                Ok(if zoned { rules.zone.to_utc(local) } else { local })
            })
        }
        (Timestamp(_, zone), Date32) => {
            let zoned = zone.is_some();
            try_map::<_, Date32Type>(times(array), to, |t| {
                // The floor and not the quotient: an instant before 1970 belongs to the day that it is in.
                let local = if zoned { rules.zone.to_local(t) } else { t };
                i32::try_from(local.div_euclid(DAY)).map_err(|_| datetime_overflow("cast of a timestamp"))
            })
        }
        (Timestamp(_, Some(_)), Timestamp(_, None)) => {
            try_map::<_, TimestampMicrosecondType>(times(array), to, |t| Ok(rules.zone.to_local(t)))
        }
        (Timestamp(_, None), Timestamp(_, Some(_))) => {
            try_map::<_, TimestampMicrosecondType>(times(array), to, |t| Ok(rules.zone.to_utc(t)))
        }
        (Timestamp(..), _) => time_to_number(array, to, rules),
        (_, Timestamp(..)) => number_to_time(array, to, rules),
        (from, _) => Err(cannot_cast(from, to)),
    }
}

fn times(array: &ArrayRef) -> &PrimitiveArray<TimestampMicrosecondType> {
    array.as_primitive::<TimestampMicrosecondType>()
}

/// Maps each value that is not null.
fn try_map<S: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    values: &PrimitiveArray<S>,
    to: &DataType,
    image: impl Fn(S::Native) -> Result<T::Native, Error>,
) -> Result<ArrayRef> {
    let made = values.try_unary::<_, T, Error>(image)?;
    Ok(Arc::new(made.with_data_type(to.clone())))
}

/// Casts timestamps to seconds since 1970-01-01 UTC, with a fraction where the type has one.
fn time_to_number(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    let t = times(array);
    match to {
        DataType::Float32 | DataType::Float64 => {
            let seconds: ArrayRef = Arc::new(t.unary::<_, Float64Type>(|t| t as f64 / SECOND as f64));
            cast_array(&seconds, to, rules)
        }
        DataType::Decimal128(..) => {
            // 64-bit microseconds have at most 19 digits, so a DECIMAL(20, 6) holds every one exactly.
            let exact = t.unary::<_, Decimal128Type>(i128::from).with_data_type(DataType::Decimal128(20, 6));
            cast_array(&(Arc::new(exact) as ArrayRef), to, rules)
        }
        to if is_integral(to) => {
            // Spark takes the floor of the seconds too: half a second before 1970 is -1.
            let seconds: ArrayRef = Arc::new(t.unary::<_, Int64Type>(|t| t.div_euclid(SECOND)));
            cast_array(&seconds, to, rules)
        }
        _ => Err(cannot_cast(array.data_type(), to)),
    }
}

/// Casts seconds since 1970-01-01 UTC to timestamps.
fn number_to_time(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    let made = match array.data_type() {
        from if is_integral(from) => {
            let seconds = arrow(arrow::compute::cast(array, &DataType::Int64))?;
            // As Java's `TimeUnit`, which Spark uses, does not overflow.
            let micros = |seconds: i64| seconds.saturating_mul(SECOND);
            seconds.as_primitive::<Int64Type>().unary::<_, TimestampMicrosecondType>(micros)
        }
        DataType::Float32 | DataType::Float64 => {
            let seconds = arrow(arrow::compute::cast(array, &DataType::Float64))?;
            let mut out = Vec::with_capacity(seconds.len());
            for v in seconds.as_primitive::<Float64Type>() {
                out.push(double_to_micros(v, to, rules)?);
            }
            PrimitiveArray::<TimestampMicrosecondType>::from(out)
        }
        DataType::Decimal128(_, s) => {
            let scale = *s;
            let micros = |v: i128| {
                let v = scala_product(v);
                // Spark truncates what is smaller than a microsecond, here and for floating-point numbers, and keeps
                // the lowest 64 bits of the rest, as Java's `BigDecimal.longValue` does.
                match scale {
                    7.. => (v / pow10(scale - 6)) as i64,
                    _ => (v as i64).wrapping_mul(pow10(6 - scale) as i64),
                }
            };
            array.as_primitive::<Decimal128Type>().unary::<_, TimestampMicrosecondType>(micros)
        }
        from => return Err(cannot_cast(from, to)),
    };
    Ok(Arc::new(made.with_data_type(to.clone())))
}

/// Rounds the digits of a decimal as Scala does when it multiplies: half to even, to 34 of them.
fn scala_product(v: i128) -> i128 {
    let digits = v.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    let unit = match i8::try_from(digits.saturating_sub(34)) {
        Ok(0) | Err(_) => return v,
        Ok(dropped) => pow10(dropped),
    };
    let (kept, rest) = (v / unit, (v % unit).abs());
    let up = rest * 2 > unit || (rest * 2 == unit && kept % 2 != 0);
    (kept + if up { v.signum() } else { 0 }) * unit
}

/// Seconds as microseconds. Spark's errors name the type DOUBLE, also for a FLOAT, and the integer that overflows.
fn double_to_micros(seconds: Option<f64>, to: &DataType, rules: Rules) -> Result<Option<i64>> {
    let Some(seconds) = seconds else { return Ok(None) };
    // NaN and infinity have no instant.
    if !seconds.is_finite() {
        return rules.misfit(|| cast_invalid_input(&double(seconds), &DataType::Float64, to));
    }
    let micros = seconds * SECOND as f64;
    match to_integral(micros) {
        Some(micros) => Ok(Some(micros)),
        None => rules.misfit(|| {
            let value = literal(&double(micros), &DataType::Float64);
            cast_overflow(&value, &DataType::Float64, &DataType::Int64)
        }),
    }
}
