//! What a type is called in messages (Spark's name, never Arrow's), and how many digits it has.

use arrow::datatypes::{DataType, Fields, IntervalUnit};

/// The precision and scale of the decimals that hold every value of an exact number.
pub fn exact_digits(data_type: &DataType) -> Option<(i16, i8)> {
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((20, 0)),
        DataType::Decimal128(precision, scale) => Some((i16::from(*precision), *scale)),
        _ => None,
    }
}

/// Spark's name of a type, such as `array<int>`; Arrow's for a type that Spark lacks.
pub fn spark_name(data_type: &DataType) -> String {
    use DataType as T;
    let name = match data_type {
        T::Null => "void",
        T::Boolean => "boolean",
        T::Int8 => "tinyint",
        T::Int16 => "smallint",
        T::Int32 => "int",
        T::Int64 => "bigint",
        T::Float32 => "float",
        T::Float64 => "double",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "string",
        T::Binary | T::LargeBinary | T::BinaryView => "binary",
        T::Date32 => "date",
        T::Timestamp(_, Some(_)) => "timestamp",
        T::Timestamp(_, None) => "timestamp_ntz",
        T::Duration(_) => "interval day to second",
        T::Interval(IntervalUnit::YearMonth) => "interval year to month",
        T::Decimal128(p, s) => return format!("decimal({p},{s})"),
        T::List(item) => return format!("array<{}>", spark_name(item.data_type())),
        T::Struct(fields) => return format!("struct<{}>", members(fields)),
        T::Map(entries, _) => return map(entries.data_type()),
        other => return other.to_string(),
    };
    name.to_owned()
}

fn members(fields: &Fields) -> String {
    let one = |name: &str, t: &DataType| format!("{name}:{}", spark_name(t));
    fields.iter().map(|f| one(f.name(), f.data_type())).collect::<Vec<_>>().join(",")
}

fn map(entries: &DataType) -> String {
    let pair: Vec<String> = match entries {
        DataType::Struct(pair) => pair.iter().map(|f| spark_name(f.data_type())).collect(),
        other => vec![other.to_string()],
    };
    format!("map<{}>", pair.join(","))
}
