//! Computes decimal arithmetic with Spark's result types.
//!
//! Arrow's kernels add, subtract and multiply where the exact result has the scale of Spark's type and fits into it.
//! Otherwise, and for all divisions, the exact result is computed in 256 bits and rounded half away from zero to the
//! result's scale.

use super::arithmetic::{Arithmetic, Tries};
use crate::cast::{exceeds, pow10};
use crate::errors::{decimal_out_of_range, divide_by_zero, overflow, remainder_by_zero};
use crate::kernel::{Batch, Run};
use arrow::array::{Array, ArrayRef, AsArray, Datum};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, i256};
use thalweg_common::{Error, Result};
use thalweg_values::display::write_decimal;
use thalweg_values::types::sql_name;

/// A checked kernel of Arrow.
type Checked = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ::arrow::error::ArrowError>;

/// Returns the kernel of an operator and its name. Kernels are compared by name, so each operator needs its own.
pub(super) fn run_of(op: Arithmetic) -> (&'static str, Run) {
    match op {
        Arithmetic::Add => ("decimal_add", |b| run(b, Arithmetic::Add)),
        Arithmetic::Subtract => ("decimal_subtract", |b| run(b, Arithmetic::Subtract)),
        Arithmetic::Multiply => ("decimal_multiply", |b| run(b, Arithmetic::Multiply)),
        Arithmetic::Divide => ("decimal_divide", |b| run(b, Arithmetic::Divide)),
        Arithmetic::Remainder => ("decimal_remainder", |b| run(b, Arithmetic::Remainder)),
        Arithmetic::Pmod => ("decimal_pmod", |b| run(b, Arithmetic::Pmod)),
        Arithmetic::IntegralDivide => ("decimal_integral_divide", |b| integral_divide(b)),
    }
}

fn digits(t: &DataType) -> Result<(u8, i8)> {
    match t {
        DataType::Decimal128(p, s) => Ok((*p, *s)),
        other => {
            let other = sql_name(other);
            Err(Error::internal(format!(
                "an operand of decimals has the type {other}, which binding does not allow"
            )))
        }
    }
}

/// Computes an operator on two columns of decimals, at the scale of the result type. A result that does not fit
/// is an error, or null for functions that try.
fn run(b: &Batch, op: Arithmetic) -> Result<ArrayRef> {
    let (_, s1) = digits(&b.type_of(0)?)?;
    let (_, s2) = digits(&b.type_of(1)?)?;
    let (p, s) = b.returned_digits()?;
    // Spark reduces the scale of results that would need more than 38 digits. Arrow keeps it or fails.
    let kernel = match op {
        Arithmetic::Add => Some(numeric::add as Checked).filter(|_| s == s1.max(s2)),
        Arithmetic::Subtract => Some(numeric::sub as Checked).filter(|_| s == s1.max(s2)),
        Arithmetic::Multiply => {
            Some(numeric::mul as Checked).filter(|_| i16::from(s) == i16::from(s1) + i16::from(s2))
        }
        Arithmetic::Divide | Arithmetic::Remainder | Arithmetic::Pmod | Arithmetic::IntegralDivide => None,
    };
    if let Some(kernel) = kernel
        && let Ok(done) = kernel(b.datum(0)?.as_ref(), b.datum(1)?.as_ref())
        && done.data_type() == b.returns
        // With fewer than 38 digits the operands' precisions bound the result. Arrow's check at 38 is that of
        // 128 bits.
        && (p < 38 || within(&done, p))
    {
        return Ok(done);
    }
    let scales = Scales { left: s1, right: s2, result: s };
    let (left, right) = (b.prims::<Decimal128Type>(0)?, b.prims::<Decimal128Type>(1)?);
    let Tries(tries) = *b.params()?;
    b.build::<Decimal128Type>(|row| {
        let (Some(l), Some(r)) = (left.get(row), right.get(row)) else { return Ok(None) };
        let made = match apply(op, l, r, scales) {
            Ok(v) => v,
            Err(_) if tries => return Ok(None),
            Err(error) => return Err(error),
        };
        match made.to_i128().filter(|v| !exceeds(*v, p)) {
            Some(v) => Ok(Some(v)),
            None if tries => Ok(None),
            None => Err(out_of_range(made, p, s)),
        }
    })
}

/// Returns whether every value has at most `p` digits. 128 bits hold some numbers of 39 digits.
fn within(array: &ArrayRef, p: u8) -> bool {
    let values = array.as_primitive::<Decimal128Type>().values();
    values.iter().all(|v| !exceeds(*v, p))
}

#[derive(Clone, Copy)]
struct Scales {
    left: i8,
    right: i8,
    result: i8,
}

