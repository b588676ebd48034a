//! Texts of intervals: `6 hours`, `INTERVAL 1 DAY 5 seconds`, `10 minutes`.
//!
//! Answers with microseconds; calendar parts (months, years) have no fixed length and are refused.

use super::civil::{DAY, HOUR, MINUTE, SECOND};
use thalweg_common::{Error, ErrorKind, Result};

/// The microseconds of an interval's text.
///
/// # Errors
/// `CANNOT_PARSE_INTERVAL`, also for months and years.
pub fn parse_interval_micros(text: &str) -> Result<i64> {
    parse(text).ok_or_else(|| {
        let message = format!(
            "Unable to parse '{text}'. Please ensure that the value provided is in a valid format for defining \
             an interval. Months and years have no fixed length."
        );
        Error::new(ErrorKind::IllegalArgument, "CANNOT_PARSE_INTERVAL", "22006", message)
            .param("intervalString", format!("'{text}'"))
    })
}

fn parse(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let body = lower.strip_prefix("interval").unwrap_or(&lower).replace('\'', " ");
    let words: Vec<&str> = body.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return None;
    }
    let mut total = 0i64;
    for pair in words.chunks_exact(2) {
        let [number, unit] = pair else { return None };
        total = total.checked_add(part(number, unit)?)?;
    }
    Some(total)
}

fn part(number: &str, unit: &str) -> Option<i64> {
    let micros = unit_micros(unit)?;
    let Some((whole, fraction)) = number.split_once('.') else {
        return number.parse::<i64>().ok()?.checked_mul(micros);
    };
    // Only seconds have a fraction, of at most nine digits.
    if micros != SECOND || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let negative = whole.starts_with('-');
    let whole = if matches!(whole, "" | "-" | "+") { 0 } else { whole.parse::<i64>().ok()? };
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    let part = nanos / 1000;
    whole.checked_mul(SECOND)?.checked_add(if negative { -part } else { part })
}

fn unit_micros(unit: &str) -> Option<i64> {
    match unit.strip_suffix('s').unwrap_or(unit) {
        "week" => Some(7 * DAY),
        "day" => Some(DAY),
        "hour" => Some(HOUR),
        "minute" => Some(MINUTE),
        "second" => Some(SECOND),
        "millisecond" => Some(1000),
        "microsecond" => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn interval_texts() {
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
}
