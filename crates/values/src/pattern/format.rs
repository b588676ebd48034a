//! Formats dates and times by the items of a pattern.

use super::names::{ERAS, day_name, month_name, quarter_name, short};
use super::{Field, Item, Number, Sign, zone};
use crate::calendar::{self, Civil, DAY, HOUR, MINUTE, SECOND};
use crate::zone::Zone;
use std::fmt::Write;

/// The value that is formatted: a local time, and the instant that it is in a zone.
pub(super) struct Moment {
    date: Civil,
    days: i64,
    /// Microseconds of the day.
    time: i64,
    instant: i64,
    zone: Zone,
}

impl Moment {
    pub(super) fn new(local: i64, instant: i64, zone: Zone) -> Self {
        let days = local.div_euclid(DAY);
        Self { date: calendar::from_days(days), days, time: local.rem_euclid(DAY), instant, zone }
    }

    /// Returns the value of a field.
    fn field(&self, field: Field) -> i64 {
        let (year, month, day) = (self.date.year, i64::from(self.date.month), i64::from(self.date.day));
        let hour = self.time / HOUR;
        match field {
            Field::Year => year,
            Field::ShortYear => year.abs() % 100,
            Field::YearOfEra if year > 0 => year,
            // The year 0 is 1 BC, and -1 is 2 BC.
            Field::YearOfEra => 1 - year,
            Field::ShortYearOfEra => self.field(Field::YearOfEra) % 100,
            Field::Quarter => (month - 1) / 3 + 1,
            Field::Month => month,
            Field::Day => day,
            Field::DayOfYear => calendar::day_of_year(self.days),
            Field::DayOfAlignedWeek => (day - 1) % 7 + 1,
            Field::Hour => hour,
            Field::ClockHour => (hour + 23) % 24 + 1,
            Field::HalfDayHour => hour % 12,
            Field::ClockHalfDayHour => (hour + 11) % 12 + 1,
            Field::Minute => self.time / MINUTE % 60,
            Field::Second => self.time / SECOND % 60,
        }
    }
}

pub(super) fn write(items: &[Item], moment: &Moment, out: &mut String) {
    for item in items {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Optional(items) => write(items, moment, out),
            Item::Number(number) => write_number(moment.field(number.field), number, out),
            Item::Fraction(digits) => write_fraction(moment.time % SECOND, *digits, out),
            Item::Month(full) => out.push_str(name(month_name(moment.date.month), *full)),
            Item::Weekday(full) => out.push_str(name(day_name(calendar::weekday(moment.days)), *full)),
            Item::Quarter(full) => {
                let quarter = moment.field(Field::Quarter);
                let _ = if *full { out.write_str(quarter_name(quarter)) } else { write!(out, "Q{quarter}") };
            }
            Item::Era(full) => {
                let [before, after] = ERAS;
                let (short, long) = if moment.date.year > 0 { after } else { before };
                out.push_str(if *full { long } else { short });
            }
            Item::HalfDay => out.push_str(if moment.time / HOUR < 12 { "AM" } else { "PM" }),
            Item::Offset(style) => style.write(moment.zone.offset_s(moment.instant), out),
            Item::ZoneId => out.push_str(&moment.zone.id()),
            Item::ZoneName(full) => zone::write_name(moment.zone, moment.instant, *full, out),
        }
    }
}

fn name(name: &'static str, full: bool) -> &'static str {
    if full { name } else { short(name) }
}

/// Appends a number, padded with zeros to the width of its field.
fn write_number(value: i64, number: &Number, out: &mut String) {
    let (size, width) = (value.unsigned_abs(), number.min);
    let exceeds =
        || u32::try_from(width).is_ok_and(|w| 10u64.checked_pow(w).is_some_and(|limit| size >= limit));
    if value < 0 {
        out.push('-');
    } else if number.sign == Sign::ExceedsPad && exceeds() {
        out.push('+');
    }
    match (width, size) {
        // Nearly all numbers have two digits: writing them without a formatter is faster.
        (2, 0..=99) => {
            out.push(digit(size / 10));
            out.push(digit(size % 10));
        }
        _ => {
            let _ = write!(out, "{size:0width$}");
        }
    }
}

/// Appends the first digits of a fraction of a second.
fn write_fraction(micros: i64, digits: usize, out: &mut String) {
    let mut unit = 100_000;
    for _ in 0..digits {
        // Values have microseconds: the digits of nanoseconds are zeros.
        out.push(if unit > 0 { digit((micros / unit).unsigned_abs() % 10) } else { '0' });
        unit /= 10;
    }
}

fn digit(value: u64) -> char {
    u32::try_from(value).ok().and_then(|v| char::from_digit(v, 10)).unwrap_or('0')
}
