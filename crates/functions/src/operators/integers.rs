//! Computes arithmetic of integers and floating-point numbers, negation and absolute value.
//!
//! Arrow's checked kernels run first. Only if one fails, the rows are computed one by one, to find the row that the
//! error shows, or to put a null there.

use super::arithmetic::{Arithmetic, Tries};
use crate::errors::{divide_by_zero, overflow, remainder_by_zero, small_overflow};
use crate::kernel::{Batch, Run, arrow};
use ::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Datum, PrimitiveArray, PrimitiveBuilder};
use ::arrow::compute::kernels::numeric;
use ::arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalYearMonthType,
};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::display::{Printer, Style};
use thalweg_values::types::sql_name;

/// A checked kernel of Arrow.
type Checked = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ::arrow::error::ArrowError>;

/// Returns the kernel of an operator and its name. Kernels are compared by name, so each operator needs its own.
pub(super) fn run_of(op: Arithmetic) -> (&'static str, Run) {
    match op {
        Arithmetic::Add => ("add", |b| run(b, Arithmetic::Add)),
        Arithmetic::Subtract => ("subtract", |b| run(b, Arithmetic::Subtract)),
        Arithmetic::Multiply => ("multiply", |b| run(b, Arithmetic::Multiply)),
        Arithmetic::Divide => ("divide", |b| run(b, Arithmetic::Divide)),
        Arithmetic::Remainder => ("remainder", |b| run(b, Arithmetic::Remainder)),
        Arithmetic::Pmod => ("pmod", |b| run(b, Arithmetic::Pmod)),
        Arithmetic::IntegralDivide => ("integral_divide", |b| run(b, Arithmetic::IntegralDivide)),
    }
}

/// Computes an operator on two columns of one type.
fn run(b: &Batch, op: Arithmetic) -> Result<ArrayRef> {
    let checked = match op {
        Arithmetic::Add => Some(numeric::add as Checked),
        Arithmetic::Subtract => Some(numeric::sub as Checked),
        Arithmetic::Multiply => Some(numeric::mul as Checked),
        Arithmetic::Divide | Arithmetic::Remainder | Arithmetic::Pmod | Arithmetic::IntegralDivide => None,
    };
    if let Some(kernel) = checked
        && let Ok(done) = kernel(b.datum(0)?.as_ref(), b.datum(1)?.as_ref())
    {
        return Ok(full(done, b.rows));
    }
    match b.type_of(0)? {
        DataType::Int8 => rows::<Int8Type>(b, op),
        DataType::Int16 => rows::<Int16Type>(b, op),
        DataType::Int32 => rows::<Int32Type>(b, op),
        DataType::Int64 => rows::<Int64Type>(b, op),
        DataType::Float32 => rows::<Float32Type>(b, op),
        DataType::Float64 => rows::<Float64Type>(b, op),
        other => {
            let (symbol, other) = (op.symbol(), sql_name(&other));
            Err(Error::internal(format!(
                "the operands of {symbol} have the type {other}, which binding does not allow"
            )))
        }
    }
}

/// Returns the result as it is: two constants give one row, and the batch has one row then too.
fn full(array: ArrayRef, rows: usize) -> ArrayRef {
    debug_assert_eq!(array.len(), rows);
    array
}

/// The reason why a row has no result.
enum Fault {
    Overflow,
    Zero,
}

