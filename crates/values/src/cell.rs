//! Builds a column from texts, cell by cell.
//!
//! `append` either appends one value, or returns false for a text that is not of the type and appends nothing: the
//! caller decides between a null, a dropped row and an error.

use crate::pattern::Pattern;
use crate::zone::Zone;
use crate::{datetime, number};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, NullBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;

/// The rules for parsing cells: the options that Spark's readers of CSV and JSON share.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRules {
    /// The zone of timestamps whose text names none.
    pub zone: Zone,
    /// The pattern of dates; `None` for the forms that CAST accepts.
    pub date: Option<Pattern>,
    /// The pattern of timestamps; `None` for the forms that CAST accepts.
    pub timestamp: Option<Pattern>,
    /// The pattern of timestamps without a zone; `None` for the forms that CAST accepts.
    pub timestamp_ntz: Option<Pattern>,
    /// The word for NaN.
    pub nan: String,
    /// The word for infinity.
    pub positive_inf: String,
    /// The word for negative infinity.
    pub negative_inf: String,
}

impl TextRules {
    /// Creates Spark's default rules in a zone.
    pub fn in_zone(zone: Zone) -> Self {
        // Spark's defaults of `nanValue`, `positiveInf` and `negativeInf`.
        let word = |word: &str| word.to_owned();
        Self {
            zone,
            date: None,
            timestamp: None,
            timestamp_ntz: None,
            nan: word("NaN"),
            positive_inf: word("Inf"),
            negative_inf: word("-Inf"),
        }
    }

    /// Parses a date to days since 1970-01-01.
    pub fn read_date(&self, text: &str) -> Option<i32> {
        match &self.date {
            Some(pattern) => pattern.date(text),
            None => datetime::date(text),
        }
    }

    /// Parses a timestamp to an instant in microseconds.
    pub fn read_timestamp(&self, text: &str) -> Option<i64> {
        self.timestamp(text, self.timestamp.as_ref())?.instant(self.zone)
    }

    /// Parses a timestamp without a zone to microseconds of local time. As in Spark, a text with a zone does not
    /// match.
    pub fn read_timestamp_ntz(&self, text: &str) -> Option<i64> {
        let read = self.timestamp(text, self.timestamp_ntz.as_ref())?;
        // Unlike CAST, which ignores the zone.
        if read.zone.is_none() { Some(read.local) } else { None }
    }

    fn timestamp(&self, text: &str, pattern: Option<&Pattern>) -> Option<datetime::Timestamp> {
        match pattern {
            Some(pattern) => pattern.parse(text).ok(),
            None => datetime::timestamp(text),
        }
    }

    /// Parses a double, or one of the words for NaN and infinity.
    pub fn read_double(&self, text: &str) -> Option<f64> {
        // The words replace none of the forms that Java accepts, which include `NaN` and `Infinity`.
        self.word(text).or_else(|| number::double(text))
    }

    /// Parses a float, or one of the words for NaN and infinity.
    pub fn read_float(&self, text: &str) -> Option<f32> {
        #[allow(clippy::cast_possible_truncation)] // What is not finite stays so.
        self.word(text).map(|v| v as f32).or_else(|| number::float(text))
    }

    /// Returns the number for one of the words for NaN and infinity.
    fn word(&self, text: &str) -> Option<f64> {
        match text {
            _ if text == self.nan => Some(f64::NAN),
            _ if text == self.positive_inf => Some(f64::INFINITY),
            _ if text == self.negative_inf => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }
}

/// A builder for each type that a cell can have.
#[derive(Debug)]
pub enum CellBuilder {
    /// VOID.
    Null(NullBuilder),
    /// BOOLEAN.
    Bool(BooleanBuilder),
    /// TINYINT.
    Int8(Int8Builder),
    /// SMALLINT.
    Int16(Int16Builder),
    /// INT.
    Int32(Int32Builder),
    /// BIGINT.
    Int64(Int64Builder),
    /// FLOAT.
    Float32(Float32Builder),
    /// DOUBLE.
    Float64(Float64Builder),
    /// DECIMAL, with its precision and scale.
    Decimal(Decimal128Builder, u8, i8),
    /// STRING.
    Text(StringBuilder),
    /// BINARY: the bytes of the text.
    Binary(BinaryBuilder),
    /// DATE.
    Date(Date32Builder),
    /// TIMESTAMP.
    Timestamp(TimestampMicrosecondBuilder),
    /// TIMESTAMP_NTZ.
    TimestampNtz(TimestampMicrosecondBuilder),
}

impl CellBuilder {
    /// Creates a builder for columns of a type, or returns `None` if cells cannot be of it.
    pub fn new(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Null => Self::Null(NullBuilder::new()),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int8 => Self::Int8(Int8Builder::new()),
            DataType::Int16 => Self::Int16(Int16Builder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float32 => Self::Float32(Float32Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Decimal128(p, s) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()), *p, *s)
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type.clone()))
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::TimestampNtz(TimestampMicrosecondBuilder::new())
            }
            _ => return None,
        })
    }

    /// Appends the value of `text`. Returns false and appends nothing if the text is not of this type.
    pub fn append(&mut self, text: &str, rules: &TextRules) -> bool {
        fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
            let found = value.is_some();
            value.map(append);
            found
        }
        match self {
            // A column of the type VOID has only nulls.
            Self::Null(_) => false,
            Self::Bool(b) => put(number::boolean(text), |v| b.append_value(v)),
            Self::Int8(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int16(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int32(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int64(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Float32(b) => put(rules.read_float(text), |v| b.append_value(v)),
            Self::Float64(b) => put(rules.read_double(text), |v| b.append_value(v)),
            // Spark parses decimals of files with the number format of a locale, which allows commas.
            Self::Decimal(b, p, s) => put(number::grouped_decimal(text, *p, *s), |v| b.append_value(v)),
            Self::Text(b) => put(Some(text), |v| b.append_value(v)),
            Self::Binary(b) => put(Some(text), |v| b.append_value(v)),
            Self::Date(b) => put(rules.read_date(text), |v| b.append_value(v)),
            Self::Timestamp(b) => put(rules.read_timestamp(text), |v| b.append_value(v)),
            Self::TimestampNtz(b) => put(rules.read_timestamp_ntz(text), |v| b.append_value(v)),
        }
    }

    /// Appends a null.
    pub fn append_null(&mut self) {
        match self {
            Self::Null(b) => b.append_null(),
            Self::Bool(b) => b.append_null(),
            Self::Int8(b) => b.append_null(),
            Self::Int16(b) => b.append_null(),
            Self::Int32(b) => b.append_null(),
            Self::Int64(b) => b.append_null(),
            Self::Float32(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::Decimal(b, ..) => b.append_null(),
            Self::Text(b) => b.append_null(),
            Self::Binary(b) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Timestamp(b) | Self::TimestampNtz(b) => b.append_null(),
        }
    }

    /// Returns the values so far and empties the builder.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Null(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int8(b) => Arc::new(b.finish()),
            Self::Int16(b) => Arc::new(b.finish()),
            Self::Int32(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::Float32(b) => Arc::new(b.finish()),
            Self::Float64(b) => Arc::new(b.finish()),
            Self::Decimal(b, ..) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
            Self::Binary(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Timestamp(b) | Self::TimestampNtz(b) => Arc::new(b.finish()),
        }
    }
}
