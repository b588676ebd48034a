//! Parses texts of intervals: `1 day 2 hours`, `1-2` by the fields of a type, `INTERVAL '1 02:03:04.5' DAY TO
//! SECOND`.
//!
//! Years and months make a year-month interval, weeks to microseconds a day-time interval. A text with both is
//! refused, as for Spark's ANSI intervals.

use crate::calendar::{DAY, HOUR, MINUTE, SECOND};
use crate::datetime::trim;
use thalweg_common::{Error, ErrorKind, Result};

/// First and last field of an interval's type: 0 to 3 are DAY to SECOND, or 0 and 1 are YEAR and MONTH.
pub type Fields = (u8, u8);

/// A unit in texts of intervals.
#[derive(Debug)]
pub struct Unit {
    /// The name in capitals, without the `S` of the plural.
    pub name: &'static str,
    /// Whether the unit counts months; otherwise it counts microseconds.
    pub is_month: bool,
    /// The number of its field in interval types.
    pub field: u8,
    /// The number of months or microseconds of the unit.
    pub size: i64,
}

const fn unit(name: &'static str, is_month: bool, field: u8, size: i64) -> Unit {
    Unit { name, is_month, field, size }
}

/// All units, from the largest one of each family. There are no nanoseconds, since intervals cannot hold them.
pub const UNITS: [Unit; 9] = [
    unit("YEAR", true, 0, 12),
    unit("MONTH", true, 1, 1),
    unit("WEEK", false, 0, 7 * DAY),
    unit("DAY", false, 0, DAY),
    unit("HOUR", false, 1, HOUR),
    unit("MINUTE", false, 2, MINUTE),
    unit("SECOND", false, 3, SECOND),
    unit("MILLISECOND", false, 3, 1000),
    unit("MICROSECOND", false, 3, 1),
];

/// Returns the unit with this name, in singular or plural and in any case.
pub fn find_unit(word: &str) -> Option<&'static Unit> {
    let upper = word.to_ascii_uppercase();
    // No unit ends with `S` in the singular.
    let singular = upper.strip_suffix('S').unwrap_or(&upper);
    UNITS.iter().find(|u| u.name == singular)
}

/// Returns the unit of a field of an interval type.
fn field_unit(is_month: bool, field: u8) -> Option<&'static Unit> {
    UNITS.iter().find(|u| u.is_month == is_month && u.field == field && u.name != "WEEK")
}

/// An interval, with the fields that occur in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// A year-month interval.
    Months {
        /// The number of months.
        months: i32,
        /// The fields of its type.
        fields: Fields,
    },
    /// A day-time interval.
    Micros {
        /// The number of microseconds.
        micros: i64,
        /// The fields of its type.
        fields: Fields,
    },
}

/// The sum of the parts of an interval.
///
/// ```
/// use thalweg_values::interval::{Interval, Sum, find_unit};
/// let mut sum = Sum::default();
/// assert!(find_unit("hours").and_then(|hours| sum.add(false, "2", hours)).is_some());
/// assert_eq!(sum.interval(), Some(Interval::Micros { micros: 7_200_000_000, fields: (1, 1) }));
/// ```
#[derive(Debug, Default)]
pub struct Sum {
    amount: i64,
    is_month: Option<bool>,
    start: u8,
    end: u8,
}

impl Sum {
    /// Adds a number of units, or subtracts it. Returns `None` for an invalid number, an overflow, and a mixture of
    /// months with other units.
    pub fn add(&mut self, negative: bool, number: &str, unit: &Unit) -> Option<()> {
        if self.mixes_with(unit) {
            return None;
        }
        let part = scaled(number, unit)?;
        let part = if negative { part.checked_neg()? } else { part };
        self.amount = self.amount.checked_add(part)?;
        let first = self.is_month.is_none();
        self.start = if first { unit.field } else { self.start.min(unit.field) };
        self.end = if first { unit.field } else { self.end.max(unit.field) };
        self.is_month = Some(unit.is_month);
        Some(())
    }

    /// Returns whether the unit is of the other kind than those before: years and months don't mix with days and
    /// smaller units, because no month has a fixed number of days.
    pub fn mixes_with(&self, unit: &Unit) -> bool {
        self.is_month.is_some_and(|is_month| is_month != unit.is_month)
    }

    /// Returns whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.is_month.is_none()
    }

    /// Returns the interval, or `None` if nothing was added or it is out of range.
    pub fn interval(&self) -> Option<Interval> {
        let fields = (self.start, self.end);
        Some(match self.is_month? {
            true => Interval::Months { months: i32::try_from(self.amount).ok()?, fields },
            false => Interval::Micros { micros: self.amount, fields },
        })
    }
}

