//! Infers the type that holds CSV cells, by Spark's rules.
//!
//! A type only widens, in Spark's order: int, bigint, decimal, double, date, timestamp, boolean, string.

use crate::cell::TextRules;
use crate::{datetime, number};
use arrow::datatypes::{DataType, TimeUnit};

/// The widest of the types that the cells of a column had so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellType {
    /// No cell that says anything.
    #[default]
    Nothing,
    /// INT.
    Int,
    /// BIGINT.
    Long,
    /// DECIMAL of so many digits, none of them after the point.
    Decimal(u8),
    /// DOUBLE.
    Double,
    /// DATE.
    Date,
    /// TIMESTAMP.
    Timestamp,
    /// BOOLEAN.
    Boolean,
    /// STRING.
    Text,
}

impl CellType {
    /// The type that holds a cell too; `prefer_date`: a date is no timestamp.
    pub fn widened(self, text: &str, rules: &TextRules, prefer_date: bool) -> Self {
        if self == Self::Text { self } else { merge(self, narrowest(self, text, rules, prefer_date)) }
    }

    /// Spark's type.
    pub fn data_type(self) -> DataType {
        data_type(self)
    }
}

/// The narrowest type of `text` that is not narrower than what was seen.
fn narrowest(seen: CellType, text: &str, rules: &TextRules, prefer_date: bool) -> CellType {
    let rank = rank(seen);
    if rank <= 1 && number::integer::<i32>(text).is_some() {
        return CellType::Int;
    }
    if rank <= 2 && number::integer::<i64>(text).is_some() {
        return CellType::Long;
    }
    if rank <= 3
        // Spark infers a decimal for whole numbers alone; one with a fraction is a double.
        && let Some(size) = number::decimal_size(text).filter(|size| size.scale == 0)
    {
        return CellType::Decimal(size.precision);
    }
    if rank <= 4 && rules.read_double(text).is_some() {
        return CellType::Double;
    }
    if rank <= 5 && prefer_date && is_date(text, rules) {
        return CellType::Date;
    }
    if rank <= 6 && rules.read_timestamp(text).is_some() {
        return CellType::Timestamp;
    }
    if rank <= 7 && number::boolean(text).is_some() { CellType::Boolean } else { CellType::Text }
}

/// Inference takes only complete dates, so that a year is a number and a timestamp none.
fn is_date(text: &str, rules: &TextRules) -> bool {
    match &rules.date {
        Some(pattern) => pattern.date(text).is_some(),
        None => text.len() == 10 && datetime::date(text).is_some() && !text.contains(['T', ' ']),
    }
}

fn rank(seen: CellType) -> u8 {
    match seen {
        CellType::Nothing => 0,
        CellType::Int => 1,
        CellType::Long => 2,
        CellType::Decimal(_) => 3,
        CellType::Double => 4,
        CellType::Date => 5,
        CellType::Timestamp => 6,
        CellType::Boolean => 7,
        CellType::Text => 8,
    }
}

fn merge(a: CellType, b: CellType) -> CellType {
    let (low, high) = if rank(a) <= rank(b) { (a, b) } else { (b, a) };
    match (low, high) {
        (CellType::Nothing, other) => other,
        (CellType::Decimal(p), CellType::Decimal(q)) => CellType::Decimal(p.max(q)),
        // As decimals an INT has 10 digits and a BIGINT 20.
        (CellType::Int, CellType::Decimal(q)) => CellType::Decimal(q.max(10)),
        (CellType::Long, CellType::Decimal(q)) => CellType::Decimal(q.max(20)),
        (a, b) if a == b => a,
        (CellType::Int | CellType::Long | CellType::Decimal(_), CellType::Long | CellType::Double) => high,
        // A date is also read as a timestamp, at midnight.
        (CellType::Date, CellType::Timestamp) => CellType::Timestamp,
        _ => CellType::Text,
    }
}

fn data_type(seen: CellType) -> DataType {
    match seen {
        CellType::Nothing | CellType::Text => DataType::Utf8,
        CellType::Int => DataType::Int32,
        CellType::Long => DataType::Int64,
        CellType::Decimal(p) => DataType::Decimal128(p, 0),
        CellType::Double => DataType::Float64,
        CellType::Date => DataType::Date32,
        CellType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        CellType::Boolean => DataType::Boolean,
    }
}
