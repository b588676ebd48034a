//! Spark's cast of texts to dates and times: which texts are dates, which are timestamps.
//!
//! `y[y..]-[m]m-[d]d` and shorter, then optionally `T` or a space and a time. Knows no patterns.

use super::civil::{DAY, HOUR, MINUTE, SECOND, checked_days};
use super::zone::Zone;

/// A timestamp's text, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// Wall clock in microseconds.
    pub local: i64,
    /// The zone that the text names.
    pub zone: Option<Zone>,
}

/// The day number of a text, as CAST(.. AS DATE) reads it.
pub(crate) fn date(text: &str) -> Option<i64> {
    let text = trim(text);
    let (days, rest) = date_prefix(text)?;
    let complete = rest.is_empty() || rest.starts_with([' ', 'T']);
    (complete && i32::try_from(days).is_ok()).then_some(days)
}

/// The wall clock and zone of a text, as CAST(.. AS TIMESTAMP) reads it. `today` is the day of a text
/// that holds only a time.
pub(crate) fn timestamp(text: &str, today: Option<i64>) -> Option<Read> {
    let text = trim(text);
    if let Some(time) = text.strip_prefix('T') {
        return with_time(today?, time);
    }
    if text.find(':').is_some_and(|i| i <= 2) {
        return with_time(today?, text);
    }
    let (days, rest) = date_prefix(text)?;
    match rest.strip_prefix(['T', ' ']) {
        Some(time) if !time.is_empty() => with_time(days, time),
        Some(_) => Some(Read { local: days.checked_mul(DAY)?, zone: None }),
        None if rest.is_empty() => Some(Read { local: days.checked_mul(DAY)?, zone: None }),
        None => None,
    }
}

/// The text without the white space and control characters around it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// Reads `[+-]yyyy[-mm[-dd]]`: the day and what follows.
fn date_prefix(text: &str) -> Option<(i64, &str)> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let (year, rest) = number(body, 4, 7)?;
    let year = sign * year;
    let Some(rest) = rest.strip_prefix('-') else {
        return Some((checked_days(year, 1, 1)?, rest));
    };
    let (month, rest) = number(rest, 1, 2)?;
    let month = u32::try_from(month).ok()?;
    let Some(rest) = rest.strip_prefix('-') else {
        return Some((checked_days(year, month, 1)?, rest));
    };
    let (day, rest) = number(rest, 1, 2)?;
    Some((checked_days(year, month, u32::try_from(day).ok()?)?, rest))
}

/// Reads `[h]h[:[m]m[:[s]s[.fraction][zone]]]` on a day.
fn with_time(days: i64, text: &str) -> Option<Read> {
    let (hour, rest) = number(text, 1, 2)?;
    let (minute, rest) = part(rest, ':')?;
    let (second, rest) = if rest.is_empty() { (None, rest) } else { part(rest, ':')? };
    if hour > 23 || minute.is_some_and(|m| m > 59) || second.is_some_and(|s| s > 59) {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(r) => fraction(r),
        None => (0, rest),
    };
    let zone = match rest.trim_start() {
        "" => None,
        // A zone, like a fraction, follows seconds only.
        name => Some(Zone::parse(name).filter(|_| second.is_some())?),
    };
    let time = hour * HOUR + minute.unwrap_or(0) * MINUTE + second.unwrap_or(0) * SECOND + fraction;
    Some(Read { local: days.checked_mul(DAY)?.checked_add(time)?, zone })
}

/// Reads a separator and one or two digits, or nothing at the end of the text.
fn part(text: &str, separator: char) -> Option<(Option<i64>, &str)> {
    if text.is_empty() {
        return Some((None, text));
    }
    let (value, rest) = number(text.strip_prefix(separator)?, 1, 2)?;
    Some((Some(value), rest))
}

/// Reads a number of `min..=max` digits.
fn number(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits < min || digits > max {
        return None;
    }
    let (head, rest) = text.split_at_checked(digits)?;
    Some((head.parse().ok()?, rest))
}

/// Reads the digits of a fraction of a second: those after the sixth are dropped.
fn fraction(text: &str) -> (i64, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (head, rest) = text.split_at_checked(digits).unwrap_or((text, ""));
    let mut micros = 0;
    for i in 0..6 {
        let digit = head.as_bytes().get(i).map_or(0, |b| i64::from(b - b'0'));
        micros = micros * 10 + digit;
    }
    (micros, rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn dates_are_read_as_spark_reads_them() {
        let cases = [
            ("1970-01-02", Some(1)),
            ("1970", Some(0)),
            ("1970-1-2", Some(1)),
            (" 1970-01-02 ", Some(1)),
            ("1970-01-02T00", Some(1)),
            ("1970-01-02 x", Some(1)),
            ("1970-01-02x", None),
            ("70-01-02", None),
            ("1970-13-01", None),
            ("1970-02-30", None),
            ("", None),
            ("abc", None),
            ("1970-01-", None),
        ];
        for (text, expect) in cases {
            assert_eq!(date(text), expect, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_as_spark_reads_them() {
        let at = |local| Some(Read { local, zone: None });
        let cases = [
            ("1970-01-01 00:00:01", at(SECOND)),
            ("1970-01-01T0:0:1.5", at(SECOND + 500_000)),
            ("1970-01-01", at(0)),
            ("1970-01-01 00:01", at(MINUTE)),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:00:00.1234567", at(123_456)),
            ("1970-01-01 01", at(HOUR)),
            ("1970-01-01 00:", None),
            ("1970-01-01 00:00Z", None),
            ("1970-01-01 00:00:01Z", Some(Read { local: SECOND, zone: Some(Zone::Fixed(0)) })),
            ("1970-01-01 00:00:01+08:00", Some(Read { local: SECOND, zone: Some(Zone::Fixed(28_800)) })),
        ];
        for (text, expect) in cases {
            assert_eq!(timestamp(text, None), expect, "{text}");
        }
    }
}
