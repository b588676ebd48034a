//! Parses texts of dates and timestamps without a pattern, as Spark's CAST from a string does.
//!
//! Dates are `yyyy[-[m]m[-[d]d]]`; timestamps are a complete day, `T` or a space, and a time. A time without a day is
//! taken only where the time of the statement is known: in a stream that replays it would mean another instant.

use crate::calendar::{DAY, HOUR, MINUTE, SECOND, checked_days};
use crate::zone::Zone;

/// A parsed timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// The local time in microseconds.
    pub local: i64,
    /// The zone that the text names, if it names one.
    pub zone: Option<Zone>,
}

impl Timestamp {
    /// Returns the instant in microseconds, in the zone `session` if the text names none. `None` if a TIMESTAMP
    /// cannot hold it.
    pub fn instant(&self, session: Zone) -> Option<i64> {
        // Two days are more than any offset, so that the conversion cannot overflow.
        let in_range = self.local.checked_abs()? < i64::MAX - 2 * DAY;
        in_range.then(|| self.zone.unwrap_or(session).to_utc(self.local))
    }
}

/// Parses a date to its day number. As in Spark, anything may follow a complete day after a space or `T`.
pub fn date(text: &str) -> Option<i32> {
    let day = day(trim(text))?;
    let ends = day.rest.is_empty() || (day.complete && day.rest.starts_with([' ', 'T']));
    if ends { i32::try_from(day.number).ok() } else { None }
}

/// Parses a timestamp to its local time and zone.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let day = day(trim(text))?;
    if day.rest.is_empty() {
        return Some(Timestamp { local: day.number.checked_mul(DAY)?, zone: None });
    }
    let time = day.rest.strip_prefix(['T', ' ']).filter(|_| day.complete)?;
    with_time(day.number, time)
}

/// The instant of a text in the zone `session`, where a time without a day (`T12:00`, `12:00`) is on the day of `now`.
pub fn instant_at(text: &str, session: Zone, now_micros: i64) -> Option<i64> {
    if let Some(read) = timestamp(text) {
        return read.instant(session);
    }
    // Spark drops the white space before a time, but not before a `T`.
    let time = match text.strip_prefix('T') {
        Some(time) => trim(time),
        None => trim(text).split_once(':').map(|_| trim(text))?,
    };
    let read = with_time(0, time)?;
    let today = read.zone.unwrap_or(session).to_local(now_micros).div_euclid(DAY);
    Timestamp { local: read.local + today * DAY, ..read }.instant(session)
}

/// Removes the white space and the control characters around a text, as Spark's `UTF8String.trimAll` does.
pub fn trim(text: &str) -> &str {
    // All controls of ASCII, but no other blanks: U+00A0 makes a text malformed in Spark too.
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// The day that a text begins with.
struct Day<'a> {
    number: i64,
    /// Whether the text has a month and a day.
    complete: bool,
    /// The text after the day.
    rest: &'a str,
}

/// Parses `[+-]yyyy[-mm[-dd]]` at the start of a text.
fn day(text: &str) -> Option<Day<'_>> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    // Spark requires four digits; seven are enough for all years of a DATE.
    let (year, rest) = number(body, 4, 7)?;
    let year = sign * year;
    let Some(rest) = rest.strip_prefix('-') else {
        return Some(Day { number: checked_days(year, 1, 1)?, complete: false, rest });
    };
    let (month, rest) = number(rest, 1, 2)?;
    let month = u32::try_from(month).ok()?;
    let Some(rest) = rest.strip_prefix('-') else {
        return Some(Day { number: checked_days(year, month, 1)?, complete: false, rest });
    };
    let (day, rest) = number(rest, 1, 2)?;
    Some(Day { number: checked_days(year, month, u32::try_from(day).ok()?)?, complete: true, rest })
}

/// Parses `[h]h[:[m]m[:[s]s[.fraction][zone]]]` as a time of a day.
fn with_time(days: i64, text: &str) -> Option<Timestamp> {
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
        // Spark accepts a zone, like a fraction, only after seconds.
        name => Some(Zone::parse(name).filter(|_| second.is_some())?),
    };
    let time = hour * HOUR + minute.unwrap_or(0) * MINUTE + second.unwrap_or(0) * SECOND + fraction;
    Some(Timestamp { local: days.checked_mul(DAY)?.checked_add(time)?, zone })
}

/// Parses a separator and one or two digits, or nothing at the end of the text.
fn part(text: &str, separator: char) -> Option<(Option<i64>, &str)> {
    if text.is_empty() {
        return Some((None, text));
    }
    let (value, rest) = number(text.strip_prefix(separator)?, 1, 2)?;
    Some((Some(value), rest))
}

/// Parses a number of `min..=max` digits at the start of a text, and returns it with the rest.
fn number(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits < min || digits > max {
        return None;
    }
    let (head, rest) = text.split_at_checked(digits)?;
    Some((head.parse().ok()?, rest))
}

/// Parses the digits of a fraction of a second to microseconds. Digits after the sixth are dropped.
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
            ("1970-01 x", None),
            ("1970 x", None),
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
    fn times_are_on_the_day_of_the_statement() {
        let now = 20 * DAY + 23 * HOUR;
        let cases = [
            ("T12:00", Some(20 * DAY + 12 * HOUR)),
            ("12:00 ", Some(20 * DAY + 12 * HOUR)),
            (" 1:2:3", Some(20 * DAY + HOUR + 2 * MINUTE + 3 * SECOND)),
            ("T1", Some(20 * DAY + HOUR)),
            ("12:00:00+08:00", Some(21 * DAY + 4 * HOUR)),
            ("1970-01-02 03:00", Some(DAY + 3 * HOUR)),
            (" T12:00", None),
            ("12", None),
            ("12:", None),
            ("24:00", None),
            ("012:00", None),
            ("1:2:3:4", None),
            ("12:00+01:00", None),
        ];
        for (text, expect) in cases {
            assert_eq!(instant_at(text, Zone::UTC, now), expect, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_as_spark_reads_them() {
        let at = |local| Some(Timestamp { local, zone: None });
        let cases = [
            ("1970-01-01 00:00:01", at(SECOND)),
            ("1970-01-01T0:0:1.5", at(SECOND + 500_000)),
            ("1970-01-01", at(0)),
            ("1970-01-01 00:01", at(MINUTE)),
            ("1970-01-01T", None),
            ("1970-01T00:00:00", None),
            ("00:01", None),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:00:00.1234567", at(123_456)),
            ("1970-01-01 01", at(HOUR)),
            ("1970-01-01 00:", None),
            ("1970-01-01 00:00Z", None),
            ("1970-01-01 00:00:01Z", Some(Timestamp { local: SECOND, zone: Some(Zone::Fixed(0)) })),
            ("1970-01-01 00:00:01+08:00", Some(Timestamp { local: SECOND, zone: Some(Zone::Fixed(28_800)) })),
        ];
        for (text, expect) in cases {
            assert_eq!(timestamp(text), expect, "{text}");
        }
    }
}