/// Converts a number of units to months or microseconds. As in Spark, only seconds may have a fraction.
fn scaled(number: &str, unit: &Unit) -> Option<i64> {
    let (body, negative) = signed(number.trim());
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if body.contains('.') && unit.name != "SECOND" {
        return None;
    }
    let whole: i64 = if whole.is_empty() && !fraction.is_empty() { 0 } else { digits(whole)? };
    let fraction = if fraction.is_empty() { 0 } else { fraction_micros(fraction)? };
    let total = whole.checked_mul(unit.size)?.checked_add(fraction)?;
    Some(if negative { -total } else { total })
}

/// Splits the sign off a text, and returns whether it is a minus.
fn signed(text: &str) -> (&str, bool) {
    match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    }
}

/// Parses digits without a sign.
fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Parses one to nine digits of a fraction of a second to microseconds. Those after the sixth are dropped.
fn fraction_micros(text: &str) -> Option<i64> {
    // Spark accepts nanoseconds and drops them.
    if text.len() > 9 {
        return None;
    }
    digits(text)?;
    // Padded with zeros on the right: `.5` is 500,000 microseconds.
    format!("{text:0<6}").get(..6)?.parse().ok()
}

/// Parses pairs of a number and a unit, optionally after the word `interval`: `1 day -2 hours`.
pub fn parse_units(text: &str) -> Option<Interval> {
    let mut words = text.split_whitespace().peekable();
    if words.peek().is_some_and(|w| w.eq_ignore_ascii_case("interval")) {
        words.next();
    }
    let mut sum = Sum::default();
    while let Some(number) = words.next() {
        let negative = number == "-";
        let number = if negative || number == "+" { words.next()? } else { number };
        sum.add(negative, number, find_unit(words.next()?)?)?;
    }
    sum.interval()
}

/// Parses an interval, whose numbers may be quoted, to microseconds: `6 hours`, `INTERVAL '1' DAY`.
///
/// # Errors
/// `CANNOT_PARSE_INTERVAL`, also for months and years, which have no fixed length.
pub fn parse_interval_micros(text: &str) -> Result<i64> {
    match parse_units(&text.replace('\'', " ")) {
        Some(Interval::Micros { micros, .. }) => Ok(micros),
        _ => {
            let message = format!(
                "Unable to parse '{text}'. Please ensure that the value provided is in a valid format for defining \
                 an interval. Months and years have no fixed length."
            );
            Err(Error::new(ErrorKind::IllegalArgument, "CANNOT_PARSE_INTERVAL", "22006", message)
                .param("intervalString", format!("'{text}'")))
        }
    }
}

/// Parses the text in the quotes of `INTERVAL '…' DAY TO SECOND`, which has a number for each of the fields.
pub fn parse_range(text: &str, negative: bool, from: &Unit, to: &Unit) -> Option<Interval> {
    if from.is_month != to.is_month || from.field >= to.field {
        return None;
    }
    let (body, minus) = signed(text.trim());
    // `1-2` for years and months, `1 02:03:04` for days to seconds.
    let parts: Vec<&str> =
        if from.is_month { body.split('-').collect() } else { body.split([' ', ':']).collect() };
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    if parts.len() != usize::from(to.field - from.field) + 1 {
        return None;
    }
    let mut sum = Sum::default();
    for (part, field) in parts.into_iter().zip(from.field..=to.field) {
        let unit = field_unit(from.is_month, field)?;
        let whole = digits(part.split('.').next()?)?;
        // Only the first field may exceed its unit: `100:30` hours and minutes, but not `1 24` days and hours.
        if field > from.field && whole >= limit(unit) {
            return None;
        }
        sum.add(minus != negative, part, unit)?;
    }
    sum.interval()
}

/// Returns the number of a unit that make the next larger one.
fn limit(unit: &Unit) -> i64 {
    match unit.name {
        "MONTH" => 12,
        "HOUR" => 24,
        _ => 60,
    }
}

/// Parses a day-time interval with these fields to microseconds: `1 02:03:04.5`, `INTERVAL '1' DAY`.
pub fn day_time(text: &str, (start, end): Fields) -> Option<i64> {
    let (inner, outer) = body(text, false, (start, end))?;
    let (mut rest, negative) = signed(trim(inner));
    let mut total = 0i64;
    for field in start..=end {
        let separator = if field == 0 { ' ' } else { ':' };
        let part = match field == end {
            true => std::mem::take(&mut rest),
            false => {
                let (part, after) = rest.split_once(separator)?;
                rest = after;
                part
            }
        };
        // Only seconds, field 3, may have a fraction.
        let (whole, fraction) = match (field, part.split_once('.')) {
            (3, Some((whole, fraction))) => (whole, fraction_micros(fraction)?),
            (_, Some(_)) => return None,
            (_, None) => (part, 0),
        };
        let (value, unit) = (digits(whole)?, field_unit(false, field)?);
        if field > start && (value >= limit(unit) || whole.len() > 2) {
            return None;
        }
        total = total.checked_add(value.checked_mul(unit.size)?)?.checked_add(fraction)?;
    }
    Some(if negative == outer { total } else { -total })
}

