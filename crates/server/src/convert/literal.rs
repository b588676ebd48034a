//! Converts literals.
//!
//! A literal may carry its type in `data_type` (this protocol) or inside (older clients); where
//! neither is present the type is derived from the values.

use super::{invalid, required, types};
use spark_connect_proto as pb;
use spark_connect_proto::expression::literal::{self as wire, LiteralType};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir::Literal;
use thalweg_sql::types::{DataType, StructField, StructType};
use thalweg_values::errors::decimal_precision;

/// The largest number of digits of a decimal.
const MAX_PRECISION: i64 = 38;

/// Converts a literal.
pub(crate) fn literal(proto: pb::expression::Literal) -> Result<Literal> {
    let pb::expression::Literal { data_type, literal_type } = proto;
    let declared = data_type.map(types::from_proto).transpose()?;
    match required(literal_type, "Literal.literal_type")? {
        LiteralType::Null(inner) => null(declared, inner),
        LiteralType::Binary(bytes) => Ok(Literal::Binary(bytes.to_vec())),
        LiteralType::Boolean(value) => Ok(Literal::Boolean(value)),
        LiteralType::Byte(value) => Ok(Literal::Byte(narrow(value)?)),
        LiteralType::Short(value) => Ok(Literal::Short(narrow(value)?)),
        LiteralType::Integer(value) => Ok(Literal::Integer(value)),
        LiteralType::Long(value) => Ok(Literal::Long(value)),
        LiteralType::Float(value) => Ok(Literal::Float(value)),
        LiteralType::Double(value) => Ok(Literal::Double(value)),
        LiteralType::Decimal(decimal) => decimal_literal(decimal),
        LiteralType::String(value) => Ok(Literal::String(value)),
        LiteralType::Date(days) => Ok(Literal::Date(days)),
        LiteralType::Timestamp(micros) => Ok(Literal::Timestamp(micros)),
        LiteralType::TimestampNtz(micros) => Ok(Literal::TimestampNtz(micros)),
        LiteralType::CalendarInterval(wire::CalendarInterval { months, days, microseconds }) => {
            Ok(Literal::CalendarInterval { months, days, micros: microseconds })
        }
        LiteralType::YearMonthInterval(months) => year_month(declared, months),
        LiteralType::DayTimeInterval(micros) => day_time(declared, micros),
        LiteralType::Array(array) => array_literal(declared, array),
        LiteralType::Map(map) => map_literal(declared, map),
        LiteralType::Struct(fields) => struct_literal(declared, fields),
        LiteralType::SpecializedArray(array) => specialized(array),
        LiteralType::Time(_) => Err(Error::unsupported("literals of the type TIME")),
        LiteralType::TimestampNtzNanos(_) | LiteralType::TimestampLtzNanos(_) => {
            Err(Error::unsupported("timestamps of nanoseconds"))
        }
    }
}

fn null(declared: Option<DataType>, inner: pb::DataType) -> Result<Literal> {
    let pb::DataType { kind } = inner;
    match (declared, kind) {
        (Some(declared), _) => Ok(Literal::Null(declared)),
        (None, None) => Ok(Literal::Null(DataType::Null)),
        (None, kind) => Ok(Literal::Null(types::from_proto(pb::DataType { kind })?)),
    }
}

fn narrow<T: TryFrom<i32>>(value: i32) -> Result<T> {
    T::try_from(value).map_err(|_| invalid(format!("The literal {value} does not fit its type.")))
}

/// Converts a decimal with all its digits: the precision and scale sent are lower bounds, and may be missing.
fn decimal_literal(proto: wire::Decimal) -> Result<Literal> {
    let wire::Decimal { value, precision, scale } = proto;
    let (digits, exponent) =
        parse_decimal(&value).ok_or_else(|| invalid(format!("'{value}' is not a decimal literal.")))?;
    let given = |n: Option<i32>| n.map_or(0, |n| i64::from(n.max(0)));
    // A larger scale only adds zeros, a smaller one would round.
    let scale = exponent.max(given(scale));
    let written = digits.trim_start_matches(['-', '0']).len() as i64;
    // Zeros that fill the value up to its scale count as digits; those of a zero do not.
    let filled = if written == 0 { 1 } else { written.saturating_add(scale - exponent) };
    let precision = filled.max(scale).max(given(precision));
    let exact = || {
        let zeros = usize::try_from(scale - exponent).ok().filter(|_| written > 0).unwrap_or(0);
        format!("{digits}{}", "0".repeat(zeros)).parse::<i128>().ok()
    };
    let fitting = (precision <= MAX_PRECISION).then(exact).flatten();
    match (fitting, u8::try_from(precision), i8::try_from(scale)) {
        (Some(unscaled), Ok(precision), Ok(scale)) => Ok(Literal::Decimal { unscaled, precision, scale }),
        _ => Err(decimal_precision(ErrorKind::Arithmetic, precision)),
    }
}

