//! Time zones: from wall-clock time to instants and back, as Java does it.
//!
//! In a gap the wall clock jumps forward by the gap; in an overlap the earlier instant counts.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use thalweg_common::{Error, ErrorKind, Result};

const US_PER_SECOND: i64 = 1_000_000;

/// A zone by name or by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    /// A zone of the IANA database.
    Named(chrono_tz::Tz),
}

impl Zone {
    /// `UTC`, `Europe/Paris`, `+02:00`, `GMT+8`, `Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if matches!(text, "Z" | "UTC" | "GMT" | "UT") {
            return Some(Self::Fixed(0));
        }
        let bare = ["UTC", "GMT", "UT"].iter().find_map(|p| text.strip_prefix(p)).unwrap_or(text);
        if bare.starts_with(['+', '-']) {
            return offset_seconds(bare).map(Self::Fixed);
        }
        text.parse().ok().map(Self::Named)
    }

    /// The zone of a session; class `INVALID_TIMEZONE` if there is none of that name.
    pub fn of_session(name: &str) -> Result<Self> {
        Self::parse(name).ok_or_else(|| {
            Error::new(
                ErrorKind::IllegalArgument,
                "INVALID_TIMEZONE",
                "22009",
                format!("The timezone: {name} is invalid."),
            )
            .param("timeZone", name)
        })
    }

    /// The instant of a wall-clock time; both in microseconds, the latter as if it were UTC.
    pub fn instant(self, local_us: i64) -> Option<i64> {
        let zone = match self {
            Self::Fixed(0) => return Some(local_us),
            Self::Fixed(seconds) => return local_us.checked_sub(i64::from(seconds) * US_PER_SECOND),
            Self::Named(zone) => zone,
        };
        let local = naive(local_us)?;
        let seconds = match zone.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            LocalResult::Ambiguous(a, b) => a.fix().local_minus_utc().max(b.fix().local_minus_utc()),
            LocalResult::None => {
                let before = local.checked_sub_signed(Duration::hours(24))?;
                zone.offset_from_local_datetime(&before).earliest()?.fix().local_minus_utc()
            }
        };
        local_us.checked_sub(i64::from(seconds) * US_PER_SECOND)
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_seconds_at(self, instant_us: i64) -> Option<i32> {
        match self {
            Self::Fixed(seconds) => Some(seconds),
            Self::Named(zone) => {
                Some(zone.offset_from_utc_datetime(&naive(instant_us)?).fix().local_minus_utc())
            }
        }
    }
}

fn naive(us: i64) -> Option<NaiveDateTime> {
    DateTime::<Utc>::from_timestamp_micros(us).map(|d| d.naive_utc())
}

/// Seconds of `+h`, `+hh`, `+hh:mm`, `+hhmm`, `+hh:mm:ss`.
fn offset_seconds(text: &str) -> Option<i32> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+')?),
    };
    let parts: Vec<&str> = if rest.len() == 4 && !rest.contains(':') {
        vec![rest.get(..2)?, rest.get(2..)?]
    } else {
        rest.split(':').collect()
    };
    let mut total = 0;
    for (part, unit) in parts.iter().zip([3600, 60, 1]) {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        total += if digits { part.parse::<i32>().ok()? * unit } else { return None };
    }
    (parts.len() <= 3 && total <= 18 * 3600).then_some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_becomes_an_instant_as_in_java() {
        const H: i64 = 3600 * US_PER_SECOND;
        // 2024-03-31T02:30 does not exist in Paris, 2024-10-27T02:30 happens twice.
        let (gap, twice) = (1_711_852_200 * US_PER_SECOND, 1_729_996_200 * US_PER_SECOND);
        let cases = [
            ("UTC", gap, gap),
            ("+02:00", gap, gap - 2 * H),
            ("GMT-3", gap, gap + 3 * H),
            ("Europe/Paris", gap, gap - H),
            ("Europe/Paris", twice, twice - 2 * H),
        ];
        for (zone, local, instant) in cases {
            assert_eq!(Zone::parse(zone).and_then(|z| z.instant(local)), Some(instant), "{zone}");
        }
        for bad in ["", "Paris/Europe", "+19:00", "+1:2:3:4", "+a"] {
            assert_eq!(Zone::parse(bad), None, "{bad}");
        }
    }
}
