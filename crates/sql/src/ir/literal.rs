//! Literals as a client or a text states them.

use crate::types::DataType;

/// A constant with its Spark type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A typed null; `DataType::Null` for a bare one.
    Null(DataType),
    Boolean(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// `unscaled * 10^-scale`.
    Decimal {
        unscaled: i128,
        precision: u8,
        scale: i8,
    },
    String(String),
    Binary(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00 of a wall clock.
    TimestampNtz(i64),
    /// A timestamp whose text has no zone: read in the session's time zone by the resolver.
    TimestampText(String),
    /// Microseconds, with the fields that were written.
    DayTimeInterval {
        micros: i64,
        start: u8,
        end: u8,
    },
    /// Months, with the fields that were written.
    YearMonthInterval {
        months: i32,
        start: u8,
        end: u8,
    },
    CalendarInterval {
        months: i32,
        days: i32,
        micros: i64,
    },
    Array {
        element: DataType,
        values: Vec<Literal>,
    },
    Map {
        key: DataType,
        value: DataType,
        entries: Vec<(Literal, Literal)>,
    },
    Struct {
        data_type: DataType,
        values: Vec<Literal>,
    },
}