/// Returns the digits with their sign, and the scale, of a text such as `-12.30` or `1.5E+3`.
fn parse_decimal(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
        None => (text, 0),
    };
    let (sign, magnitude) = match mantissa.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let digits = format!("{whole}{fraction}");
    // Digits alone: `parse` would take a sign in the middle of the mantissa.
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| (format!("{sign}{digits}"), fraction.len() as i64 - exponent))
}

fn year_month(declared: Option<DataType>, months: i32) -> Result<Literal> {
    match declared {
        Some(DataType::YearMonthInterval { start, end }) => {
            Ok(Literal::YearMonthInterval { months, start, end })
        }
        None => Ok(Literal::YearMonthInterval { months, start: 0, end: 1 }),
        Some(other) => Err(of_another_type("An interval of months", &other)),
    }
}

fn day_time(declared: Option<DataType>, micros: i64) -> Result<Literal> {
    match declared {
        Some(DataType::DayTimeInterval { start, end }) => Ok(Literal::DayTimeInterval { micros, start, end }),
        None => Ok(Literal::DayTimeInterval { micros, start: 0, end: 3 }),
        Some(other) => Err(of_another_type("An interval of microseconds", &other)),
    }
}

fn of_another_type(literal: &str, declared: &DataType) -> Error {
    invalid(format!("{literal} has {} as its data type.", declared.sql()))
}

fn all(values: Vec<pb::expression::Literal>) -> Result<Vec<Literal>> {
    values.into_iter().map(literal).collect()
}

#[allow(deprecated)] // Older clients put the type inside.
fn array_literal(declared: Option<DataType>, proto: wire::Array) -> Result<Literal> {
    let wire::Array { element_type, elements } = proto;
    let values = all(elements)?;
    let inside = element_type.map(types::from_proto).transpose()?;
    let element = match declared {
        Some(DataType::Array { element, contains_null: _ }) => *element,
        None => inside.unwrap_or_else(|| first_type(&values)),
        Some(other) => return Err(of_another_type("An array literal", &other)),
    };
    Ok(Literal::Array { element, values })
}

#[allow(deprecated)] // Older clients put the types inside.
fn map_literal(declared: Option<DataType>, proto: wire::Map) -> Result<Literal> {
    let wire::Map { key_type, value_type, keys, values } = proto;
    if keys.len() != values.len() {
        return Err(invalid("A map literal has not as many keys as values."));
    }
    let (keys, values) = (all(keys)?, all(values)?);
    let inside =
        (key_type.map(types::from_proto).transpose()?, value_type.map(types::from_proto).transpose()?);
    let (key, value) = match declared {
        Some(DataType::Map { key, value, value_contains_null: _ }) => (*key, *value),
        None => {
            (inside.0.unwrap_or_else(|| first_type(&keys)), inside.1.unwrap_or_else(|| first_type(&values)))
        }
        Some(other) => return Err(of_another_type("A map literal", &other)),
    };
    Ok(Literal::Map { key, value, entries: keys.into_iter().zip(values).collect() })
}

#[allow(deprecated)] // Older clients put the type inside.
fn struct_literal(declared: Option<DataType>, proto: wire::Struct) -> Result<Literal> {
    let wire::Struct { struct_type, elements } = proto;
    let values = all(elements)?;
    let inside = struct_type.map(types::from_proto).transpose()?;
    let fields = match declared.or(inside) {
        None => numbered(&values),
        Some(DataType::Struct(fields)) => fields,
        Some(other) => return Err(of_another_type("A struct literal", &other)),
    };
    if fields.fields.len() != values.len() {
        return Err(invalid("A struct literal has not as many fields as values."));
    }
    Ok(Literal::Struct { fields, values })
}

fn specialized(proto: wire::SpecializedArray) -> Result<Literal> {
    use wire::specialized_array::ValueType;
    let wire::SpecializedArray { value_type } = proto;
    fn list<T>(element: DataType, values: Vec<T>, make: fn(T) -> Literal) -> Literal {
        Literal::Array { element, values: values.into_iter().map(make).collect() }
    }
    Ok(match required(value_type, "SpecializedArray.value_type")? {
        ValueType::Bools(pb::Bools { values }) => list(DataType::Boolean, values, Literal::Boolean),
        ValueType::Ints(pb::Ints { values }) => list(DataType::Integer, values, Literal::Integer),
        ValueType::Longs(pb::Longs { values }) => list(DataType::Long, values, Literal::Long),
        ValueType::Floats(pb::Floats { values }) => list(DataType::Float, values, Literal::Float),
        ValueType::Doubles(pb::Doubles { values }) => list(DataType::Double, values, Literal::Double),
        ValueType::Strings(pb::Strings { values }) => list(DataType::String, values, Literal::String),
    })
}

