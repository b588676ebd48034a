//! Converts the text of a literal to a date or a timestamp.
//!
//! Spark's forms: `y`, `y-m`, `y-m-d`, then optionally a `T` or blank, `h:m[:s[.fraction]]` and a zone.
//! Proleptic Gregorian calendar. Names of regions are recognised, not looked up: that needs the zone
//! database, which the resolver has.

/// A wall-clock time and the zone behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Microseconds of the wall clock since 1970-01-01T00:00:00.
    pub(crate) micros: i64,
    pub(crate) zone: Zone,
}

/// The zone that a text states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    None,
    /// Seconds east of UTC.
    Offset(i32),
    /// A name such as `Europe/Berlin`.
    Region,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days since 1970-01-01. What follows the date behind a blank or `T` is ignored, as Spark does.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    let date = text.split(['T', ' ']).next()?;
    i32::try_from(date_days(date)?).ok()
}

/// A date with its time of day and zone.
pub(crate) fn parse_moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, rest) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let days = date_days(date)?;
    let clock_end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let clock = if clock.is_empty() { 0 } else { clock_micros(clock)? };
    let zone = zone_of(zone.trim())?;
    let micros = days.checked_mul(SECONDS_PER_DAY * MICROS_PER_SECOND)?.checked_add(clock)?;
    Some(Moment { micros, zone })
}

/// A run of `min..=max` digits as a number.
fn digits(text: &str, min: usize, max: usize) -> Option<i64> {
    let fits = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn date_days(text: &str) -> Option<i64> {
    let (sign, body) = match text.strip_prefix('-') {
        Some(body) => (-1, body),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = body.split('-');
    let year = sign * digits(parts.next()?, 4, 7)?;
    let month = parts.next().map_or(Some(1), |m| digits(m, 1, 2))?;
    let day = parts.next().map_or(Some(1), |d| digits(d, 1, 2))?;
    let valid =
        parts.next().is_none() && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    valid.then(|| days_from_civil(year, month, day))
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01: years are counted from March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 0000-03-01 and 1970-01-01; 146,097 make 400 years.
    era * 146_097 + day_of_era - 719_468
}

fn clock_micros(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 1, 2).filter(|h| *h < 24)?;
    let minute = parts.next().map_or(Some(0), |m| digits(m, 1, 2)).filter(|m| *m < 60)?;
    let (second, fraction) = match parts.next() {
        Some(s) => s.split_once('.').unwrap_or((s, "")),
        None => ("0", ""),
    };
    let second = digits(second, 1, 2).filter(|s| *s < 60)?;
    let micros = fraction_micros(fraction)?;
    let valid = parts.next().is_none();
    valid.then(|| ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + micros)
}

/// Up to nine digits behind the point; those beyond the sixth are cut, as Spark does.
pub(crate) fn fraction_micros(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    digits(text, 1, 9)?;
    let six: String = text.chars().chain(std::iter::repeat('0')).take(6).collect();
    six.parse().ok()
}

/// `Z`, `UTC+1`, `+01:00`, `-7:30:15` or a region's name.
fn zone_of(text: &str) -> Option<Zone> {
    let upper = text.to_ascii_uppercase();
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|p| upper.strip_prefix(p)).unwrap_or(&upper);
    match offset {
        "" if text.is_empty() => Some(Zone::None),
        "" | "Z" => Some(Zone::Offset(0)),
        _ if offset.starts_with(['+', '-']) => offset_seconds(offset).map(Zone::Offset),
        _ => text.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(Zone::Region),
    }
}

fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, body) = match text.strip_prefix('-') {
        Some(body) => (-1, body),
        None => (1, text.strip_prefix('+')?),
    };
    let padded;
    let body = match (body.contains(':'), body.len()) {
        (false, 4) => {
            padded = format!("{}:{}", body.get(..2)?, body.get(2..)?);
            padded.as_str()
        }
        _ => body,
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in body.split(':') {
        seconds += digits(part, 1, 2)? * unit;
        unit /= 60;
    }
    let within = seconds <= 18 * 3600;
    within.then_some(sign * i32::try_from(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_days_from_1970() {
        let cases = [
            ("1970-01-01", Some(0)),
            ("2013-01-01", Some(15_706)),
            ("2000-02-29", Some(11_016)),
            ("1900-02-29", None),
            ("1969-12-31", Some(-1)),
            ("0001-01-01", Some(-719_162)),
            ("2020", Some(18_262)),
            ("2020-2", Some(18_293)),
            ("2020-01-02T10:00", Some(18_263)),
            ("20-01-01", None),
            ("2020-13-01", None),
            ("x", None),
            ("", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_date(text), expect, "{text}");
        }
    }

    #[test]
    fn moments_have_a_clock_and_a_zone() {
        let at = |micros, zone| Some(Moment { micros, zone });
        let cases = [
            ("1970-01-01", at(0, Zone::None)),
            ("1970-01-01 00:00:01.5", at(1_500_000, Zone::None)),
            ("1970-01-01T01:02", at(3_720_000_000, Zone::None)),
            ("1970-01-01 00:00:00.1234567", at(123_456, Zone::None)),
            ("1970-01-01 00:00:00Z", at(0, Zone::Offset(0))),
            ("1970-01-01 00:00:00 UTC+1", at(0, Zone::Offset(3600))),
            ("1970-01-01 00:00:00-07:30", at(0, Zone::Offset(-27_000))),
            ("1970-01-01 00:00:00 Europe/Berlin", at(0, Zone::Region)),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:00:00+19:00", None),
            ("1970-01-01 00:00:00 ?", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_moment(text), expect, "{text}");
        }
    }
}
