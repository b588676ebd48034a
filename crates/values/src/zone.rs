//! Converts between instants and local times in time zones, as `java.time` does.
//!
//! A local time that a zone skips is moved forward by the length of the gap. Of a local time that occurs twice the
//! earlier instant is used. All times are in microseconds since 1970-01-01.

use crate::calendar::{DAY, SECOND};
use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetComponents, Tz};
use std::str::FromStr;
use thalweg_common::{Error, ErrorKind, Result};

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC, written as an offset.
    Fixed(i64),
    /// Seconds east of UTC, written after a name: `UTC`, `GMT+08:00`.
    Prefixed(&'static str, i64),
    /// A region of the zone database.
    Named(Tz),
}

/// The largest offset of a zone in Java.
const OFFSET_MAX_S: i64 = 18 * 3600;

/// The short names of `java.time.ZoneId.SHORT_IDS`, which Spark accepts.
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

/// Returns the id of the zone that a text names, with short names replaced, or `None` if it does not name a zone.
pub fn zone_id(text: &str) -> Option<&str> {
    Zone::parse(text).map(|_| long_name(text))
}

/// Returns the id for a short name, and any other text unchanged.
fn long_name(text: &str) -> &str {
    SHORT_NAMES.iter().find(|(short, _)| *short == text).map_or(text, |(_, zone)| *zone)
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self::Prefixed("UTC", 0);

    /// Parses `America/New_York`, `UTC`, `Z`, `+08:00`, `GMT+8`, `PST`. Names are compared with case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = long_name(text.trim());
        if text == "Z" {
            return Some(Self::Fixed(0));
        }
        // `UTC` before `UT`, which is a prefix of it. A region such as `GMT0` is found below.
        let prefix = ["UTC", "GMT", "UT"].into_iter().find(|p| text.starts_with(p));
        if let Some((prefix, offset)) = prefix.and_then(|p| Some((p, text.strip_prefix(p)?))) {
            if offset.is_empty() {
                return Some(Self::Prefixed(prefix, 0));
            }
            if offset.starts_with(['+', '-']) {
                return parse_offset(offset).map(|offset| Self::Prefixed(prefix, offset));
            }
        }
        if text.starts_with(['+', '-']) {
            return parse_offset(text).map(Self::Fixed);
        }
        Tz::from_str(text).ok().map(Self::Named)
    }

    /// Returns the zone of that name.
    ///
    /// # Errors
    /// `INVALID_TIMEZONE` if there is none.
    pub fn named(text: &str) -> Result<Self> {
        Self::parse(text).ok_or_else(|| {
            let message = format!(
                "The timezone: {text} is invalid. The timezone must be either a region-based zone ID or a zone offset."
            );
            Error::new(ErrorKind::DateTime, "INVALID_TIMEZONE", "22009", message).param("timeZone", text)
        })
    }

    /// Returns the id of the zone as Java writes it: `America/New_York`, `UTC`, `GMT+08:00`, `+08:00`, `Z`.
    pub fn id(self) -> String {
        match self {
            Self::Named(tz) => tz.name().to_owned(),
            Self::Prefixed(prefix, 0) => prefix.to_owned(),
            Self::Prefixed(prefix, offset) => format!("{prefix}{}", offset_text(offset)),
            Self::Fixed(0) => "Z".to_owned(),
            Self::Fixed(offset) => offset_text(offset),
        }
    }

    /// Returns the offset in seconds east of UTC at an instant in microseconds.
    pub fn offset_s(self, micros: i64) -> i64 {
        match self {
            Self::Fixed(offset) | Self::Prefixed(_, offset) => offset,
            Self::Named(tz) => {
                i64::from(tz.offset_from_utc_datetime(&within(micros)).fix().local_minus_utc())
            }
        }
    }

    /// Returns whether daylight saving time is in force at an instant in microseconds.
    pub fn is_daylight_saving(self, micros: i64) -> bool {
        const HALF_YEAR: i64 = 183 * DAY;
        let Self::Named(tz) = self else { return false };
        let saved = |micros| tz.offset_from_utc_datetime(&within(micros)).dst_offset();
        let now = saved(micros);
        if !now.is_zero() {
            return now > TimeDelta::zero();
        }
        // For some zones (Europe/Dublin) the database has a negative saving in winter and none in summer. Java calls
        // the winter time standard and the summer time saving: so it is if a negative saving occurs half a year away.
        [micros.saturating_sub(HALF_YEAR), micros.saturating_add(HALF_YEAR)]
            .into_iter()
            .any(|other| saved(other) < TimeDelta::zero())
    }

    /// Converts an instant to local time, in microseconds as if that were UTC.
    pub fn to_local(self, micros: i64) -> i64 {
        micros.saturating_add(self.offset_s(micros) * SECOND)
    }

    /// Converts a local time to an instant.
    pub fn to_utc(self, local: i64) -> i64 {
        let Self::Named(tz) = self else {
            return local.saturating_sub(self.offset_s(0) * SECOND);
        };
        let offset = match tz.offset_from_local_datetime(&within(local)) {
            chrono::LocalResult::Single(o) | chrono::LocalResult::Ambiguous(o, _) => {
                i64::from(o.fix().local_minus_utc())
            }
            // Skipped: with the offset from before the gap the time falls after it, as far as it was inside.
            chrono::LocalResult::None => self.offset_s(local.saturating_sub(DAY)),
        };
        local.saturating_sub(offset * SECOND)
    }
}

