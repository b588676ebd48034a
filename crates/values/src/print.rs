//! Prints values by the patterns of a writer, for CSV and JSON files and `to_json`.
//!
//! A value is appended to a buffer without a string in between. The types that a format can print are checked before
//! the first row.

use crate::calendar::DAY;
use crate::display;
use crate::pattern::Pattern;
use crate::zone::Zone;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use thalweg_common::{Error, Result};

/// The zone and the patterns with which values are printed.
#[derive(Debug, Clone, PartialEq)]
pub struct PrintRules {
    /// The zone in which timestamps are shown.
    pub zone: Zone,
    /// The pattern of dates.
    pub date: Pattern,
    /// The pattern of timestamps.
    pub timestamp: Pattern,
    /// The pattern of timestamps without a zone.
    pub timestamp_ntz: Pattern,
}

impl PrintRules {
    /// Creates rules with the given patterns and Spark's default in place of each missing one.
    ///
    /// # Errors
    /// As [`Pattern::for_formatting`].
    pub fn new(
        zone: Zone,
        date: Option<&str>,
        timestamp: Option<&str>,
        timestamp_ntz: Option<&str>,
    ) -> Result<Self> {
        Ok(Self {
            zone,
            date: Pattern::for_formatting(date.unwrap_or("yyyy-MM-dd"))?,
            timestamp: Pattern::for_formatting(timestamp.unwrap_or("yyyy-MM-dd'T'HH:mm:ss.SSSXXXXX"))?,
            timestamp_ntz: Pattern::for_formatting(timestamp_ntz.unwrap_or("yyyy-MM-dd'T'HH:mm:ss.SSS"))?,
        })
    }

    /// Checks that values of a type, or inside of it, have every field that their pattern contains.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` for the hour of a date and the zone of a timestamp without one, for which Java raises
    /// too.
    pub fn check(&self, data_type: &DataType) -> Result<()> {
        match data_type {
            DataType::Date32 if self.date.has_time() || self.date.has_zone() => {
                Err(Error::unsupported("a time or zone in the pattern that dates are written by"))
            }
            DataType::Timestamp(_, None) if self.timestamp_ntz.has_zone() => {
                Err(Error::unsupported("a zone in the pattern that timestamps without a zone are written by"))
            }
            DataType::List(field) | DataType::Map(field, _) => self.check(field.data_type()),
            DataType::Struct(fields) => fields.iter().try_for_each(|field| self.check(field.data_type())),
            _ => Ok(()),
        }
    }
}

/// Returns whether values of a type can be printed. An interval is printed with the widest fields of its type. A
/// caller that knows its fields converts it first
/// ([`columns_with_interval_texts`](display::columns_with_interval_texts)).
pub fn can_print(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Boolean
            | T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::Float32
            | T::Float64
            | T::Decimal128(..)
            | T::Utf8
            | T::Date32
            | T::Timestamp(TimeUnit::Microsecond, _)
            | T::Duration(TimeUnit::Microsecond)
            | T::Interval(IntervalUnit::YearMonth)
    )
}

/// Appends the text of a value that is not null.
pub fn print(column: &dyn Array, row: usize, rules: &PrintRules, out: &mut String) {
    match column.data_type() {
        DataType::Date32 => {
            let local = i64::from(column.as_primitive::<Date32Type>().value(row)).saturating_mul(DAY);
            // A date is formatted as its midnight in UTC, since `check` has refused patterns with a time or a
            // zone.
            rules.date.format(local, local, Zone::UTC, out);
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let instant = column.as_primitive::<TimestampMicrosecondType>().value(row);
            rules.timestamp.format(rules.zone.to_local(instant), instant, rules.zone, out);
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let local = column.as_primitive::<TimestampMicrosecondType>().value(row);
            rules.timestamp_ntz.format(local, local, Zone::UTC, out);
        }
        // Unlike a cast, the writers of files show decimals as Java's `BigDecimal` does.
        DataType::Decimal128(_, scale) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            display::write_decimal_with_exponent(out, value, *scale);
        }
        DataType::Binary => display::write_bytes(out, column.as_binary::<i32>().value(row)),
        other => display::write_flat(out, other, column, row),
    }
}
