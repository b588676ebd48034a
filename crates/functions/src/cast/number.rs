//! Casts between numbers and booleans.
//!
//! Integers are widened to 64 bits and floats to doubles first, which is exact, so that there is one loop for each
//! pair of kinds and not for each pair of types. Decimals round half away from zero (Spark's HALF_UP).

use super::Rules;
use crate::errors::{cannot_cast, cast_overflow, decimal_out_of_range};
use crate::kernel::arrow;
use crate::types::{is_float, is_integral};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, PrimitiveBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::display::{Printer, Style, Width, write_decimal, write_float};
use thalweg_values::number::decimal;

/// Casts between numbers and booleans.
pub(super) fn cast_number(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Boolean => {
            let small = arrow(arrow::compute::cast(array, &DataType::Int8))?;
            super::cast_array(&small, to, rules)
        }
        from if is_integral(from) => {
            let wide = arrow(arrow::compute::cast(array, &DataType::Int64))?;
            from_integral(array, wide.as_primitive::<Int64Type>(), to, rules)
        }
        from if is_float(from) => {
            let wide = arrow(arrow::compute::cast(array, &DataType::Float64))?;
            from_double(array, wide.as_primitive::<Float64Type>(), to, rules)
        }
        DataType::Decimal128(_, scale) => {
            from_decimal(array.as_primitive::<Decimal128Type>(), *scale, to, rules)
        }
        from => Err(cannot_cast(from, to)),
    }
}

/// Maps each value. Where `image` is `None` the value of `original`, which errors show in its own type, does not fit.
fn map<S: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    original: &dyn Array,
    values: &PrimitiveArray<S>,
    to: &DataType,
    rules: Rules,
    image: impl Fn(S::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(values.len());
    for row in 0..values.len() {
        let made = match values.is_valid(row) {
            false => None,
            true => match image(values.value(row)) {
                Some(v) => Some(v),
                None => rules.misfit(|| misfit(original, row, to))?,
            },
        };
        builder.append_option(made);
    }
    Ok(Arc::new(builder.finish().with_data_type(to.clone())))
}

/// Returns the error for the value of a row, which is shown as a SQL literal.
fn misfit(original: &dyn Array, row: usize, to: &DataType) -> thalweg_common::Error {
    let text = Printer::new(Style::Cast, "UTC").print(original, row);
    match to {
        DataType::Decimal128(p, s) => decimal_out_of_range(&text, *p, *s),
        _ => cast_overflow(&literal(&text, original.data_type()), original.data_type(), to),
    }
}

/// Appends the suffix with which SQL writes a literal of the type, as Spark's errors do.
pub(crate) fn literal(text: &str, data_type: &DataType) -> String {
    let suffix = match data_type {
        DataType::Int8 => "T",
        DataType::Int16 => "S",
        DataType::Int64 => "L",
        DataType::Float64 => "D",
        DataType::Decimal128(..) => "BD",
        _ => "",
    };
    format!("{text}{suffix}")
}

/// Casts integers, widened to 64 bits.
fn from_integral(
    original: &ArrayRef,
    v: &PrimitiveArray<Int64Type>,
    to: &DataType,
    rules: Rules,
) -> Result<ArrayRef> {
    match to {
        DataType::Boolean => Ok(Arc::new(BooleanArray::from_unary(v, |x| x != 0))),
        DataType::Int8 => map::<_, Int8Type>(original, v, to, rules, |x| i8::try_from(x).ok()),
        DataType::Int16 => map::<_, Int16Type>(original, v, to, rules, |x| i16::try_from(x).ok()),
        DataType::Int32 => map::<_, Int32Type>(original, v, to, rules, |x| i32::try_from(x).ok()),
        DataType::Int64 => map::<_, Int64Type>(original, v, to, rules, Some),
        DataType::Float32 => map::<_, Float32Type>(original, v, to, rules, |x| Some(x as f32)),
        DataType::Float64 => map::<_, Float64Type>(original, v, to, rules, |x| Some(x as f64)),
        DataType::Decimal128(p, s) => {
            map::<_, Decimal128Type>(original, v, to, rules, |x| rescale(i128::from(x), 0, *p, *s))
        }
        _ => Err(cannot_cast(original.data_type(), to)),
    }
}