/// Computes one value in 256 bits, at the scale of the result.
///
/// A sum cannot overflow: 128 bits times 10^38 (127 bits) have 255 bits with the sign. Nor can the product of 2 × 128
/// bits.
fn apply(op: Arithmetic, l: i128, r: i128, scales: Scales) -> Result<i256> {
    let common = scales.left.max(scales.right);
    let wide = |v: i128, from: i8| times(i256::from_i128(v), common - from);
    match op {
        Arithmetic::Add => {
            Ok(round(wide(l, scales.left)?.wrapping_add(wide(r, scales.right)?), common - scales.result))
        }
        Arithmetic::Subtract => {
            Ok(round(wide(l, scales.left)?.wrapping_sub(wide(r, scales.right)?), common - scales.result))
        }
        Arithmetic::Multiply => {
            let product = i256::from_i128(l).wrapping_mul(i256::from_i128(r));
            Ok(round(product, scales.left + scales.right - scales.result))
        }
        Arithmetic::Divide if r == 0 => Err(divide_by_zero()),
        Arithmetic::Divide => {
            // The dividend is scaled up first, so that the integral quotient has the scale of the result.
            // This may overflow for operands of 38 digits, which Spark reports too.
            let shift = scales.result + scales.right - scales.left;
            divide_half_up(times(i256::from_i128(l), shift)?, i256::from_i128(r))
        }
        // `integral_divide` has a kernel of its own.
        Arithmetic::Remainder | Arithmetic::Pmod | Arithmetic::IntegralDivide if r == 0 => {
            Err(remainder_by_zero())
        }
        Arithmetic::Remainder | Arithmetic::Pmod | Arithmetic::IntegralDivide => {
            let (l, r) = (wide(l, scales.left)?, wide(r, scales.right)?);
            let rest = remainder(l, r)?;
            // `pmod` adds the divisor once; for a negative divisor the result stays negative, as in Spark.
            let positive = op == Arithmetic::Pmod && rest < i256::ZERO;
            let rest = if positive { remainder(rest.wrapping_add(r), r)? } else { rest };
            Ok(round(rest, common - scales.result))
        }
    }
}

fn remainder(l: i256, r: i256) -> Result<i256> {
    l.checked_rem(r).ok_or_else(remainder_by_zero)
}

/// Multiplies a value by 10^shift. With Spark's result types the shift is never negative.
fn times(value: i256, shift: i8) -> Result<i256> {
    value.checked_mul(power(shift)).ok_or_else(|| overflow("Decimal overflow", None))
}

/// Returns 10^shift. Two factors, because `pow10` is limited to 128 bits.
fn power(shift: i8) -> i256 {
    let wide = |s: i8| i256::from_i128(pow10(s.clamp(0, 38)));
    wide(shift.min(38)).wrapping_mul(wide(shift.saturating_sub(38)))
}

/// Divides a value by 10^drop and rounds half away from zero.
fn round(value: i256, drop: i8) -> i256 {
    if drop <= 0 { value } else { divide_half_up(value, power(drop)).unwrap_or(value) }
}

/// Divides and rounds half away from zero.
fn divide_half_up(value: i256, by: i256) -> Result<i256> {
    let quotient = value.checked_div(by).ok_or_else(divide_by_zero)?;
    let rest = value.checked_rem(by).ok_or_else(divide_by_zero)?;
    let magnitude = |v: i256| if v < i256::ZERO { v.wrapping_neg() } else { v };
    // `2 * |rest| >= |by|`, written so that nothing overflows. For a divisor of ±1 it holds with a rest of 0,
    // hence the second condition below.
    let up = magnitude(rest) >= magnitude(by).wrapping_sub(magnitude(rest));
    let away = if (value < i256::ZERO) == (by < i256::ZERO) { i256::ONE } else { i256::MINUS_ONE };
    Ok(if up && rest != i256::ZERO { quotient.wrapping_add(away) } else { quotient })
}

/// Returns Spark's error for a result that needs too many digits.
fn out_of_range(value: i256, p: u8, s: i8) -> Error {
    let text = match value.to_i128() {
        Some(v) => {
            let mut text = String::new();
            write_decimal(&mut text, v, s);
            text
        }
        // More than 38 digits: only an error shows them, so scientific notation is enough.
        None => format!("{value}E-{s}"),
    };
    decimal_out_of_range(&text, p, s)
}

/// Computes `div` of decimals, whose result is a BIGINT.
fn integral_divide(b: &Batch) -> Result<ArrayRef> {
    let (_, s1) = digits(&b.type_of(0)?)?;
    let (_, s2) = digits(&b.type_of(1)?)?;
    let (left, right) = (b.prims::<Decimal128Type>(0)?, b.prims::<Decimal128Type>(1)?);
    let common = s1.max(s2);
    b.build::<Int64Type>(|row| {
        let (Some(l), Some(r)) = (left.get(row), right.get(row)) else { return Ok(None) };
        let l = times(i256::from_i128(l), common - s1)?;
        let r = times(i256::from_i128(r), common - s2)?;
        let quotient = l.checked_div(r).ok_or_else(divide_by_zero)?;
        let fits = quotient.to_i128().and_then(|q| i64::try_from(q).ok());
        fits.map(Some).ok_or_else(|| overflow("Overflow in integral divide", Some("try_divide")))
    })
}
