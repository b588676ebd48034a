//! Converts Spark's data types to Arrow and back.
//!
//! Inside of Thalweg each type has one layout (never view or large strings, timestamps in microseconds); servers,
//! readers and writers convert to and from others. Arrow's types have no interval fields and no char lengths: the
//! resolver keeps the Spark type of a column where these matter.

use super::{DataType, StructField, StructType};
use arrow::datatypes::{DataType as Arrow, Field, FieldRef, Fields, IntervalUnit, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The layout of TIMESTAMP_NTZ.
pub const TIMESTAMP_NTZ: Arrow = Arrow::Timestamp(TimeUnit::Microsecond, None);
/// The layout of the intervals of days, hours, minutes and seconds.
pub const DAY_TIME_INTERVAL: Arrow = Arrow::Duration(TimeUnit::Microsecond);
/// The layout of the intervals of years and months.
pub const YEAR_MONTH_INTERVAL: Arrow = Arrow::Interval(IntervalUnit::YearMonth);
/// The layout of INTERVAL: months, days and microseconds.
pub const CALENDAR_INTERVAL: Arrow = Arrow::Interval(IntervalUnit::MonthDayNano);

/// The zone of timestamps inside: they are instants, and a zone is only the label that a client sees. The session's zone
/// is never part of the type, so that it can change.
const INSIDE: &str = "UTC";

/// The layout of TIMESTAMP.
pub fn timestamp() -> Arrow {
    Arrow::Timestamp(TimeUnit::Microsecond, Some(INSIDE.into()))
}

/// The field of the elements of an ARRAY.
pub fn element_field(element: Arrow, contains_null: bool) -> FieldRef {
    Arc::new(Field::new("element", element, contains_null))
}

/// The field of the entries of a MAP, and the fields of an entry.
pub fn entries_field(key: Arrow, value: Arrow, value_contains_null: bool) -> (FieldRef, Fields) {
    let entry =
        Fields::from(vec![Field::new("key", key, false), Field::new("value", value, value_contains_null)]);
    (Arc::new(Field::new("entries", Arrow::Struct(entry.clone()), false)), entry)
}

/// Returns the Arrow layout of a Spark type.
pub fn to_arrow(data_type: &DataType) -> Arrow {
    to_arrow_in(data_type, INSIDE)
}

/// Returns the Arrow layout of a Spark type whose timestamps are labelled with the zone of a session.
pub fn to_arrow_in(data_type: &DataType, zone: &str) -> Arrow {
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
        DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some(zone.into())),
        DataType::TimestampNtz => TIMESTAMP_NTZ,
        DataType::DayTimeInterval { .. } => DAY_TIME_INTERVAL,
        DataType::YearMonthInterval { .. } => YEAR_MONTH_INTERVAL,
        DataType::CalendarInterval => CALENDAR_INTERVAL,
        DataType::Array { element, contains_null } => {
            Arrow::List(element_field(to_arrow_in(element, zone), *contains_null))
        }
        DataType::Map { key, value, value_contains_null } => {
            let (entries, _) =
                entries_field(to_arrow_in(key, zone), to_arrow_in(value, zone), *value_contains_null);
            Arrow::Map(entries, false)
        }
        DataType::Struct(fields) => Arrow::Struct(struct_fields_in(fields, zone)),
    }
}

/// Returns the Arrow fields of a struct or schema.
pub fn struct_fields(fields: &StructType) -> Fields {
    struct_fields_in(fields, INSIDE)
}

/// Returns the Arrow fields of a struct or schema, whose timestamps are labelled with the zone of a session.
pub fn struct_fields_in(fields: &StructType, zone: &str) -> Fields {
    fields.fields.iter().map(|f| Field::new(&f.name, to_arrow_in(&f.data_type, zone), f.nullable)).collect()
}

