//! Casts of intervals, which depend on the fields of their types: `INTERVAL DAY` is not `INTERVAL DAY TO SECOND`.
//!
//! Arrow has one type for all fields, so the caller says which they are.

use crate::binding::{Arg, Bound, CastMode};
use crate::display::intervals_as_texts;
use crate::errors::{bad_interval, cannot_cast, overflow};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::time::civil::{DAY, HOUR, MINUTE, SECOND};
use crate::types::{DAY_TIME, YEAR_MONTH, is_integral};
use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, DurationMicrosecondType, Int64Type, IntervalYearMonthType};
use thalweg_common::Result;

/// First and last field of an interval's type: 0 to 3 are DAY to SECOND, or 0 and 1 are YEAR and MONTH.
pub type Fields = (u8, u8);

/// Microseconds of a field of a day-time interval.
const UNITS: [i64; 4] = [DAY, HOUR, MINUTE, SECOND];

fn fields_of(b: &Batch) -> Result<Fields> {
    b.params().copied()
}

fn unit(field: u8) -> i64 {
    UNITS.get(usize::from(field)).copied().unwrap_or(SECOND)
}

/// A value with the intervals in it as texts, such as `INTERVAL '1' DAY`; the fields are those of its intervals in
/// their order.
pub fn intervals_to_texts(arg: Arg, fields: &[Fields]) -> Bound {
    let texts = intervals_as_texts(&new_empty_array(&arg.data_type), &mut std::iter::repeat((0, 0)));
    Kernel::new("intervals_to_texts", texts.data_type().clone(), to_texts)
        .params(fields.to_vec())
        .call(vec![arg])
}

fn to_texts(b: &Batch) -> Result<ArrayRef> {
    let fields: &Vec<Fields> = b.params()?;
    Ok(intervals_as_texts(&b.array(0)?, &mut fields.iter().copied()))
}

/// A text as an interval of these fields.
pub fn interval_from_text(arg: Arg, to: &DataType, fields: Fields, mode: CastMode) -> Bound {
    let (name, run): (_, crate::kernel::Run) = match mode {
        CastMode::Ansi => ("interval_from_text", |b| from_text(b, false)),
        CastMode::Try => ("try_interval_from_text", |b| from_text(b, true)),
    };
    let kernel = Kernel::new(name, to.clone(), run).nulls(Nulls::Always).params(fields);
    kernel.fallible(mode == CastMode::Ansi).call(vec![arg])
}

fn from_text(b: &Batch, tries: bool) -> Result<ArrayRef> {
    let (text, fields) = (b.strings(0)?, fields_of(b)?);
    let months = b.returns == &YEAR_MONTH;
    let read = |s: &str| if months { read_months(s, fields) } else { read_micros(s, fields) };
    let value = |i: usize| match text.get(i).map(|s| (s, read(s))) {
        None => Ok(None),
        Some((_, Some(value))) => Ok(Some(value)),
        Some(_) if tries => Ok(None),
        Some((s, None)) => Err(bad_interval(s)),
    };
    if months {
        return b.build::<IntervalYearMonthType>(|i| {
            let made = value(i)?.map(i32::try_from).transpose();
            made.map_err(|_| overflow("integer overflow", None))
        });
    }
    b.build::<DurationMicrosecondType>(value)
}

/// What stands in the quotes of `INTERVAL '…' DAY TO HOUR`, or the text itself; true if a sign before them negates it.
fn body<'t>(text: &'t str, names: &[&str], (start, end): Fields) -> Option<(&'t str, bool)> {
    let text = text.trim();
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
    let name = |field: u8| names.get(usize::from(field)).copied();
    let (first, last) = (name(start)?, name(end)?);
    let words: Vec<String> = unit.split_whitespace().map(str::to_ascii_lowercase).collect();
    let wanted = if start == end { vec![first] } else { vec![first, "to", last] };
    words.iter().map(String::as_str).eq(wanted).then_some((inner, negated))
}

