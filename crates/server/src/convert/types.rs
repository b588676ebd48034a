//! Converts data types between protobuf and Spark's, in both directions.
//!
//! A schema as text is JSON or DDL. Types that are not supported are refused by name.

use super::{invalid, metadata, required};
use spark_connect_proto as pb;
use spark_connect_proto::data_type::Kind;
use std::collections::BTreeMap;
use thalweg_common::{Error, Result};
use thalweg_sql::types::{DataType, StructField, StructType, parse_data_type};

/// Converts a type from protobuf.
pub(crate) fn from_proto(proto: pb::DataType) -> Result<DataType> {
    let pb::DataType { kind } = proto;
    match required(kind, "DataType.kind")? {
        Kind::Null(pb::data_type::Null { type_variation_reference: _ }) => Ok(DataType::Null),
        Kind::Boolean(pb::data_type::Boolean { type_variation_reference: _ }) => Ok(DataType::Boolean),
        Kind::Byte(pb::data_type::Byte { type_variation_reference: _ }) => Ok(DataType::Byte),
        Kind::Short(pb::data_type::Short { type_variation_reference: _ }) => Ok(DataType::Short),
        Kind::Integer(pb::data_type::Integer { type_variation_reference: _ }) => Ok(DataType::Integer),
        Kind::Long(pb::data_type::Long { type_variation_reference: _ }) => Ok(DataType::Long),
        Kind::Float(pb::data_type::Float { type_variation_reference: _ }) => Ok(DataType::Float),
        Kind::Double(pb::data_type::Double { type_variation_reference: _ }) => Ok(DataType::Double),
        Kind::Binary(pb::data_type::Binary { type_variation_reference: _ }) => Ok(DataType::Binary),
        Kind::Date(pb::data_type::Date { type_variation_reference: _ }) => Ok(DataType::Date),
        Kind::Timestamp(pb::data_type::Timestamp { type_variation_reference: _ }) => Ok(DataType::Timestamp),
        Kind::TimestampNtz(pb::data_type::TimestampNtz { type_variation_reference: _ }) => {
            Ok(DataType::TimestampNtz)
        }
        Kind::CalendarInterval(pb::data_type::CalendarInterval { type_variation_reference: _ }) => {
            Ok(DataType::CalendarInterval)
        }
        Kind::Decimal(decimal) => decimal_type(decimal),
        Kind::String(string) => string_type(string),
        Kind::Char(pb::data_type::Char { length, type_variation_reference: _ }) => {
            Ok(DataType::Char(length_of(length)?))
        }
        Kind::VarChar(pb::data_type::VarChar { length, type_variation_reference: _ }) => {
            Ok(DataType::Varchar(length_of(length)?))
        }
        Kind::YearMonthInterval(interval) => year_month_type(interval),
        Kind::DayTimeInterval(interval) => day_time_type(interval),
        Kind::Array(array) => array_type(*array),
        Kind::Struct(fields) => Ok(DataType::Struct(struct_type(fields)?)),
        Kind::Map(map) => map_type(*map),
        Kind::Unparsed(pb::data_type::Unparsed { data_type_string }) => parse_data_type(&data_type_string),
        Kind::Variant(_) => Err(Error::unsupported("the type VARIANT")),
        Kind::Udt(_) => Err(Error::unsupported("user-defined types")),
        Kind::Geometry(_) | Kind::Geography(_) => Err(Error::unsupported("geospatial types")),
        Kind::Time(_) => Err(Error::unsupported("the type TIME")),
        Kind::TimestampNtzNanos(_) | Kind::TimestampLtzNanos(_) => {
            Err(Error::unsupported("timestamps of nanoseconds"))
        }
    }
}

/// Converts a schema from protobuf.
pub(crate) fn schema_from_proto(proto: pb::DataType) -> Result<StructType> {
    as_schema(from_proto(proto)?)
}

fn as_schema(data_type: DataType) -> Result<StructType> {
    match data_type {
        DataType::Struct(schema) => Ok(schema),
        // Spark reads a single type as a table of one column named `value`.
        other => Ok(StructType { fields: vec![StructField::new("value", other, true)] }),
    }
}

fn decimal_type(proto: pb::data_type::Decimal) -> Result<DataType> {
    let pb::data_type::Decimal { scale, precision, type_variation_reference: _ } = proto;
    // The defaults are those of Spark's type `DECIMAL` without a size.
    let (precision, scale) = (precision.unwrap_or(10), scale.unwrap_or(0));
    let fits = |p: u8, s: i8| (1..=38).contains(&p) && s >= 0 && s.unsigned_abs() <= p;
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if fits(precision, scale) => Ok(DataType::Decimal { precision, scale }),
        _ => Err(invalid(format!("decimal({precision},{scale}) is not a decimal type."))),
    }
}

