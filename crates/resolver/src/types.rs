//! Converts Spark's data types to Arrow and back.
//!
//! One layout per type holds everywhere inside (never view or large strings, timestamps in microseconds);
//! clients get their layout at the edge. Arrow has no interval fields and char lengths: the resolver
//! keeps the Spark type beside a column where that matters.

use arrow::datatypes::{DataType as Arrow, Field, Fields, IntervalUnit, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_sql::types::{DataType, StructField, StructType};

/// The Arrow layout of a Spark type.
pub fn to_arrow(data_type: &DataType) -> Arrow {
    match data_type {
        DataType::Null => Arrow::Null,
        DataType::Boolean => Arrow::Boolean,
        DataType::Byte => Arrow::Int8,
        DataType::Short => Arrow::Int16,
        DataType::Integer => Arrow::Int32,
        DataType::Long => Arrow::Int64,
        DataType::Float => Arrow::Float32,
        DataType::Double => Arrow::Float64,
        DataType::Decimal { precision, scale } => Arrow::Decimal128(*precision, *scale),
        DataType::String | DataType::Char(_) | DataType::Varchar(_) => Arrow::Utf8,
        DataType::Binary => Arrow::Binary,
        DataType::Date => Arrow::Date32,
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::TimestampNtz => Arrow::Timestamp(TimeUnit::Microsecond, None),
        DataType::DayTimeInterval { .. } => Arrow::Duration(TimeUnit::Microsecond),
        DataType::YearMonthInterval { .. } => Arrow::Interval(IntervalUnit::YearMonth),
        DataType::CalendarInterval => Arrow::Interval(IntervalUnit::MonthDayNano),
        DataType::Array { element, contains_null } => {
            Arrow::List(Arc::new(Field::new("element", to_arrow(element), *contains_null)))
        }
        DataType::Map { key, value, value_contains_null } => map_type(key, value, *value_contains_null),
        DataType::Struct(fields) => Arrow::Struct(struct_fields(fields)),
    }
}

fn map_type(key: &DataType, value: &DataType, value_contains_null: bool) -> Arrow {
    let entries = vec![
        Field::new("key", to_arrow(key), false),
        Field::new("value", to_arrow(value), value_contains_null),
    ];
    Arrow::Map(Arc::new(Field::new("entries", Arrow::Struct(entries.into()), false)), false)
}

/// The fields of a struct or schema in Arrow.
pub fn struct_fields(fields: &StructType) -> Fields {
    fields.fields.iter().map(|f| Field::new(&f.name, to_arrow(&f.data_type), f.nullable)).collect()
}

/// The Spark type that an Arrow type stands for; none for types that Spark does not have.
pub fn to_spark(data_type: &Arrow) -> Option<DataType> {
    Some(match data_type {
        Arrow::Null => DataType::Null,
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 => DataType::Byte,
        Arrow::Int16 | Arrow::UInt8 => DataType::Short,
        Arrow::Int32 | Arrow::UInt16 => DataType::Integer,
        Arrow::Int64 | Arrow::UInt32 => DataType::Long,
        Arrow::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
        Arrow::Float16 | Arrow::Float32 => DataType::Float,
        Arrow::Float64 => DataType::Double,
        Arrow::Decimal128(precision, scale) if *scale >= 0 => {
            DataType::Decimal { precision: *precision, scale: *scale }
        }
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::String,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => {
            DataType::Binary
        }
        Arrow::Date32 | Arrow::Date64 => DataType::Date,
        Arrow::Timestamp(_, Some(_)) => DataType::Timestamp,
        Arrow::Timestamp(_, None) => DataType::TimestampNtz,
        Arrow::Duration(_) => DataType::DayTimeInterval { start: 0, end: 3 },
        Arrow::Interval(IntervalUnit::YearMonth) => DataType::YearMonthInterval { start: 0, end: 1 },
        Arrow::Interval(IntervalUnit::MonthDayNano) => DataType::CalendarInterval,
        Arrow::Dictionary(_, value) => to_spark(value)?,
        _ => return nested_to_spark(data_type),
    })
}

fn nested_to_spark(data_type: &Arrow) -> Option<DataType> {
    match data_type {
        Arrow::List(f) | Arrow::LargeList(f) | Arrow::ListView(f) | Arrow::FixedSizeList(f, _) => {
            let element = Box::new(to_spark(f.data_type())?);
            Some(DataType::Array { element, contains_null: f.is_nullable() })
        }
        Arrow::Map(entries, _) => {
            let Arrow::Struct(fields) = entries.data_type() else { return None };
            let [key, value] = fields.as_ref() else { return None };
            Some(DataType::Map {
                key: Box::new(to_spark(key.data_type())?),
                value: Box::new(to_spark(value.data_type())?),
                value_contains_null: value.is_nullable(),
            })
        }
        Arrow::Struct(fields) => Some(DataType::Struct(schema_to_spark(fields)?)),
        _ => None,
    }
}

/// The Spark schema of Arrow fields; none if a type has no counterpart.
pub fn schema_to_spark(fields: &Fields) -> Option<StructType> {
    let field = |f: &Arc<Field>| {
        Some(StructField {
            name: f.name().clone(),
            data_type: to_spark(f.data_type())?,
            nullable: f.is_nullable(),
            metadata: BTreeMap::new(),
        })
    };
    Some(StructType { fields: fields.iter().map(field).collect::<Option<_>>()? })
}

/// The fields of all intervals in a type, from the first to the last.
pub fn interval_fields(t: &DataType) -> Vec<(u8, u8)> {
    match t {
        DataType::Array { element, .. } => interval_fields(element),
        DataType::Map { key, value, .. } => [interval_fields(key), interval_fields(value)].concat(),
        DataType::Struct(fields) => {
            fields.fields.iter().flat_map(|f| interval_fields(&f.data_type)).collect()
        }
        DataType::DayTimeInterval { start, end } | DataType::YearMonthInterval { start, end } => {
            vec![(*start, *end)]
        }
        _ => vec![],
    }
}

/// The type as Spark's SQL writes it: `BIGINT`, `DECIMAL(10,2)`, `ARRAY<INT>`.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "VOID".into(),
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Byte => "TINYINT".into(),
        DataType::Short => "SMALLINT".into(),
        DataType::Integer => "INT".into(),
        DataType::Long => "BIGINT".into(),
        DataType::Float => "FLOAT".into(),
        DataType::Double => "DOUBLE".into(),
        DataType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        DataType::String => "STRING".into(),
        DataType::Char(n) => format!("CHAR({n})"),
        DataType::Varchar(n) => format!("VARCHAR({n})"),
        DataType::Binary => "BINARY".into(),
        DataType::Date => "DATE".into(),
        DataType::Timestamp => "TIMESTAMP".into(),
        DataType::TimestampNtz => "TIMESTAMP_NTZ".into(),
        DataType::DayTimeInterval { start, end } => interval_name(&DAY_TIME_FIELDS, *start, *end),
        DataType::YearMonthInterval { start, end } => interval_name(&YEAR_MONTH_FIELDS, *start, *end),
        DataType::CalendarInterval => "INTERVAL".into(),
        DataType::Array { element, .. } => format!("ARRAY<{}>", sql_name(element)),
        DataType::Map { key, value, .. } => format!("MAP<{}, {}>", sql_name(key), sql_name(value)),
        DataType::Struct(fields) => struct_name(fields),
    }
}