/// Parses a year-month interval with these fields to months: `1-2`, or years or months alone.
pub fn year_month(text: &str, fields: Fields) -> Option<i64> {
    let (inner, outer) = body(text, true, fields)?;
    let (rest, negative) = signed(trim(inner));
    let total = match fields {
        (0, 0) => digits(rest)?.checked_mul(12)?,
        (1, 1) => digits(rest)?,
        _ => {
            let (years, months) = rest.split_once('-')?;
            let months = digits(months).filter(|m| *m < 12)?;
            digits(years)?.checked_mul(12)?.checked_add(months)?
        }
    };
    Some(if negative == outer { total } else { -total })
}

/// Returns the text in the quotes of `INTERVAL '…' DAY TO HOUR`, or the text itself, and whether a sign before the
/// quotes negates it. `None` if the fields after the quotes are not the expected ones.
fn body(text: &str, is_month: bool, (start, end): Fields) -> Option<(&str, bool)> {
    let text = trim(text);
    if !text.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("interval")) {
        return Some((text, false));
    }
    let rest = text.get(8..)?.trim_start();
    let (rest, negated) = match rest.as_bytes().first()? {
        b'-' => (rest.get(1..)?, true),
        b'+' => (rest.get(1..)?, false),
        _ => (rest, false),
    };
    let (inner, unit) = rest.strip_prefix('\'')?.split_once('\'')?;
    let (first, last) = (field_unit(is_month, start)?.name, field_unit(is_month, end)?.name);
    // The fields must be exactly those of the type: an `INTERVAL '1' DAY` is not read as DAY TO HOUR.
    let words: Vec<String> = unit.split_whitespace().map(str::to_ascii_uppercase).collect();
    let wanted = if start == end { vec![first] } else { vec![first, "TO", last] };
    words.iter().map(String::as_str).eq(wanted).then_some((inner, negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_units_are_summed() {
        let cases = [
            ("6 hours", Some(6 * HOUR)),
            ("INTERVAL 1 DAY", Some(DAY)),
            ("interval '2' minutes", Some(2 * MINUTE)),
            ("10 minutes 5 seconds", Some(10 * MINUTE + 5 * SECOND)),
            ("1.5 seconds", Some(1_500_000)),
            ("-0.5 second", Some(-500_000)),
            ("1 week", Some(7 * DAY)),
            ("1 month", None),
            ("1", None),
            ("", None),
            ("x days", None),
            ("1.5 hours", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_interval_micros(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn texts_are_read_by_the_fields_of_a_type() {
        let cases = [
            ("1", (0, 0), Some(DAY)),
            ("-1", (0, 0), Some(-DAY)),
            (" 1 02 ", (0, 1), Some(DAY + 2 * HOUR)),
            ("1 02:03:04.5", (0, 3), Some(DAY + 2 * HOUR + 3 * MINUTE + 4_500_000)),
            ("100:30", (1, 2), Some(100 * HOUR + 30 * MINUTE)),
            ("INTERVAL '1' DAY", (0, 0), Some(DAY)),
            ("interval -'1' day", (0, 0), Some(-DAY)),
            ("INTERVAL '1' DAY", (0, 1), None),
            ("INTERVAL 1 DAY", (0, 0), None),
            ("1 24", (0, 1), None),
            ("1.5", (0, 0), None),
            ("0.123456789", (3, 3), Some(123_456)),
            ("", (0, 0), None),
            ("x", (0, 0), None),
        ];
        for (text, fields, expect) in cases {
            assert_eq!(day_time(text, fields), expect, "{text} {fields:?}");
        }
        let cases = [
            ("1-2", (0, 1), Some(14)),
            ("-1-2", (0, 1), Some(-14)),
            ("1-12", (0, 1), None),
            ("3", (1, 1), Some(3)),
            ("3", (0, 0), Some(36)),
            ("INTERVAL '1-2' YEAR TO MONTH", (0, 1), Some(14)),
            ("1", (0, 1), None),
        ];
        for (text, fields, expect) in cases {
            assert_eq!(year_month(text, fields), expect, "{text} {fields:?}");
        }
    }
}
