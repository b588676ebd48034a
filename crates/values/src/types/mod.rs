//! Defines Spark's data types, their names in every form that Spark writes, and their layout in Arrow.
//!
//! The text of a nested type is parsed by the crate `sql`; this module parses only the names of types that are not
//! nested.

mod arrow;
mod display;
mod json;
mod name;

use std::collections::BTreeMap;

pub use arrow::{
    CALENDAR_INTERVAL, DAY_TIME_INTERVAL, TIMESTAMP_NTZ, YEAR_MONTH_INTERVAL, decimal_holds, element_field,
    entries_field, exact_digits, interval_fields, kept_interval_fields, schema_to_spark, simple_name,
    sql_name, struct_fields, struct_fields_in, timestamp, to_arrow, to_arrow_in, to_spark,
    with_interval_fields,
};
pub use json::{data_type_from_json, not_a_struct, schema_from_json};

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
    /// Precision 1..=38, scale 0..=precision.
    Decimal {
        /// The number of digits.
        precision: u8,
        /// The number of digits after the point.
        scale: i8,
    },
    /// UTF-8 text, `string`.
    String,
    /// `char(n)`: reads as a string padded to `n` characters.
    Char(u32),
    /// `varchar(n)`: reads as a string of at most `n` characters.
    Varchar(u32),
    /// Bytes, `binary`.
    Binary,
    /// A day of the calendar, `date`.
    Date,
    /// An instant (`TIMESTAMP`, with local time zone), microseconds.
    Timestamp,
    /// A local time without a zone, microseconds.
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
    /// `map<key,value>`.
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
    /// The fields in their order.
    pub fields: Vec<StructField>,
}

/// One field of a struct or one column of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructField {
    /// The name as it was written.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether a value may be null.
    pub nullable: bool,
    /// Spark's column metadata, as JSON text by key (`comment` is a JSON string under `"comment"`).
    pub metadata: BTreeMap<String, String>,
}

impl DataType {
    /// Returns the same type in which every part may be null.
    #[must_use]
    pub fn as_nullable(&self) -> Self {
        match self {
            Self::Array { element, .. } => {
                Self::Array { element: Box::new(element.as_nullable()), contains_null: true }
            }
            Self::Map { key, value, .. } => Self::Map {
                key: Box::new(key.as_nullable()),
                value: Box::new(value.as_nullable()),
                value_contains_null: true,
            },
            Self::Struct(fields) => Self::Struct(fields.as_nullable()),
            leaf => leaf.clone(),
        }
    }
}

impl StructType {
    /// Returns the same fields, which may be null, and so may every part of them. Tables that a query fills have these
    /// columns, as in Spark.
    ///
    /// ```
    /// use thalweg_values::types::{DataType, StructField, StructType};
    ///
    /// let counted = StructType { fields: vec![StructField::new("n", DataType::Long, false)] };
    /// assert!(counted.as_nullable().fields[0].nullable);
    /// ```
    #[must_use]
    pub fn as_nullable(&self) -> Self {
        let nullable = |f: &StructField| StructField {
            data_type: f.data_type.as_nullable(),
            nullable: true,
            ..f.clone()
        };
        Self { fields: self.fields.iter().map(nullable).collect() }
    }
}

impl StructField {
    /// Creates a field without metadata.
    pub fn new(name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self { name: name.into(), data_type, nullable, metadata: BTreeMap::new() }
    }
}
