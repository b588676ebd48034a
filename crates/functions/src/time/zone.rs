//! Time zones: from an instant to the wall clock and back, as Java does it.
//!
//! A wall-clock time that a zone skips moves forward by the gap; one that it has twice is the earlier.

use super::civil::SECOND;
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::str::FromStr;
use thalweg_common::{Error, ErrorKind, Result};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Seconds east of UTC.
    Fixed(i64),
    Named(Tz),
}

/// The largest offset that Java's zones have.
const OFFSET_MAX_S: i64 = 18 * 3600;

/// Java's old names of three letters, and what they stand for.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("MST", "-07:00"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// The zone that the text names, if it names one: the text itself, or what a short name stands for.
pub fn zone_id(text: &str) -> Option<&str> {
    Zone::parse(text).map(|_| long_name(text))
}

fn long_name(text: &str) -> &str {
    SHORT_NAMES.iter().find(|(short, _)| *short == text).map_or(text, |(_, zone)| *zone)
}

impl Zone {
    /// Reads `America/New_York`, `UTC`, `Z`, `+08:00`, `GMT+8`, `PST`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = long_name(text.trim());
        if matches!(text, "Z" | "z" | "UTC" | "GMT" | "UT" | "Etc/UTC") {
            return Some(Zone::Fixed(0));
        }
        let offset = ["UTC", "GMT", "UT"].iter().find_map(|p| text.strip_prefix(p)).unwrap_or(text);
        if offset.starts_with(['+', '-']) {
            return parse_offset(offset).map(Zone::Fixed);
        }
        Tz::from_str(text).ok().map(Zone::Named)
    }

    /// The zone of that name, or Spark's error.
    pub(crate) fn named(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| {
            let message = format!("The timezone: {text} is invalid. The timezone must be either a region-based zone ID or a zone offset.");
            Error::new(ErrorKind::DateTime, "INVALID_TIMEZONE", "22009", message).param("timeZone", text)
        })
    }

    /// Seconds east of UTC at an instant in microseconds.
    pub(crate) fn offset_s(self, micros: i64) -> i64 {
        match self {
            Zone::Fixed(offset) => offset,
            Zone::Named(tz) => match instant(micros) {
                Some(t) => i64::from(tz.offset_from_utc_datetime(&t).fix().local_minus_utc()),
                None => 0,
            },
        }
    }

    /// The wall clock, in microseconds as if it were UTC, at an instant.
    pub(crate) fn to_local(self, micros: i64) -> i64 {
        micros.saturating_add(self.offset_s(micros) * SECOND)
    }

    /// The instant at which the wall clock shows `local`.
    pub(crate) fn to_utc(self, local: i64) -> i64 {
        let Zone::Named(tz) = self else {
            return local.saturating_sub(self.offset_s(0) * SECOND);
        };
        let Some(time) = instant(local) else { return local };
        let offset = match tz.offset_from_local_datetime(&time) {
            chrono::LocalResult::Single(o) | chrono::LocalResult::Ambiguous(o, _) => {
                i64::from(o.fix().local_minus_utc())
            }
            // Skipped: the offset that held before the gap moves the time past it.
            chrono::LocalResult::None => self.offset_s(local.saturating_sub(86_400 * SECOND)),
        };
        local.saturating_sub(offset * SECOND)
    }
}

fn instant(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|t| t.naive_utc())
}

/// `+8`, `+08`, `+0800`, `+08:00`, `+8:30`, `-03:00:00` as seconds.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let parts: Vec<&str> = digits.split(':').collect();
    let number = |s: &str| -> Option<i64> {
        (!s.is_empty() && s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?
    };
    let (h, m, s) = match parts.as_slice() {
        [hm] if hm.len() == 4 => (number(hm.get(..2)?)?, number(hm.get(2..)?)?, 0),
        [h] => (number(h)?, 0, 0),
        [h, m] => (number(h)?, number(m)?, 0),
        [h, m, s] => (number(h)?, number(m)?, number(s)?),
        _ => return None,
    };
    let total = h * 3600 + m * 60 + s;
    (m < 60 && s < 60 && total <= OFFSET_MAX_S).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::time::civil::{DAY, HOUR, checked_days};

    #[test]
    fn gaps_move_forward_and_overlaps_take_the_earlier() {
        let la = Zone::named("America/Los_Angeles").unwrap();
        let at = |y, m, d, h: i64| checked_days(y, m, d).unwrap() * DAY + h * HOUR;
        // 2024-03-10 02:00 is skipped: it is 03:00 PDT, 10:00 UTC.
        assert_eq!(la.to_utc(at(2024, 3, 10, 2)), at(2024, 3, 10, 10));
        // 2024-11-03 01:00 is there twice: the first is PDT, 08:00 UTC.
        assert_eq!(la.to_utc(at(2024, 11, 3, 1)), at(2024, 11, 3, 8));
        assert_eq!(la.to_local(at(2024, 7, 1, 12)), at(2024, 7, 1, 5));
    }

    #[test]
    fn offsets_are_read_in_all_their_forms() {
        for text in ["+08:00", "+8", "GMT+8", "UTC+08:00", "+0800", "+8:00"] {
            assert_eq!(Zone::parse(text), Some(Zone::Fixed(8 * 3600)), "{text}");
        }
        for (short, name) in SHORT_NAMES {
            assert!(Zone::parse(short).is_some() && Zone::parse(short) == Zone::parse(name), "{short}");
        }
        assert_eq!((zone_id("PST"), zone_id("GMT+8")), (Some("America/Los_Angeles"), Some("GMT+8")));
        assert_eq!((zone_id("pst"), zone_id("")), (None, None));
        assert_eq!(Zone::parse("Nowhere/Land"), None);
        assert_eq!(Zone::parse("+19:00"), None);
    }
}
