//! Converts literals of the IR to DataFusion's scalar values.
//!
//! A literal's value never depends on data; only a timestamp without zone depends on the session's zone.

use arrow::datatypes::{DataType as Arrow, Field, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::Literal;
use thalweg_sql::types::{DataType, StructType};
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::{element_field, entries_field, struct_fields, to_arrow};

/// Returns the Spark type of a literal.
pub(crate) fn literal_type(literal: &Literal) -> DataType {
    match literal {
        Literal::Null(t) => t.clone(),
        Literal::Boolean(_) => DataType::Boolean,
        Literal::Byte(_) => DataType::Byte,
        Literal::Short(_) => DataType::Short,
        Literal::Integer(_) => DataType::Integer,
        Literal::Long(_) => DataType::Long,
        Literal::Float(_) => DataType::Float,
        Literal::Double(_) => DataType::Double,
        Literal::Decimal { precision, scale, .. } => {
            DataType::Decimal { precision: *precision, scale: *scale }
        }
        Literal::String(_) => DataType::String,
        Literal::Binary(_) => DataType::Binary,
        Literal::Date(_) => DataType::Date,
        Literal::Timestamp(_) | Literal::TimestampText(_) => DataType::Timestamp,
        Literal::TimestampNtz(_) => DataType::TimestampNtz,
        Literal::DayTimeInterval { start, end, .. } => DataType::DayTimeInterval { start: *start, end: *end },
        Literal::YearMonthInterval { start, end, .. } => {
            DataType::YearMonthInterval { start: *start, end: *end }
        }
        Literal::CalendarInterval { .. } => DataType::CalendarInterval,
        Literal::Array { element, values } => DataType::Array {
            element: Box::new(element.clone()),
            contains_null: values.iter().any(|v| matches!(v, Literal::Null(_))),
        },
        Literal::Map { key, value, entries } => DataType::Map {
            key: Box::new(key.clone()),
            value: Box::new(value.clone()),
            value_contains_null: entries.iter().any(|(_, v)| matches!(v, Literal::Null(_))),
        },
        Literal::Struct { fields, .. } => DataType::Struct(fields.clone()),
    }
}

/// Converts a literal to a scalar, except `TimestampText`, whose text the resolver casts.
pub(crate) fn to_scalar(literal: &Literal) -> Result<ScalarValue> {
    Ok(match literal {
        Literal::Null(t) => ScalarValue::try_new_null(&to_arrow(t)).map_err(from_datafusion)?,
        Literal::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Literal::Byte(v) => ScalarValue::Int8(Some(*v)),
        Literal::Short(v) => ScalarValue::Int16(Some(*v)),
        Literal::Integer(v) => ScalarValue::Int32(Some(*v)),
        Literal::Long(v) => ScalarValue::Int64(Some(*v)),
        Literal::Float(v) => ScalarValue::Float32(Some(*v)),
        Literal::Double(v) => ScalarValue::Float64(Some(*v)),
        Literal::Decimal { unscaled, precision, scale } => {
            ScalarValue::Decimal128(Some(*unscaled), *precision, *scale)
        }
        Literal::String(v) => ScalarValue::Utf8(Some(v.clone())),
        Literal::Binary(v) => ScalarValue::Binary(Some(v.clone())),
        Literal::Date(v) => ScalarValue::Date32(Some(*v)),
        Literal::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some("UTC".into())),
        Literal::TimestampText(text) => ScalarValue::Utf8(Some(text.clone())),
        Literal::TimestampNtz(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        Literal::DayTimeInterval { micros, .. } => ScalarValue::DurationMicrosecond(Some(*micros)),
        Literal::YearMonthInterval { months, .. } => ScalarValue::IntervalYearMonth(Some(*months)),
        Literal::CalendarInterval { months, days, micros } => calendar(*months, *days, *micros)?,
        Literal::Array { element, values } => array(element, values)?,
        Literal::Map { key, value, entries } => map(key, value, entries)?,
        Literal::Struct { fields, values } => structure(fields, values)?,
    })
}

/// Converts a literal inside a value of a known type: a decimal may have fewer digits than the type.
fn as_type(literal: &Literal, data_type: &Arrow) -> Result<ScalarValue> {
    let scalar = to_scalar(literal)?;
    match (&scalar, data_type) {
        // The values of one array must have one Arrow type, and a decimal's precision is part of it.
        (ScalarValue::Decimal128(..), Arrow::Decimal128(..)) if &scalar.data_type() != data_type => {
            scalar.cast_to(data_type).map_err(from_datafusion)
        }
        _ => Ok(scalar),
    }
}

fn calendar(months: i32, days: i32, micros: i64) -> Result<ScalarValue> {
    let nanos =
        micros.checked_mul(1_000).ok_or_else(|| Error::unsupported("an interval of more than 292 years"))?;
    Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanos))))
}

fn array(element: &DataType, values: &[Literal]) -> Result<ScalarValue> {
    let field = element_field(to_arrow(element), values.iter().any(is_null));
    let values = values.iter().map(|v| as_type(v, field.data_type())).collect::<Result<Vec<_>>>()?;
    let list = ScalarValue::new_list(&values, field.data_type(), field.is_nullable());
    // DataFusion names the field of a list `item`, Spark's layout `element`.
    ScalarValue::List(list).cast_to(&Arrow::List(field)).map_err(from_datafusion)
}

fn structure(fields: &StructType, values: &[Literal]) -> Result<ScalarValue> {
    let fields = struct_fields(fields);
    let arrays = values
        .iter()
        .zip(&fields)
        .map(|(v, field)| as_type(v, field.data_type())?.to_array().map_err(from_datafusion))
        .collect::<Result<Vec<_>>>()?;
    let array = arrow::array::StructArray::try_new(fields, arrays, None);
    Ok(ScalarValue::Struct(Arc::new(array.map_err(|e| from_datafusion(e.into()))?)))
}

fn is_null(literal: &Literal) -> bool {
    matches!(literal, Literal::Null(_))
}

fn map(key: &DataType, value: &DataType, entries: &[(Literal, Literal)]) -> Result<ScalarValue> {
    use arrow::array::{Array, MapArray, StructArray};
    let nullable = entries.iter().any(|(_, v)| is_null(v));
    let (entry, fields) = entries_field(to_arrow(key), to_arrow(value), nullable);
    let column = |field: &Field, values: Vec<ScalarValue>| {
        // `iter_to_array` derives the type from the values, so it fails without one.
        if values.is_empty() {
            return Ok(arrow::array::new_empty_array(field.data_type()));
        }
        ScalarValue::iter_to_array(values).map_err(from_datafusion)
    };
    let (keys, values): (Vec<_>, Vec<_>) = entries.iter().map(|(k, v)| (k, v)).unzip();
    let columns = fields.iter().zip([keys, values]).map(|(field, values)| {
        let resolved =
            values.into_iter().map(|v| as_type(v, field.data_type())).collect::<Result<Vec<_>>>()?;
        column(field, resolved)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rows = StructArray::try_new(fields, columns, None).map_err(|e| from_datafusion(e.into()))?;
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([rows.len()]);
    let map = MapArray::try_new(entry, offsets, rows, None, false).map_err(|e| from_datafusion(e.into()))?;
    Ok(ScalarValue::Map(Arc::new(map)))
}