fn signed(text: &str) -> (&str, bool) {
    match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    }
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `1 02:03:04.5`, as far as the fields go.
fn read_micros(text: &str, (start, end): Fields) -> Option<i64> {
    let (inner, outer) = body(text, &["day", "hour", "minute", "second"], (start, end))?;
    let (mut rest, negative) = signed(inner.trim());
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
        let (whole, fraction) = match (field, part.split_once('.')) {
            (3, Some((whole, fraction))) => (whole, micros_of(fraction)?),
            (_, Some(_)) => return None,
            (_, None) => (part, 0),
        };
        let value = digits(whole)?;
        let most = if field == 1 { 23 } else { 59 };
        if field > start && (value > most || whole.len() > 2) {
            return None;
        }
        total = total.checked_add(value.checked_mul(unit(field))?)?.checked_add(fraction)?;
    }
    Some(if negative == outer { total } else { -total })
}

/// Up to nine digits of a second; those after the sixth are dropped.
fn micros_of(fraction: &str) -> Option<i64> {
    if fraction.len() > 9 {
        return None;
    }
    digits(fraction)?;
    format!("{fraction:0<6}").get(..6)?.parse().ok()
}

/// `1-2`, or years or months alone.
fn read_months(text: &str, (start, end): Fields) -> Option<i64> {
    let (inner, outer) = body(text, &["year", "month"], (start, end))?;
    let (rest, negative) = signed(inner.trim());
    let total = match (start, end) {
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

/// An interval without what is smaller than its type's last field.
pub fn interval_cut(arg: Arg, (start, end): Fields) -> Bound {
    let data_type = arg.data_type.clone();
    Kernel::new("interval_cut", data_type, cut).params((start, end)).call(vec![arg])
}

fn cut(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    if b.returns == &YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<IntervalYearMonthType>(|i| Ok(value.get(i).map(|v| v - v % size)));
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    let size = if end == 3 { 1 } else { unit(end) };
    b.build::<DurationMicrosecondType>(|i| Ok(value.get(i).map(|v| v - v % size)))
}

/// An interval of one field as a BIGINT that counts it.
///
/// # Errors
/// An interval of several fields has no number.
pub fn interval_to_long(arg: Arg, fields: Fields) -> Result<Bound> {
    if fields.0 != fields.1 {
        return Err(cannot_cast(&arg.data_type, &DataType::Int64));
    }
    Ok(Kernel::new("interval_to_long", DataType::Int64, to_long).params(fields).call(vec![arg]))
}

fn to_long(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    if b.type_of(0)? == YEAR_MONTH {
        let value = b.prims::<IntervalYearMonthType>(0)?;
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<Int64Type>(|i| Ok(value.get(i).map(|v| i64::from(v / size))));
    }
    let value = b.prims::<DurationMicrosecondType>(0)?;
    b.build::<Int64Type>(|i| Ok(value.get(i).map(|v| v / unit(end))))
}

/// An integer as an interval that counts the last of the fields.
///
/// # Errors
/// No other type becomes an interval.
pub fn interval_from_long(arg: Arg, to: &DataType, fields: Fields) -> Result<Bound> {
    if !is_integral(&arg.data_type) || (to != &DAY_TIME && to != &YEAR_MONTH) || fields.0 != fields.1 {
        return Err(cannot_cast(&arg.data_type, to));
    }
    let kernel = Kernel::new("interval_from_long", to.clone(), from_long).fallible(true);
    let long = datafusion::logical_expr::Expr::Cast(datafusion::logical_expr::Cast::new(
        Box::new(arg.expr),
        DataType::Int64,
    ));
    Ok(kernel.params(fields).call(vec![Arg { expr: long, data_type: DataType::Int64, ..arg }]))
}

fn from_long(b: &Batch) -> Result<ArrayRef> {
    let (_, end) = fields_of(b)?;
    let value = b.prims::<Int64Type>(0)?;
    if b.returns == &YEAR_MONTH {
        let size = if end == 0 { 12 } else { 1 };
        return b.build::<IntervalYearMonthType>(|i| {
            let months = |v: i64| v.checked_mul(size).and_then(|m| i32::try_from(m).ok());
            let made = value.get(i).map(|v| months(v).ok_or_else(|| overflow("integer overflow", None)));
            made.transpose()
        });
    }
    b.build::<DurationMicrosecondType>(|i| {
        let made =
            value.get(i).map(|v| v.checked_mul(unit(end)).ok_or_else(|| overflow("long overflow", None)));
        made.transpose()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_their_fields() {
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
            assert_eq!(read_micros(text, fields), expect, "{text} {fields:?}");
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
            assert_eq!(read_months(text, fields), expect, "{text} {fields:?}");
        }
    }
}
