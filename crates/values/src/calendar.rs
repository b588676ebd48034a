//! Converts days since 1970-01-01 to year, month and day of the proleptic Gregorian calendar, and back.
//!
//! Exact for every day of a DATE. The arithmetic is that of Howard Hinnant's "chrono-compatible low-level date
//! algorithms": eras of 400 years, which always have 146,097 days, and years that begin on March 1, so that a leap
//! day is the last one.

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// The month from 1.
    pub month: u32,
    /// The day of the month from 1.
    pub day: u32,
}

/// Converts a day number to a calendar day.
pub fn from_days(days: i64) -> Civil {
    // The variables have the names of the paper: day of era, year of era, day of year, and month counted from March.
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    let year = yoe + era * 400 + i64::from(month <= 2);
    Civil { year, month, day }
}

/// Converts a calendar day that exists to its day number.
pub fn to_days(c: Civil) -> i64 {
    let y = c.year - i64::from(c.month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let m = i64::from(c.month);
    let mp = if m > 2 { m - 3 } else { m + 9 };
    let doy = (153 * mp + 2) / 5 + i64::from(c.day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Returns the day number of a year, month and day, or `None` if there is no such day.
pub fn checked_days(year: i64, month: u32, day: u32) -> Option<i64> {
    let exists = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    // Far beyond every DATE, so that no arithmetic overflows.
    (exists && year.abs() < 10_000_000).then(|| to_days(Civil { year, month, day }))
}

/// Returns whether a year is a leap year.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Returns the number of days of a month from 1 to 12.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Adds months to a day. A day that the new month does not have becomes its last day.
pub fn add_months(days: i64, months: i64) -> i64 {
    let c = from_days(days);
    let total = c.year * 12 + i64::from(c.month) - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    to_days(Civil { year, month, day: c.day.min(days_in_month(year, month)) })
}

/// Returns the day of the week, from 0 for Monday to 6 for Sunday.
pub fn weekday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (days + 3).rem_euclid(7)
}

/// Returns the day of the year, from 1.
pub fn day_of_year(days: i64) -> i64 {
    days - to_days(Civil { year: from_days(days).year, month: 1, day: 1 }) + 1
}

/// Returns the ISO 8601 week: the year that it belongs to and its number from 1.
pub fn iso_week(days: i64) -> (i64, i64) {
    // A week belongs to the year of its Thursday.
    let thursday = days - weekday(days) + 3;
    (from_days(thursday).year, (day_of_year(thursday) - 1) / 7 + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn days_and_calendar_agree_across_eras() {
        for days in (-800_000..800_000).step_by(37) {
            assert_eq!(to_days(from_days(days)), days);
        }
        assert_eq!(from_days(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(from_days(-719_162), Civil { year: 1, month: 1, day: 1 });
        assert_eq!(checked_days(2016, 2, 29), Some(16_860));
        assert_eq!(checked_days(2015, 2, 29), None);
    }

    #[test]
    fn weeks_follow_iso() {
        let of = |y, m, d| iso_week(checked_days(y, m, d).unwrap());
        assert_eq!(of(2008, 2, 20), (2008, 8));
        assert_eq!(of(2016, 1, 3), (2015, 53));
        assert_eq!(of(2024, 12, 30), (2025, 1));
    }

    #[test]
    fn a_month_is_added_within_the_month() {
        let of = |y, m, d| checked_days(y, m, d).unwrap();
        assert_eq!(add_months(of(2016, 8, 31), 1), of(2016, 9, 30));
        assert_eq!(add_months(of(2016, 1, 31), -11), of(2015, 2, 28));
    }
}