/// Casts floating-point numbers, widened to doubles. Digits after the point are truncated for integers.
fn from_double(
    original: &ArrayRef,
    v: &PrimitiveArray<Float64Type>,
    to: &DataType,
    rules: Rules,
) -> Result<ArrayRef> {
    match to {
        DataType::Boolean => Ok(Arc::new(BooleanArray::from_unary(v, |x| x != 0.0))),
        DataType::Int8 => {
            map::<_, Int8Type>(original, v, to, rules, |x| to_integral(x).and_then(|x| x.try_into().ok()))
        }
        DataType::Int16 => {
            map::<_, Int16Type>(original, v, to, rules, |x| to_integral(x).and_then(|x| x.try_into().ok()))
        }
        DataType::Int32 => {
            map::<_, Int32Type>(original, v, to, rules, |x| to_integral(x).and_then(|x| x.try_into().ok()))
        }
        DataType::Int64 => map::<_, Int64Type>(original, v, to, rules, to_integral),
        DataType::Float32 => map::<_, Float32Type>(original, v, to, rules, |x| Some(x as f32)),
        DataType::Float64 => map::<_, Float64Type>(original, v, to, rules, Some),
        DataType::Decimal128(p, s) => {
            // Spark returns null for NaN and infinity, in ANSI mode too.
            let finite = v.unary_opt::<_, Float64Type>(|x| x.is_finite().then_some(x));
            map::<_, Decimal128Type>(original, &finite, to, rules, |x| {
                // Through the shortest text that identifies the number, as Spark does: 0.1 is 0.1, not the binary
                // fraction. Spark widens a FLOAT first, so its text is that of the double: 3.3f is 3.299999952316284.
                let mut text = String::new();
                write_float(&mut text, x, Width::Double);
                decimal(&text, *p, *s)
            })
        }
        _ => Err(cannot_cast(original.data_type(), to)),
    }
}

/// Truncates a double toward zero; `None` for NaN and for what 64 bits cannot hold.
pub(super) fn to_integral(x: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    // Spark compares with `Long.MaxValue` as a double, which is 2^63: that passes and saturates. NaN fails both
    // comparisons.
    (x.floor() <= LIMIT && x.ceil() >= -LIMIT).then_some(x as i64)
}

/// Casts decimals. Digits after the point are truncated for integers and rounded for other scales.
fn from_decimal(
    v: &PrimitiveArray<Decimal128Type>,
    scale: i8,
    to: &DataType,
    rules: Rules,
) -> Result<ArrayRef> {
    // Divided with truncation, as Java's `BigDecimal.longValue` does: 2.9 becomes 2.
    let unit = pow10(scale);
    match to {
        DataType::Boolean => Ok(Arc::new(BooleanArray::from_unary(v, |x| x != 0))),
        DataType::Int8 => map::<_, Int8Type>(v, v, to, rules, |x| i8::try_from(x / unit).ok()),
        DataType::Int16 => map::<_, Int16Type>(v, v, to, rules, |x| i16::try_from(x / unit).ok()),
        DataType::Int32 => map::<_, Int32Type>(v, v, to, rules, |x| i32::try_from(x / unit).ok()),
        DataType::Int64 => map::<_, Int64Type>(v, v, to, rules, |x| i64::try_from(x / unit).ok()),
        DataType::Float32 => {
            map::<_, Float32Type>(v, v, to, rules, |x| Some(decimal_to_double(x, scale) as f32))
        }
        DataType::Float64 => map::<_, Float64Type>(v, v, to, rules, |x| Some(decimal_to_double(x, scale))),
        DataType::Decimal128(p, s) => {
            map::<_, Decimal128Type>(v, v, to, rules, |x| rescale(x, scale, *p, *s))
        }
        _ => Err(cannot_cast(v.data_type(), to)),
    }
}

/// Returns the double nearest to a decimal.
pub(crate) fn decimal_to_double(value: i128, scale: i8) -> f64 {
    const EXACT: u128 = 1 << 53;
    // Up to 2^53 and 10^22 both operands are exact doubles, so the quotient is rounded once. Anything else is parsed
    // from text, which is slower and also correctly rounded.
    if value.unsigned_abs() < EXACT && (0..=22).contains(&scale) {
        return value as f64 / 10f64.powi(i32::from(scale));
    }
    let mut text = String::new();
    write_decimal(&mut text, value, scale);
    text.parse().unwrap_or(f64::NAN)
}

/// Returns 10 to the power of a scale from 0 to 38.
pub(crate) fn pow10(scale: i8) -> i128 {
    10i128.checked_pow(u32::try_from(scale).unwrap_or(0)).unwrap_or(i128::MAX)
}

/// Returns whether a value has more digits than a precision.
pub(crate) fn exceeds(value: i128, precision: u8) -> bool {
    let limit = 10u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    value.unsigned_abs() >= limit
}

/// Converts a decimal of scale `from` to DECIMAL(p, s), rounded half away from zero; `None` if it does not fit.
pub(crate) fn rescale(value: i128, from: i8, p: u8, s: i8) -> Option<i128> {
    let made = match s.cmp(&from) {
        std::cmp::Ordering::Equal => value,
        std::cmp::Ordering::Greater => value.checked_mul(pow10(s - from))?,
        std::cmp::Ordering::Less => divide_half_up(value, pow10(from - s)),
    };
    (!exceeds(made, p)).then_some(made)
}

/// Divides by a positive number and rounds half away from zero.
pub(crate) fn divide_half_up(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    let up = rest.unsigned_abs() >= by.unsigned_abs().div_ceil(2);
    quotient + if up { value.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn half_goes_away_from_zero() {
        let cases = [
            (5, 10, 1),
            (-5, 10, -1),
            (4, 10, 0),
            (15, 10, 2),
            (-14, 10, -1),
            (1, 1, 1),
            (1, 3, 0),
            (2, 3, 1),
        ];
        for (value, by, expect) in cases {
            assert_eq!(divide_half_up(value, by), expect, "{value}/{by}");
        }
    }
}