/// Returns the Spark type of an Arrow type, or `None` for a type that Spark does not have.
pub fn to_spark(data_type: &Arrow) -> Option<DataType> {
    Some(match data_type {
        Arrow::Null => DataType::Null,
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int8 => DataType::Byte,
        // Spark has no unsigned types: the next larger signed one holds all values.
        Arrow::Int16 | Arrow::UInt8 => DataType::Short,
        Arrow::Int32 | Arrow::UInt16 => DataType::Integer,
        Arrow::Int64 | Arrow::UInt32 => DataType::Long,
        Arrow::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
        Arrow::Float16 | Arrow::Float32 => DataType::Float,
        Arrow::Float64 => DataType::Double,
        // Spark's decimals have no negative scale.
        Arrow::Decimal128(precision, scale) if *scale >= 0 => {
            DataType::Decimal { precision: *precision, scale: *scale }
        }
        // Several layouts of Arrow have one type in Spark. Whoever reads them converts to the layout of
        // `to_arrow`.
        Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => DataType::String,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => {
            DataType::Binary
        }
        Arrow::Date32 | Arrow::Date64 => DataType::Date,
        Arrow::Timestamp(_, Some(_)) => DataType::Timestamp,
        Arrow::Timestamp(_, None) => DataType::TimestampNtz,
        // The widest fields, since Arrow has none.
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

/// Returns the Spark schema of Arrow fields, or `None` if Spark does not have one of the types.
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

/// The key in the metadata of a field under which the fields of the intervals in its type are kept.
const INTERVALS_KEY: &str = "thalweg.interval_fields";

/// Adds the fields of the intervals in a Spark type to a field's metadata. Without intervals the field stays as it
/// is.
pub fn with_interval_fields(field: Field, data_type: &DataType) -> Field {
    let fields = interval_fields(data_type);
    if fields.is_empty() {
        return field;
    }
    let texts: Vec<String> = fields.iter().map(|(start, end)| format!("{start}-{end}")).collect();
    field.with_metadata([(INTERVALS_KEY.to_owned(), texts.join(" "))].into())
}

/// Returns the fields of the intervals in a column that [`with_interval_fields`] added.
pub fn kept_interval_fields(field: &Field) -> Vec<(u8, u8)> {
    let pair = |text: &str| {
        let (start, end) = text.split_once('-')?;
        Some((start.parse().ok()?, end.parse().ok()?))
    };
    field.metadata().get(INTERVALS_KEY).map_or(vec![], |text| text.split(' ').filter_map(pair).collect())
}

/// Returns the fields of all intervals in a type, from the first to the last.
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

/// Returns the precision and scale of Spark's decimal for an exact numeric type (`DecimalType.forType`); `None` for
/// other types.
pub fn exact_digits(data_type: &Arrow) -> Option<(i32, i32)> {
    match data_type {
        Arrow::Int8 => Some((3, 0)),
        Arrow::Int16 => Some((5, 0)),
        Arrow::Int32 => Some((10, 0)),
        // 19 digits would be enough, but Spark uses 20.
        Arrow::Int64 => Some((20, 0)),
        Arrow::Decimal128(precision, scale) => Some((i32::from(*precision), i32::from(*scale))),
        _ => None,
    }
}

/// Returns whether a decimal with this precision and scale can hold every value of an exact numeric type.
pub fn decimal_holds(data_type: &Arrow, precision: u8, scale: i8) -> bool {
    let (precision, scale) = (i32::from(precision), i32::from(scale));
    // Enough digits after the point, and enough before it.
    exact_digits(data_type).is_some_and(|(p, s)| scale >= s && precision - scale >= p - s)
}

/// Returns the name of an Arrow type as Spark's SQL writes it, `ARRAY<INT>`; Arrow's name for a type that Spark does
/// not have.
pub fn sql_name(data_type: &Arrow) -> String {
    to_spark(data_type).map_or_else(|| data_type.to_string().to_uppercase(), |t| t.sql())
}

/// Returns the name of an Arrow type as Spark's `simpleString` writes it, `array<int>`; Arrow's name for a type that
/// Spark does not have.
pub fn simple_name(data_type: &Arrow) -> String {
    to_spark(data_type).map_or_else(|| data_type.to_string(), |t| t.simple_string())
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
    fn a_field_keeps_the_fields_of_its_intervals() {
        let day = DataType::DayTimeInterval { start: 0, end: 0 };
        let month = DataType::YearMonthInterval { start: 1, end: 1 };
        let map = DataType::Map { key: Box::new(day), value: Box::new(month), value_contains_null: true };
        let field = with_interval_fields(Field::new("a", to_arrow(&map), true), &map);
        assert_eq!(kept_interval_fields(&field), [(0, 0), (1, 1)]);
        assert!(
            with_interval_fields(Field::new("a", Arrow::Int8, true), &DataType::Byte).metadata().is_empty()
        );
    }

    #[test]
    fn an_arrow_type_has_the_names_of_its_spark_type() {
        let array = DataType::Array { element: Box::new(DataType::Integer), contains_null: true };
        assert_eq!(sql_name(&to_arrow(&array)), "ARRAY<INT>");
        assert_eq!(simple_name(&to_arrow(&array)), "array<int>");
        assert_eq!(sql_name(&Arrow::Duration(TimeUnit::Microsecond)), "INTERVAL DAY TO SECOND");
        let field = StructField::new("a b", DataType::Long, false);
        let row = to_arrow(&DataType::Struct(StructType { fields: vec![field] }));
        assert_eq!(sql_name(&row), "STRUCT<`a b`: BIGINT NOT NULL>");
        assert_eq!(simple_name(&row), "struct<a b:bigint>");
    }
}
