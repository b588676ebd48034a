//! Maps Spark's types to Arrow's, with predicates on them and the precision rules of decimals.
//!
//! Each type has one layout in all crates: STRING is `Utf8`, TIMESTAMP is microseconds labelled UTC, and so on.
//! Coercion is not decided here.

use arrow::datatypes::{DataType, FieldRef};
use thalweg_values::types::entries_field;

pub(crate) use thalweg_values::types::{
    CALENDAR_INTERVAL as CALENDAR, DAY_TIME_INTERVAL as DAY_TIME, TIMESTAMP_NTZ,
    YEAR_MONTH_INTERVAL as YEAR_MONTH, timestamp,
};

/// The greatest precision of a DECIMAL.
pub(crate) const PRECISION_MAX: i32 = 38;
/// The scale that an arithmetic result keeps when its precision must be reduced.
const SCALE_KEPT: i32 = 6;

/// ARRAY of `element`.
pub(crate) fn array_of(element: DataType) -> DataType {
    DataType::List(element_field(element))
}

/// ARRAY of `element`; `nullable` says whether elements may be null.
pub(crate) fn array_with(element: DataType, nullable: bool) -> DataType {
    DataType::List(thalweg_values::types::element_field(element, nullable))
}

/// The field of an array's elements, which may be null.
pub(crate) fn element_field(element: DataType) -> FieldRef {
    thalweg_values::types::element_field(element, true)
}

/// MAP of `key` to `value`.
pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    map_with(key, value, true)
}

/// MAP of `key` to `value`; `nullable` says whether values may be null.
pub(crate) fn map_with(key: DataType, value: DataType, nullable: bool) -> DataType {
    // Keys are never null in Spark; the names of the fields are Arrow's convention.
    let (entries, _) = entries_field(key, value, nullable);
    DataType::Map(entries, false)
}

/// Returns the key and the value type of a map's entries.
pub(crate) fn map_types(entries: &FieldRef) -> (&DataType, &DataType) {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value, ..] => (key.data_type(), value.data_type()),
            _ => (&DataType::Null, &DataType::Null),
        },
        _ => (&DataType::Null, &DataType::Null),
    }
}

/// TINYINT to BIGINT.
pub(crate) fn is_integral(t: &DataType) -> bool {
    matches!(t, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// FLOAT or DOUBLE.
pub(crate) fn is_float(t: &DataType) -> bool {
    matches!(t, DataType::Float32 | DataType::Float64)
}

/// DECIMAL.
pub(crate) fn is_decimal(t: &DataType) -> bool {
    matches!(t, DataType::Decimal128(..))
}

/// Any number.
pub(crate) fn is_numeric(t: &DataType) -> bool {
    is_integral(t) || is_float(t) || is_decimal(t)
}

/// STRING.
pub(crate) fn is_string(t: &DataType) -> bool {
    matches!(t, DataType::Utf8)
}

/// DATE, TIMESTAMP or TIMESTAMP_NTZ.
pub(crate) fn is_datetime(t: &DataType) -> bool {
    matches!(t, DataType::Date32 | DataType::Timestamp(..))
}

/// Any interval.
pub(crate) fn is_interval(t: &DataType) -> bool {
    matches!(t, DataType::Duration(_) | DataType::Interval(_))
}

/// ARRAY, MAP or STRUCT.
pub(crate) fn is_nested(t: &DataType) -> bool {
    matches!(t, DataType::List(_) | DataType::Map(..) | DataType::Struct(_))
}

/// DECIMAL(p, s) with both limited to 38.
pub(crate) fn decimal_bounded(precision: i32, scale: i32) -> DataType {
    decimal(precision.min(PRECISION_MAX), scale.min(PRECISION_MAX))
}

/// DECIMAL(p, s) of an arithmetic result. Beyond 38 digits the integral digits are kept and the scale is reduced, but
/// not below 6 (the rule of SQL Server and Hive, which Spark follows).
pub(crate) fn decimal_adjusted(precision: i32, scale: i32) -> DataType {
    if precision <= PRECISION_MAX {
        return decimal(precision, scale);
    }
    let kept = scale.min(SCALE_KEPT);
    let integral = precision - scale;
    decimal(PRECISION_MAX, (PRECISION_MAX - integral).max(kept))
}

fn decimal(precision: i32, scale: i32) -> DataType {
    let p = u8::try_from(precision.max(1)).unwrap_or(38);
    let s = i8::try_from(scale.max(0)).unwrap_or(38);
    DataType::Decimal128(p, s)
}
