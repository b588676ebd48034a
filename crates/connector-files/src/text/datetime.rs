//! Dates and timestamps without a pattern: what Spark's cast from a string takes.
//!
//! `yyyy[-m[m][-d[d]]]`, then for timestamps `T` or a blank and `h[h][:m[m][:s[s][.fraction]]]`
//! and, after seconds, a zone. A time alone is not taken: it would mean another instant each day, and a stream
//! that replays would differ.

use super::Zone;
use chrono::NaiveDate;

pub(crate) const US_PER_DAY: i64 = 86_400_000_000;
const US_PER_SECOND: i64 = 1_000_000;
/// Days from 0001-01-01 to 1970-01-01.
const EPOCH_FROM_CE: i32 = 719_163;

/// Days since the epoch of a day that exists.
pub(crate) fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    use chrono::Datelike;
    NaiveDate::from_ymd_opt(year, month, day).map(|d| d.num_days_from_ce() - EPOCH_FROM_CE)
}

/// A date; anything after a complete day and a blank or `T` is left out, as Spark does.
pub(crate) fn date(text: &str) -> Option<i32> {
    let mut scan = Scan::new(text.trim());
    let (day, complete) = scan.date()?;
    let tail = scan.rest();
    (tail.is_empty() || (complete && tail.starts_with([' ', 'T']))).then_some(day)
}

/// A timestamp in microseconds; `zone` is for text that names none.
pub fn timestamp(text: &str, zone: Zone) -> Option<i64> {
    let (local, named) = wall_clock(text)?;
    named.unwrap_or(zone).instant(local)
}

/// A timestamp without a zone; text that names one is refused.
pub(crate) fn timestamp_ntz(text: &str) -> Option<i64> {
    match wall_clock(text)? {
        (local, None) => Some(local),
        _ => None,
    }
}

fn wall_clock(text: &str) -> Option<(i64, Option<Zone>)> {
    let mut scan = Scan::new(text.trim());
    let (day, complete) = scan.date()?;
    let midnight = i64::from(day).checked_mul(US_PER_DAY)?;
    if scan.rest().is_empty() {
        return Some((midnight, None));
    }
    if !complete || !(scan.eat(b' ') || scan.eat(b'T')) {
        return None;
    }
    if scan.rest().is_empty() {
        return Some((midnight, None));
    }
    let (time, complete) = scan.time()?;
    let rest = scan.rest();
    let zone = match rest {
        "" => None,
        _ if complete => Some(Zone::parse(rest)?),
        _ => return None,
    };
    Some((midnight.checked_add(time)?, zone))
}

/// A cursor over the text of one value.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// The value of the next digits, at least `min` and at most `max` of them.
    fn digits(&mut self, min: usize, max: usize) -> Option<i64> {
        let length = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if length < min || length > max {
            return None;
        }
        let value = self.rest().get(..length)?.parse().ok();
        self.at += length;
        value
    }

    /// Days since the epoch, and whether month and day were both given.
    fn date(&mut self) -> Option<(i32, bool)> {
        let negative = self.eat(b'-');
        if !negative {
            self.eat(b'+');
        }
        let year = i32::try_from(self.digits(4, 7)?).ok()?;
        let year = if negative { -year } else { year };
        if !self.eat(b'-') {
            return Some((days(year, 1, 1)?, false));
        }
        let month = u32::try_from(self.digits(1, 2)?).ok()?;
        if !self.eat(b'-') {
            return Some((days(year, month, 1)?, false));
        }
        let day = u32::try_from(self.digits(1, 2)?).ok()?;
        Some((days(year, month, day)?, true))
    }

    /// Microseconds since midnight, and whether seconds were given.
    fn time(&mut self) -> Option<(i64, bool)> {
        let hour = self.digits(1, 2)?;
        let minute = if self.eat(b':') { self.digits(1, 2)? } else { 0 };
        let complete = self.eat(b':');
        let second = if complete { self.digits(1, 2)? } else { 0 };
        let fraction = if self.eat(b'.') { self.fraction() } else { 0 };
        let fits = hour < 24 && minute < 60 && second < 60;
        fits.then_some(((hour * 3600 + minute * 60 + second) * US_PER_SECOND + fraction, complete))
    }

    /// Microseconds of a decimal fraction; digits beyond the sixth are cut.
    fn fraction(&mut self) -> i64 {
        let (mut value, mut unit) = (0, US_PER_SECOND / 10);
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit);
        let mut length = 0;
        for digit in digits {
            value += i64::from(digit - b'0') * unit;
            unit /= 10;
            length += 1;
        }
        self.at += length;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_may_be_short_or_have_a_tail() {
        let cases = [
            ("1970-01-02", Some(1)),
            ("1970-1-2", Some(1)),
            ("1970", Some(0)),
            ("1970-02", Some(31)),
            (" 1970-01-02 ", Some(1)),
            ("1970-01-02T10:00", Some(1)),
            ("1970-01-02 x", Some(1)),
            ("1970-02-30", None),
            ("70-01-02", None),
            ("1970-01-02x", None),
            ("1970/01/02", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(date(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_timestamp_takes_the_zone_it_names_or_the_session_s() {
        let paris = Zone::Fixed(3600);
        let cases = [
            ("1970-01-01 01:00:00", Some(0)),
            ("1970-01-01T01:00:00.5", Some(500_000)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1970-01-01T02:00+02:00", None),
            ("1970-01-01 00:00:00 UTC", Some(0)),
            ("1970-01-01", Some(-3_600_000_000)),
            ("1970-01-01 01:00:00.1234567", Some(123_456)),
            ("1970-01-01 25:00", None),
            ("12:30", None),
            ("1970-01-01 01:00:00 Nowhere/X", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(timestamp(text, paris), wanted, "{text}");
        }
        assert_eq!(timestamp_ntz("1970-01-01 01:00:00"), Some(3_600_000_000));
        assert_eq!(timestamp_ntz("1970-01-01 01:00:00Z"), None);
    }
}