/// Returns the time at an instant, or the nearest one that chrono can represent.
fn within(micros: i64) -> NaiveDateTime {
    let nearest = if micros < 0 { NaiveDateTime::MIN } else { NaiveDateTime::MAX };
    // Two days inside of chrono's range, because conversions look up to a day away from the time.
    let day = TimeDelta::days(2);
    let inner =
        nearest.checked_add_signed(day).or_else(|| nearest.checked_sub_signed(day)).unwrap_or(nearest);
    DateTime::from_timestamp_micros(micros).map_or(inner, |t| t.naive_utc())
}

/// Formats an offset as `+08:00`, with seconds if it has any.
pub(crate) fn offset_text(offset: i64) -> String {
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let (h, m, s) = (size / 3600, size / 60 % 60, size % 60);
    if s == 0 { format!("{sign}{h:02}:{m:02}") } else { format!("{sign}{h:02}:{m:02}:{s:02}") }
}

/// Parses `+8`, `+08`, `+0800`, `+080015`, `+08:00`, `+8:30`, `-03:00:00` to seconds.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let number = |s: &str| -> Option<i64> {
        (!s.is_empty() && s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?
    };
    let (h, m, s) = match (digits.split(':').collect::<Vec<_>>().as_slice(), digits.len()) {
        ([_], 4) => (digits.get(..2)?, digits.get(2..)?, "0"),
        ([_], 6) => (digits.get(..2)?, digits.get(2..4)?, digits.get(4..)?),
        ([h], _) => (*h, "0", "0"),
        ([h, m], _) => (*h, *m, "0"),
        ([h, m, s], _) => (*h, *m, *s),
        _ => return None,
    };
    let (h, m, s) = (number(h)?, number(m)?, number(s)?);
    let total = h * 3600 + m * 60 + s;
    (m < 60 && s < 60 && total <= OFFSET_MAX_S).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::calendar::{HOUR, checked_days};

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
        for text in ["+08:00", "+8", "GMT+8", "UTC+08:00", "+0800", "+8:00", "+080000"] {
            assert_eq!(Zone::parse(text).map(|z| z.offset_s(0)), Some(8 * 3600), "{text}");
        }
        for (short, name) in SHORT_NAMES {
            assert!(Zone::parse(short).is_some() && Zone::parse(short) == Zone::parse(name), "{short}");
        }
        assert_eq!((zone_id("PST"), zone_id("GMT+8")), (Some("America/Los_Angeles"), Some("GMT+8")));
        assert_eq!((zone_id("pst"), zone_id("")), (None, None));
        for bad in ["", "Nowhere/Land", "+19:00", "+1:2:3:4", "+a", "z", "utc", "+8:60"] {
            assert_eq!(Zone::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_zone_is_named_as_java_names_it() {
        for (text, id) in [
            ("UTC", "UTC"),
            ("Z", "Z"),
            ("GMT+8", "GMT+08:00"),
            ("+8", "+08:00"),
            ("-080015", "-08:00:15"),
            ("Europe/Paris", "Europe/Paris"),
            ("PST", "America/Los_Angeles"),
        ] {
            assert_eq!(Zone::parse(text).map(Zone::id).as_deref(), Some(id), "{text}");
        }
        assert!(Zone::named("Europe/Paris").unwrap().to_local(i64::MAX) > 0);
    }
}