fn first_type(values: &[Literal]) -> DataType {
    values.iter().map(type_of).find(|t| *t != DataType::Null).unwrap_or(DataType::Null)
}

fn numbered(values: &[Literal]) -> StructType {
    let field = |(i, v): (usize, &Literal)| StructField::new(format!("col{}", i + 1), type_of(v), true);
    StructType { fields: values.iter().enumerate().map(field).collect() }
}

fn type_of(value: &Literal) -> DataType {
    match value {
        Literal::Null(data_type) => data_type.clone(),
        Literal::Struct { fields, values: _ } => DataType::Struct(fields.clone()),
        Literal::Boolean(_) => DataType::Boolean,
        Literal::Byte(_) => DataType::Byte,
        Literal::Short(_) => DataType::Short,
        Literal::Integer(_) => DataType::Integer,
        Literal::Long(_) => DataType::Long,
        Literal::Float(_) => DataType::Float,
        Literal::Double(_) => DataType::Double,
        Literal::Decimal { precision, scale, unscaled: _ } => {
            DataType::Decimal { precision: *precision, scale: *scale }
        }
        Literal::String(_) => DataType::String,
        Literal::Binary(_) => DataType::Binary,
        Literal::Date(_) => DataType::Date,
        Literal::Timestamp(_) | Literal::TimestampText(_) => DataType::Timestamp,
        Literal::TimestampNtz(_) => DataType::TimestampNtz,
        Literal::DayTimeInterval { start, end, micros: _ } => {
            DataType::DayTimeInterval { start: *start, end: *end }
        }
        Literal::YearMonthInterval { start, end, months: _ } => {
            DataType::YearMonthInterval { start: *start, end: *end }
        }
        Literal::CalendarInterval { .. } => DataType::CalendarInterval,
        Literal::Array { element, values: _ } => {
            DataType::Array { element: Box::new(element.clone()), contains_null: true }
        }
        Literal::Map { key, value, entries: _ } => {
            let (key, value) = (Box::new(key.clone()), Box::new(value.clone()));
            DataType::Map { key, value, value_contains_null: true }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check_decimal(
        value: &str,
        precision: Option<i32>,
        scale: Option<i32>,
        expect: Option<(i128, u8, i8)>,
    ) {
        let found = decimal_literal(wire::Decimal { value: value.into(), precision, scale }).ok();
        let expect =
            expect.map(|(unscaled, precision, scale)| Literal::Decimal { unscaled, precision, scale });
        assert_eq!(found, expect, "{value} as decimal({precision:?},{scale:?})");
    }

    #[test]
    fn decimals_keep_all_their_digits() {
        check_decimal("12.30", None, None, Some((1230, 4, 2)));
        check_decimal("-0.05", None, None, Some((-5, 2, 2)));
        check_decimal("7", Some(10), Some(3), Some((7000, 10, 3)));
        check_decimal("1.5E+3", None, None, Some((1500, 4, 0)));
        check_decimal("2.50", Some(10), Some(0), Some((250, 10, 2)));
        check_decimal("1.55", Some(3), Some(1), Some((155, 3, 2)));
        check_decimal("1000", Some(3), Some(0), Some((1000, 4, 0)));
        check_decimal("1E+3", Some(10), Some(0), Some((1000, 10, 0)));
        check_decimal("0E-10", Some(10), Some(0), Some((0, 10, 10)));
        check_decimal("0E+5", None, None, Some((0, 1, 0)));
        check_decimal("-0.0", None, None, Some((0, 1, 1)));
        check_decimal("1E-38", None, None, Some((1, 38, 38)));
        let nines = "9".repeat(38);
        check_decimal(&nines, Some(10), Some(0), Some((10_i128.pow(38) - 1, 38, 0)));
    }

    #[test]
    fn what_is_not_a_decimal_or_too_long_is_refused() {
        for value in ["abc", "", "-", ".", "1.2.3", "NaN", "--1", "1E+38", "1E-39", "1E+999999999"] {
            check_decimal(value, None, None, None);
        }
        let error = decimal_literal(wire::Decimal { value: "1E+38".into(), precision: None, scale: None });
        assert_eq!(error.unwrap_err().class(), "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION");
    }

    #[test]
    fn an_array_without_a_type_takes_that_of_its_values() {
        let int =
            |n| pb::expression::Literal { data_type: None, literal_type: Some(LiteralType::Integer(n)) };
        #[allow(deprecated)]
        let array = wire::Array { element_type: None, elements: vec![int(1), int(2)] };
        let proto =
            pb::expression::Literal { data_type: None, literal_type: Some(LiteralType::Array(array)) };
        let values = vec![Literal::Integer(1), Literal::Integer(2)];
        assert_eq!(literal(proto).unwrap(), Literal::Array { element: DataType::Integer, values });
    }
}