/// Computes row by row, for operators without a kernel in Arrow and to find the row that fails.
fn rows<T: ArrowPrimitiveType>(b: &Batch, op: Arithmetic) -> Result<ArrayRef>
where
    T::Native: ArrowNativeTypeOp,
{
    let (left, right) = (b.prims::<T>(0)?, b.prims::<T>(1)?);
    let Tries(tries) = *b.params()?;
    let mut builder = PrimitiveBuilder::<T>::with_capacity(b.rows);
    for row in 0..b.rows {
        let (Some(l), Some(r)) = (left.get(row), right.get(row)) else {
            builder.append_null();
            continue;
        };
        match apply(op, l, r) {
            Ok(v) => builder.append_value(v),
            Err(_) if tries => builder.append_null(),
            Err(Fault::Zero) if matches!(op, Arithmetic::Remainder | Arithmetic::Pmod) => {
                return Err(remainder_by_zero());
            }
            Err(Fault::Zero) => return Err(divide_by_zero()),
            Err(Fault::Overflow) => return Err(overflow_of::<T>(op, l, r)),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// Computes one value.
fn apply<N: ArrowNativeTypeOp>(op: Arithmetic, l: N, r: N) -> Result<N, Fault> {
    let no_zero = |r: N| if r.is_zero() { Err(Fault::Zero) } else { Ok(()) };
    let minus_one = N::ZERO.sub_wrapping(N::ONE);
    match op {
        Arithmetic::Add => l.add_checked(r).map_err(|_| Fault::Overflow),
        Arithmetic::Subtract => l.sub_checked(r).map_err(|_| Fault::Overflow),
        Arithmetic::Multiply => l.mul_checked(r).map_err(|_| Fault::Overflow),
        Arithmetic::Divide | Arithmetic::IntegralDivide => {
            no_zero(r)?;
            l.div_checked(r).map_err(|_| Fault::Overflow)
        }
        // The least integer % -1 is 0 in Java, but Arrow's remainder reports an overflow for it, since the quotient
        // does not fit.
        Arithmetic::Remainder => {
            no_zero(r)?;
            Ok(if r == minus_one && l.mod_checked(r).is_err() { N::ZERO } else { l.mod_wrapping(r) })
        }
        Arithmetic::Pmod => {
            no_zero(r)?;
            let rest = if r == minus_one && l.mod_checked(r).is_err() { N::ZERO } else { l.mod_wrapping(r) };
            // In Java -0.0 is not less than 0, but in Arrow's total order it is. Adding 0 makes it +0.
            let is_negative = rest.add_wrapping(N::ZERO).is_lt(N::ZERO);
            Ok(if is_negative { rest.add_wrapping(r).mod_wrapping(r) } else { rest })
        }
    }
}

/// Returns Spark's error for an overflow. For TINYINT and SMALLINT it shows the operands.
fn overflow_of<T: ArrowPrimitiveType>(op: Arithmetic, l: T::Native, r: T::Native) -> Error {
    let try_function = match op {
        Arithmetic::Add => "try_add",
        Arithmetic::Subtract => "try_subtract",
        Arithmetic::Multiply => "try_multiply",
        // A division overflows for the least integer divided by -1 only; a remainder does not.
        Arithmetic::Divide | Arithmetic::IntegralDivide | Arithmetic::Remainder | Arithmetic::Pmod => {
            "try_divide"
        }
    };
    match T::DATA_TYPE {
        DataType::Int8 | DataType::Int16 => {
            small_overflow(&format!("{l:?}S"), op.symbol(), &format!("{r:?}S"), try_function)
        }
        DataType::Int64 if op == Arithmetic::IntegralDivide => {
            overflow("Overflow in integral divide", Some(try_function))
        }
        DataType::Int64 => overflow("long overflow", Some(try_function)),
        _ => overflow("integer overflow", Some(try_function)),
    }
}

/// Computes `-x`. Spark raises for the least integer, which has no negative.
pub(super) fn negative(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    numeric::neg(array.as_ref()).map_err(|_| unary_overflow(array.as_ref(), "- "))
}

fn unary_overflow(array: &dyn Array, symbol: &str) -> Error {
    let what = match array.data_type() {
        DataType::Int64 => "long overflow",
        DataType::Int8 | DataType::Int16 => {
            // Spark's error shows the value, which can only be the least one of the type.
            let printer = Printer::new(Style::Cast, "UTC");
            let least =
                (0..array.len()).map(|i| printer.print(array, i)).find(|t| t == "-128" || t == "-32768");
            return overflow(&format!("{symbol}{} caused overflow", least.unwrap_or_default()), None);
        }
        DataType::Duration(_) | DataType::Interval(_) => "interval overflow",
        _ => "integer overflow",
    };
    overflow(what, None)
}

/// Computes `abs(x)`. Floating-point numbers cannot fail and lose the sign of -0.0.
pub(super) fn absolute(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    match array.data_type() {
        DataType::Float32 => {
            Ok(Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::abs)))
        }
        DataType::Float64 => {
            Ok(Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs)))
        }
        DataType::Int8 => magnitude::<Int8Type>(&array),
        DataType::Int16 => magnitude::<Int16Type>(&array),
        DataType::Int32 => magnitude::<Int32Type>(&array),
        DataType::Int64 => magnitude::<Int64Type>(&array),
        DataType::Decimal128(..) => magnitude::<Decimal128Type>(&array),
        DataType::Duration(_) => magnitude::<DurationMicrosecondType>(&array),
        DataType::Interval(_) => magnitude::<IntervalYearMonthType>(&array),
        other => Err(wrong_magnitude(other)),
    }
}

fn wrong_magnitude(t: &DataType) -> Error {
    Error::internal(format!("the argument of abs has the type {}, which binding does not allow", sql_name(t)))
}

fn magnitude<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef>
where
    T::Native: ArrowNativeTypeOp,
{
    let Some(values) = array.as_primitive_opt::<T>() else {
        return Err(wrong_magnitude(array.data_type()));
    };
    let zero = T::Native::ZERO;
    let made: PrimitiveArray<T> =
        arrow(values.try_unary(|v| if v.is_lt(zero) { v.neg_checked() } else { Ok(v) }))
            .map_err(|_| unary_overflow(array.as_ref(), "abs "))?;
    Ok(Arc::new(made.with_data_type(array.data_type().clone())))
}