fn string_type(proto: pb::data_type::String) -> Result<DataType> {
    let pb::data_type::String { type_variation_reference: _, collation } = proto;
    match collation.as_str() {
        "" | "UTF8_BINARY" => Ok(DataType::String),
        // Other collations would compare and sort differently, so none is read as the default.
        other => Err(Error::unsupported(format!("the collation {other}"))),
    }
}

fn length_of(length: i32) -> Result<u32> {
    u32::try_from(length).map_err(|_| invalid(format!("A length of {length} characters.")))
}

/// Converts a field of an interval type, which is in `0..=last`.
fn interval_field(field: Option<i32>, default: u8, last: u8) -> Result<u8> {
    match field.map(u8::try_from) {
        None => Ok(default),
        Some(Ok(field)) if field <= last => Ok(field),
        Some(_) => Err(invalid("An interval type has a field that does not exist.")),
    }
}

fn year_month_type(proto: pb::data_type::YearMonthInterval) -> Result<DataType> {
    let pb::data_type::YearMonthInterval { start_field, end_field, type_variation_reference: _ } = proto;
    // A start without an end is a type of one field, as `INTERVAL YEAR`; neither is the widest type.
    let start = interval_field(start_field, 0, 1)?;
    Ok(DataType::YearMonthInterval {
        start,
        end: interval_field(end_field, start_field.map_or(1, |_| start), 1)?,
    })
}

fn day_time_type(proto: pb::data_type::DayTimeInterval) -> Result<DataType> {
    let pb::data_type::DayTimeInterval { start_field, end_field, type_variation_reference: _ } = proto;
    let start = interval_field(start_field, 0, 3)?;
    Ok(DataType::DayTimeInterval {
        start,
        end: interval_field(end_field, start_field.map_or(3, |_| start), 3)?,
    })
}

fn array_type(proto: pb::data_type::Array) -> Result<DataType> {
    let pb::data_type::Array { element_type, contains_null, type_variation_reference: _ } = proto;
    let element = from_proto(*required(element_type, "Array.element_type")?)?;
    Ok(DataType::Array { element: Box::new(element), contains_null })
}

fn map_type(proto: pb::data_type::Map) -> Result<DataType> {
    let pb::data_type::Map { key_type, value_type, value_contains_null, type_variation_reference: _ } = proto;
    let key = Box::new(from_proto(*required(key_type, "Map.key_type")?)?);
    let value = Box::new(from_proto(*required(value_type, "Map.value_type")?)?);
    Ok(DataType::Map { key, value, value_contains_null })
}

fn struct_type(proto: pb::data_type::Struct) -> Result<StructType> {
    let pb::data_type::Struct { fields, type_variation_reference: _ } = proto;
    let fields = fields.into_iter().map(struct_field).collect::<Result<_>>()?;
    Ok(StructType { fields })
}

fn struct_field(proto: pb::data_type::StructField) -> Result<StructField> {
    let pb::data_type::StructField { name, data_type, nullable, metadata } = proto;
    let data_type = from_proto(required(data_type, "StructField.data_type")?)?;
    let metadata = metadata.as_deref().map_or(Ok(BTreeMap::new()), metadata::metadata)?;
    Ok(StructField { name, data_type, nullable, metadata })
}