const DAY_TIME_FIELDS: [&str; 4] = ["DAY", "HOUR", "MINUTE", "SECOND"];
const YEAR_MONTH_FIELDS: [&str; 2] = ["YEAR", "MONTH"];

fn interval_name(fields: &[&str], start: u8, end: u8) -> String {
    let name = |i: u8| fields.get(usize::from(i)).copied().unwrap_or("?");
    if start == end {
        format!("INTERVAL {}", name(start))
    } else {
        format!("INTERVAL {} TO {}", name(start), name(end))
    }
}

fn struct_name(fields: &StructType) -> String {
    let field = |f: &StructField| {
        let not_null = if f.nullable { "" } else { " NOT NULL" };
        format!("{}: {}{not_null}", f.name, sql_name(&f.data_type))
    };
    format!("STRUCT<{}>", fields.fields.iter().map(field).collect::<Vec<_>>().join(", "))
}

/// Spark's SQL name of an Arrow type, for messages.
pub fn arrow_sql_name(data_type: &Arrow) -> String {
    to_spark(data_type).map_or_else(|| data_type.to_string(), |t| sql_name(&t))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_type_survives_the_way_to_arrow_and_back() {
        let nested = DataType::Struct(StructType {
            fields: vec![
                StructField::new("a", DataType::Long, false),
                StructField::new("b", DataType::Date, true),
            ],
        });
        let types = [
            DataType::Null,
            DataType::Boolean,
            DataType::Byte,
            DataType::Short,
            DataType::Integer,
            DataType::Long,
            DataType::Float,
            DataType::Double,
            DataType::Decimal { precision: 12, scale: 2 },
            DataType::String,
            DataType::Binary,
            DataType::Date,
            DataType::Timestamp,
            DataType::TimestampNtz,
            DataType::DayTimeInterval { start: 0, end: 3 },
            DataType::YearMonthInterval { start: 0, end: 1 },
            DataType::CalendarInterval,
            DataType::Array { element: Box::new(nested.clone()), contains_null: false },
            DataType::Map {
                key: Box::new(DataType::String),
                value: Box::new(nested.clone()),
                value_contains_null: true,
            },
            nested,
        ];
        for t in types {
            assert_eq!(to_spark(&to_arrow(&t)), Some(t.clone()), "{t:?}");
        }
    }

    #[test]
    fn types_read_as_spark_writes_them() {
        let array = DataType::Array { element: Box::new(DataType::Integer), contains_null: true };
        assert_eq!(sql_name(&array), "ARRAY<INT>");
        assert_eq!(sql_name(&DataType::DayTimeInterval { start: 0, end: 3 }), "INTERVAL DAY TO SECOND");
        assert_eq!(sql_name(&DataType::YearMonthInterval { start: 1, end: 1 }), "INTERVAL MONTH");
    }
}
