//! Values as text, the way Spark's CSV and JSON writers print them.
//!
//! One printer per column, chosen once by its type; a cell is appended to a buffer without a
//! string in between. Which type a format can print is said before the first row.

use super::Zone;
use super::pattern::Pattern;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};
use std::fmt::Write;

const US_PER_DAY: i64 = 86_400_000_000;
const US_PER_SECOND: i64 = 1_000_000;

/// How values are printed.
#[derive(Debug, Clone)]
pub(crate) struct PrintRules {
    pub zone: Zone,
    pub date: Pattern,
    pub timestamp: Pattern,
    pub timestamp_ntz: Pattern,
}

/// Whether values of that type have a text here.
pub(crate) fn can_print(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Boolean
            | T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::Float32
            | T::Float64
            | T::Decimal128(..)
            | T::Utf8
            | T::Date32
            | T::Timestamp(TimeUnit::Microsecond, _)
    )
}

/// Appends the text of a value that is not null; none if it has no text.
pub(crate) fn print(column: &ArrayRef, row: usize, rules: &PrintRules, out: &mut String) -> Option<()> {
    match column.data_type() {
        DataType::Utf8 => out.push_str(column.as_string::<i32>().value(row)),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row), out),
        DataType::Boolean => write!(out, "{}", column.as_boolean().value(row)).ok()?,
        DataType::Int8 => write!(out, "{}", column.as_primitive::<Int8Type>().value(row)).ok()?,
        DataType::Int16 => write!(out, "{}", column.as_primitive::<Int16Type>().value(row)).ok()?,
        DataType::Int32 => write!(out, "{}", column.as_primitive::<Int32Type>().value(row)).ok()?,
        DataType::Int64 => write!(out, "{}", column.as_primitive::<Int64Type>().value(row)).ok()?,
        DataType::Float32 | DataType::Float64 => print_float(column, row, out)?,
        DataType::Decimal128(_, scale) => {
            decimal(column.as_primitive::<Decimal128Type>().value(row), *scale, out);
        }
        DataType::Date32 => {
            let days = i64::from(column.as_primitive::<Date32Type>().value(row));
            rules.date.format(days.checked_mul(US_PER_DAY)?, 0, out)?;
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let instant = column.as_primitive::<TimestampMicrosecondType>().value(row);
            let offset = rules.zone.offset_seconds_at(instant)?;
            rules.timestamp.format(instant.checked_add(i64::from(offset) * US_PER_SECOND)?, offset, out)?;
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let wall_clock = column.as_primitive::<TimestampMicrosecondType>().value(row);
            rules.timestamp_ntz.format(wall_clock, 0, out)?;
        }
        _ => return None,
    }
    Some(())
}

/// Appends the text of a float that is not null; none for other types.
pub(crate) fn print_float(column: &ArrayRef, row: usize, out: &mut String) -> Option<()> {
    match column.data_type() {
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            float(f64::from(value), &value.to_string(), &format!("{value:e}"), out);
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            float(value, &value.to_string(), &format!("{value:e}"), out);
        }
        _ => return None,
    }
    Some(())
}

/// Bytes as Spark shows them: `[01 0A]`.
fn bytes(value: &[u8], out: &mut String) {
    out.push('[');
    for (index, byte) in value.iter().enumerate() {
        out.push_str(if index > 0 { " " } else { "" });
        out.push_str(&format!("{byte:02X}"));
    }
    out.push(']');
}

/// A double as Java prints it: `1.0`, `1.0E7`, `NaN`.
fn float(value: f64, plain: &str, scientific: &str, out: &mut String) {
    let size = value.abs();
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        out.push_str(plain);
        if !plain.contains('.') {
            out.push_str(".0");
        }
    } else {
        // Java gives the smallest number of all two digits.
        let scientific = match scientific.trim_start_matches('-') {
            "5e-324" => scientific.replace("5e", "4.9e"),
            "1e-45" => scientific.replace("1e", "1.4e"),
            _ => scientific.to_owned(),
        };
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        out.push_str(mantissa);
        out.push_str(if mantissa.contains('.') { "E" } else { ".0E" });
        out.push_str(exponent);
    }
}

fn decimal(unscaled: i128, scale: i8, out: &mut String) {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if unscaled < 0 {
        out.push('-');
    }
    out.push_str(whole);
    if scale > 0 {
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_and_decimals_print_as_in_java() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e7, "1.0E7"),
            (1.5e-4, "1.5E-4"),
            (-0.0, "-0.0"),
            (f64::NAN, "NaN"),
            (123_456.789, "123456.789"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, wanted) in cases {
            let mut out = String::new();
            float(value, &value.to_string(), &format!("{value:e}"), &mut out);
            assert_eq!(out, wanted);
        }
        for (unscaled, scale, wanted) in [(125, 2, "1.25"), (-5, 2, "-0.05"), (7, 0, "7")] {
            let mut out = String::new();
            decimal(unscaled, scale, &mut out);
            assert_eq!(out, wanted);
        }
    }
}
