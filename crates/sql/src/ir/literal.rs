//! Literals of SQL text and of clients.

use crate::types::{DataType, StructType};

/// A constant with its Spark type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A typed null; `DataType::Null` for a bare one.
    Null(DataType),
    /// `BOOLEAN`.
    Boolean(bool),
    /// `TINYINT`.
    Byte(i8),
    /// `SMALLINT`.
    Short(i16),
    /// `INT`.
    Integer(i32),
    /// `BIGINT`.
    Long(i64),
    /// `FLOAT`.
    Float(f32),
    /// `DOUBLE`.
    Double(f64),
    /// `DECIMAL`: the value is `unscaled * 10^-scale`.
    Decimal {
        /// The digits as an integer.
        unscaled: i128,
        /// The number of digits.
        precision: u8,
        /// The number of digits after the decimal point.
        scale: i8,
    },
    /// `STRING`.
    String(String),
    /// `BINARY`.
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00 of a wall clock, without a zone.
    TimestampNtz(i64),
    /// A timestamp whose text has no zone: the resolver reads it in the session's time zone.
    TimestampText(String),
    /// Microseconds, with the fields that were written.
    DayTimeInterval {
        /// The number of microseconds.
        micros: i64,
        /// The first field of the interval, as in the type.
        start: u8,
        /// The last field of the interval, as in the type.
        end: u8,
    },
    /// Months, with the fields that were written.
    YearMonthInterval {
        /// The number of months.
        months: i32,
        /// The first field of the interval, as in the type.
        start: u8,
        /// The last field of the interval, as in the type.
        end: u8,
    },
    /// Months, days and microseconds together.
    CalendarInterval {
        /// The number of months.
        months: i32,
        /// The number of days.
        days: i32,
        /// The number of microseconds.
        micros: i64,
    },
    /// An array.
    Array {
        /// The type of the elements.
        element: DataType,
        /// The elements.
        values: Vec<Literal>,
    },
    /// A map.
    Map {
        /// The type of the keys.
        key: DataType,
        /// The type of the values.
        value: DataType,
        /// The entries.
        entries: Vec<(Literal, Literal)>,
    },
    /// A struct.
    Struct {
        /// Its fields.
        fields: StructType,
        /// Their values, as many as there are fields.
        values: Vec<Literal>,
    },
}
