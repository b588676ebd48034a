//! A column that is built from text, cell by cell, without a value in between.
//!
//! `append` either appends one value or says that the text is none of the type and appends
//! nothing: the caller decides between a null, a dropped row and an error.

use super::{Zone, datetime, number, pattern::Pattern};
use crate::types::spark_name;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, NullBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind};

/// How text becomes values: Spark's options that reading CSV and JSON share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextRules {
    pub zone: Zone,
    /// None: what a cast takes.
    pub date: Option<Pattern>,
    pub timestamp: Option<Pattern>,
    pub timestamp_ntz: Option<Pattern>,
    pub nan: String,
    pub positive_inf: String,
    pub negative_inf: String,
}

impl TextRules {
    /// Days since the epoch.
    pub fn read_date(&self, text: &str) -> Option<i32> {
        match &self.date {
            Some(pattern) => pattern.date(text),
            None => datetime::date(text),
        }
    }

    /// Microseconds of an instant.
    pub fn read_timestamp(&self, text: &str) -> Option<i64> {
        match &self.timestamp {
            Some(pattern) => pattern.timestamp(text, self.zone),
            None => datetime::timestamp(text, self.zone),
        }
    }

    /// Microseconds of a wall clock.
    pub fn read_timestamp_ntz(&self, text: &str) -> Option<i64> {
        match &self.timestamp_ntz {
            Some(pattern) => pattern.timestamp_ntz(text),
            None => datetime::timestamp_ntz(text),
        }
    }

    /// A double, or one of the words for what is not a number.
    pub fn read_double(&self, text: &str) -> Option<f64> {
        match text {
            _ if text == self.nan => Some(f64::NAN),
            _ if text == self.positive_inf => Some(f64::INFINITY),
            _ if text == self.negative_inf => Some(f64::NEG_INFINITY),
            _ => number::double(text),
        }
    }
}

/// A builder for each type that a cell of text can have.
#[derive(Debug)]
pub(crate) enum CellBuilder {
    Null(NullBuilder),
    Bool(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampNtz(TimestampMicrosecondBuilder),
}

impl CellBuilder {
    /// A builder for columns of that type, if text can be of it.
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

    /// Appends the value of `text`; false, and nothing appended, if it is none of this type.
    pub fn append(&mut self, text: &str, rules: &TextRules) -> bool {
        fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
            let found = value.is_some();
            value.map(append);
            found
        }
        match self {
            Self::Null(_) => false,
            Self::Bool(b) => put(number::boolean(text), |v| b.append_value(v)),
            Self::Int8(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int16(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int32(b) => put(number::integer(text), |v| b.append_value(v)),
            Self::Int64(b) => put(number::integer(text), |v| b.append_value(v)),
            #[allow(clippy::cast_possible_truncation)] // Spark's FLOAT has this much of the double
            Self::Float32(b) => put(rules.read_double(text), |v| b.append_value(v as f32)),
            Self::Float64(b) => put(rules.read_double(text), |v| b.append_value(v)),
            Self::Decimal(b, p, s) => {
                let value = number::grouped(text).and_then(|v| number::rescale(v, *p, *s));
                put(value, |v| b.append_value(v))
            }
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

    /// The values so far; the builder is empty afterwards.
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

/// A column whose type a format can't hold, as Spark says it.
pub fn unsupported_type(format: &str, column: &str, data_type: &DataType) -> Error {
    let data_type = spark_name(data_type).to_uppercase();
    Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!("The {format} datasource doesn't support the column `{column}` of the type \"{data_type}\"."),
    )
    .param("format", format)
    .param("columnName", format!("`{column}`"))
    .param("columnType", format!("\"{data_type}\""))
}
