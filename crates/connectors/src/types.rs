//! How many digits a type has.

use arrow::datatypes::DataType;

/// The precision and scale of the decimals that hold every value of an exact number.
pub(crate) fn exact_digits(data_type: &DataType) -> Option<(i16, i8)> {
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((20, 0)),
        DataType::Decimal128(precision, scale) => Some((i16::from(*precision), *scale)),
        _ => None,
    }
}