/// Converts a type to protobuf.
pub(crate) fn to_proto(data_type: &DataType) -> pb::DataType {
    let kind = match data_type {
        DataType::Null => Kind::Null(Default::default()),
        DataType::Boolean => Kind::Boolean(Default::default()),
        DataType::Byte => Kind::Byte(Default::default()),
        DataType::Short => Kind::Short(Default::default()),
        DataType::Integer => Kind::Integer(Default::default()),
        DataType::Long => Kind::Long(Default::default()),
        DataType::Float => Kind::Float(Default::default()),
        DataType::Double => Kind::Double(Default::default()),
        DataType::Decimal { precision, scale } => decimal_to_proto(*precision, *scale),
        DataType::String => Kind::String(pb::data_type::String {
            collation: "UTF8_BINARY".to_owned(),
            type_variation_reference: 0,
        }),
        DataType::Char(n) => {
            Kind::Char(pb::data_type::Char { length: characters(*n), type_variation_reference: 0 })
        }
        DataType::Varchar(n) => {
            Kind::VarChar(pb::data_type::VarChar { length: characters(*n), type_variation_reference: 0 })
        }
        DataType::Binary => Kind::Binary(Default::default()),
        DataType::Date => Kind::Date(Default::default()),
        DataType::Timestamp => Kind::Timestamp(Default::default()),
        DataType::TimestampNtz => Kind::TimestampNtz(Default::default()),
        DataType::CalendarInterval => Kind::CalendarInterval(Default::default()),
        DataType::YearMonthInterval { start, end } => year_month_to_proto(*start, *end),
        DataType::DayTimeInterval { start, end } => day_time_to_proto(*start, *end),
        DataType::Array { element, contains_null } => Kind::Array(Box::new(pb::data_type::Array {
            element_type: Some(Box::new(to_proto(element))),
            contains_null: *contains_null,
            type_variation_reference: 0,
        })),
        DataType::Map { key, value, value_contains_null } => Kind::Map(Box::new(pb::data_type::Map {
            key_type: Some(Box::new(to_proto(key))),
            value_type: Some(Box::new(to_proto(value))),
            value_contains_null: *value_contains_null,
            type_variation_reference: 0,
        })),
        DataType::Struct(schema) => Kind::Struct(struct_to_proto(schema)),
    };
    pb::DataType { kind: Some(kind) }
}

fn decimal_to_proto(precision: u8, scale: i8) -> Kind {
    Kind::Decimal(pb::data_type::Decimal {
        scale: Some(i32::from(scale)),
        precision: Some(i32::from(precision)),
        type_variation_reference: 0,
    })
}

/// Returns the length of a character type. The types of a client have lengths of 31 bits; a longer one in a SQL text
/// has no limit that a text could reach.
fn characters(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn year_month_to_proto(start: u8, end: u8) -> Kind {
    Kind::YearMonthInterval(pb::data_type::YearMonthInterval {
        start_field: Some(i32::from(start)),
        end_field: Some(i32::from(end)),
        type_variation_reference: 0,
    })
}

fn day_time_to_proto(start: u8, end: u8) -> Kind {
    Kind::DayTimeInterval(pb::data_type::DayTimeInterval {
        start_field: Some(i32::from(start)),
        end_field: Some(i32::from(end)),
        type_variation_reference: 0,
    })
}

fn struct_to_proto(schema: &StructType) -> pb::data_type::Struct {
    let field = |f: &StructField| pb::data_type::StructField {
        name: f.name.clone(),
        data_type: Some(to_proto(&f.data_type)),
        nullable: f.nullable,
        metadata: (!f.metadata.is_empty()).then(|| metadata::metadata_text(&f.metadata)),
    };
    pb::data_type::Struct { fields: schema.fields.iter().map(field).collect(), type_variation_reference: 0 }
}

/// Converts a schema to protobuf.
pub(crate) fn schema_to_proto(schema: &StructType) -> pb::DataType {
    pb::DataType { kind: Some(Kind::Struct(struct_to_proto(schema))) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_type_survives_the_way_there_and_back() {
        let list = DataType::Array { element: Box::new(DataType::Long), contains_null: false };
        let map = DataType::Map {
            key: Box::new(DataType::String),
            value: Box::new(list.clone()),
            value_contains_null: true,
        };
        let mut commented = StructField::new("m", map, true);
        commented.metadata.insert("comment".into(), "\"a \\\"b\\\"\"".into());
        let fields = vec![commented, StructField::new("x", DataType::Varchar(7), false)];
        for data_type in [
            DataType::Null,
            DataType::Boolean,
            DataType::Byte,
            DataType::Short,
            DataType::Integer,
            DataType::Float,
            DataType::Double,
            DataType::Decimal { precision: 12, scale: 3 },
            DataType::Char(3),
            DataType::Binary,
            DataType::Date,
            DataType::Timestamp,
            DataType::TimestampNtz,
            DataType::CalendarInterval,
            DataType::YearMonthInterval { start: 1, end: 1 },
            DataType::DayTimeInterval { start: 0, end: 2 },
            list,
            DataType::Struct(StructType { fields }),
        ] {
            assert_eq!(from_proto(to_proto(&data_type)).unwrap(), data_type);
        }
    }

    #[test]
    fn a_type_that_is_not_there_is_refused_by_name() {
        let variant = pb::DataType { kind: Some(Kind::Variant(Default::default())) };
        assert!(from_proto(variant).unwrap_err().message().contains("VARIANT"));
    }
}
