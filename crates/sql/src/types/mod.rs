//! Spark's data types, as a user names them.
//!
//! Holds the types alone; how a type is laid out in Arrow is the business of `plan`.

mod display;
mod json;
mod parse;

use std::collections::BTreeMap;

pub use json::{data_type_from_json, schema_from_json};
pub use parse::{parse_data_type, parse_ddl_schema, parse_type_or_schema};

/// A Spark SQL data type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// The type of a bare `NULL` (Spark's `void`).
    Null,
    /// `boolean`.
    Boolean,
    /// 8-bit signed, `tinyint`.
    Byte,
    /// 16-bit signed, `smallint`.
    Short,
    /// 32-bit signed, `int`.
    Integer,
    /// 64-bit signed, `bigint`.
    Long,
    /// 32-bit floating point, `float`.
    Float,
    /// 64-bit floating point, `double`.
    Double,
    /// `decimal(precision, scale)`.
    Decimal {
        /// The number of digits, from 1 to 38.
        precision: u8,
        /// The number of digits after the decimal point, from 0 to `precision`.
        scale: i8,
    },
    /// `string`, UTF-8.
    String,
    /// `char(n)`: reads as a string padded to `n` characters.
    Char(u32),
    /// `varchar(n)`: reads as a string of at most `n` characters.
    Varchar(u32),
    /// `binary`.
    Binary,
    /// `date`, days.
    Date,
    /// An instant (`TIMESTAMP`, with local time zone), microseconds.
    Timestamp,
    /// A wall-clock time without zone, microseconds.
    TimestampNtz,
    /// `INTERVAL DAY TO SECOND` and its parts, microseconds; fields 0 (day) to 3 (second).
    DayTimeInterval {
        /// The first field.
        start: u8,
        /// The last field.
        end: u8,
    },
    /// `INTERVAL YEAR TO MONTH` and its parts, months; fields 0 (year) and 1 (month).
    YearMonthInterval {
        /// The first field.
        start: u8,
        /// The last field.
        end: u8,
    },
    /// Months, days and microseconds together.
    CalendarInterval,
    /// `array<element>`.
    Array {
        /// The type of the elements.
        element: Box<DataType>,
        /// Whether an element may be null.
        contains_null: bool,
    },
    /// `map<key, value>`.
    Map {
        /// The type of the keys, which are never null.
        key: Box<DataType>,
        /// The type of the values.
        value: Box<DataType>,
        /// Whether a value may be null.
        value_contains_null: bool,
    },
    /// `struct<…>`.
    Struct(StructType),
}

/// An ordered list of fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StructType {
    /// The fields, in order.
    pub fields: Vec<StructField>,
}

/// One field of a struct or one column of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// The name.
    pub name: String,
    /// The type.
    pub data_type: DataType,
    /// Whether a value may be null.
    pub nullable: bool,
    /// Spark's column metadata, as JSON text by key (`comment` is a JSON string under `"comment"`).
    pub metadata: BTreeMap<String, String>,
}

impl StructField {
    /// A field without metadata.
    pub fn new(name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self { name: name.into(), data_type, nullable, metadata: BTreeMap::new() }
    }
}
