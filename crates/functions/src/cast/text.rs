//! Casts from and to texts.
//!
//! White space and control characters around a text are removed before it is parsed as a number, a boolean or a time,
//! as Spark's `trimAll` does. The parsers and the printer are those of `thalweg_values`, which files and functions
//! share.

use super::Rules;
use crate::errors::{cannot_cast, cast_invalid_input};
use crate::types::is_datetime;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanBuilder, PrimitiveBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType,
};
use std::str::FromStr;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::display::{Printer, Style};
use thalweg_values::{datetime, number, zone::Zone};

/// Casts any column to texts.
pub(super) fn to_text(array: &ArrayRef, rules: Rules) -> Result<ArrayRef> {
    if let Some(bytes) = array.as_binary_opt::<i32>() {
        return utf8(bytes, rules);
    }
    let printer = Printer::in_zone(Style::Cast, rules.zone);
    // Eight bytes for each text are a guess at short numbers; the builder grows if they are too few.
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        printer.write(&mut text, array.as_ref(), row);
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

/// Casts bytes to the text that they encode. Spark keeps bytes that are not UTF-8 in a STRING; an Arrow string cannot
/// hold them, so they are a value that does not fit.
fn utf8(bytes: &BinaryArray, rules: Rules) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(bytes.len(), bytes.value_data().len());
    for value in bytes.iter() {
        let text = match value {
            None => None,
            Some(v) => match std::str::from_utf8(v) {
                Ok(text) => Some(text),
                Err(_) => {
                    let hex: String = v.iter().map(|b| format!("{b:02X}")).collect();
                    rules.misfit(|| {
                        cast_invalid_input(&format!("X'{hex}'"), &DataType::Binary, &DataType::Utf8)
                    })?
                }
            },
        };
        builder.append_option(text);
    }
    Ok(Arc::new(builder.finish()))
}

/// Casts texts to any other type.
pub(super) fn from_text(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    match to {
        DataType::Binary => {
            let made: BinaryArray = texts.iter().map(|t| t.map(str::as_bytes)).collect();
            Ok(Arc::new(made))
        }
        DataType::Boolean => booleans(texts, rules),
        DataType::Int8 => map::<Int8Type>(texts, to, rules, integer),
        DataType::Int16 => map::<Int16Type>(texts, to, rules, integer),
        DataType::Int32 => map::<Int32Type>(texts, to, rules, integer),
        DataType::Int64 => map::<Int64Type>(texts, to, rules, integer),
        DataType::Float32 => map::<Float32Type>(texts, to, rules, |t| number::cast_float(datetime::trim(t))),
        DataType::Float64 => map::<Float64Type>(texts, to, rules, |t| number::cast_double(datetime::trim(t))),
        DataType::Decimal128(p, s) => decimals(texts, (*p, *s), rules),
        DataType::Date32 => map::<Date32Type>(texts, to, rules, datetime::date),
        t if is_datetime(t) => {
            let zone = matches!(t, DataType::Timestamp(_, Some(_))).then_some(rules.zone);
            map::<TimestampMicrosecondType>(texts, to, rules, |t| match (zone, rules.now_micros) {
                (Some(zone), Some(now)) => datetime::instant_at(t, zone, now),
                (zone, _) => timestamp(t, zone),
            })
        }
        _ => Err(cannot_cast(&DataType::Utf8, to)),
    }
}

/// Parses each text; a malformed one is an error, or null for TRY_CAST.
fn map<T: ArrowPrimitiveType>(
    texts: &StringArray,
    to: &DataType,
    rules: Rules,
    read: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(texts.len());
    for text in texts.iter() {
        let made = match text {
            None => None,
            Some(t) => match read(t) {
                Some(v) => Some(v),
                None => rules.misfit(|| malformed(t, to))?,
            },
        };
        builder.append_option(made);
    }
    Ok(Arc::new(builder.finish().with_data_type(to.clone())))
}

fn malformed(text: &str, to: &DataType) -> Error {
    cast_invalid_input(&format!("'{text}'"), &DataType::Utf8, to)
}

fn integer<T: FromStr>(text: &str) -> Option<T> {
    number::integer(datetime::trim(text))
}

/// Parses a timestamp: an instant if there is a session zone, and otherwise the local time, for which a zone in the
/// text has no effect.
fn timestamp(text: &str, zone: Option<Zone>) -> Option<i64> {
    let read = datetime::timestamp(text)?;
    // Computed for local times too: a text whose zone moves it out of range is malformed for both types.
    let instant = read.instant(zone.unwrap_or(Zone::UTC))?;
    Some(if zone.is_some() { instant } else { read.local })
}

fn booleans(texts: &StringArray, rules: Rules) -> Result<ArrayRef> {
    let mut builder = BooleanBuilder::with_capacity(texts.len());
    for text in texts.iter() {
        let made = match text {
            None => None,
            Some(t) => match number::cast_boolean(datetime::trim(t)) {
                Some(v) => Some(v),
                None => rules.misfit(|| malformed(t, &DataType::Boolean))?,
            },
        };
        builder.append_option(made);
    }
    Ok(Arc::new(builder.finish()))
}

/// Parses each text to a decimal, rounded half away from zero to the scale.
fn decimals(texts: &StringArray, (p, s): (u8, i8), rules: Rules) -> Result<ArrayRef> {
    let to = DataType::Decimal128(p, s);
    let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(texts.len());
    for text in texts.iter() {
        let Some(text) = text else {
            builder.append_null();
            continue;
        };
        let trimmed = datetime::trim(text);
        let made = match number::decimal(trimmed, p, s) {
            Some(v) => Some(v),
            // Spark has one error for a number that does not fit and another one for a text that is not a number.
            None if number::decimal(trimmed, 38, 0).is_some() || is_number(trimmed) => {
                rules.misfit(|| crate::errors::decimal_out_of_range(trimmed, p, s))?
            }
            None => rules.misfit(|| malformed(text, &to))?,
        };
        builder.append_option(made);
    }
    Ok(Arc::new(builder.finish().with_data_type(to)))
}

fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    // Java's `BigDecimal` does not parse an exponent of more than 32 bits.
    let exponent = text.split_once(['e', 'E']).is_none_or(|(_, e)| e.parse::<i32>().is_ok());
    plain && exponent && text.parse::<f64>().is_ok()
}
