//! Parses texts by the items of a pattern, as strictly as Java's `DateTimeFormatter` does.
//!
//! Like Java, first all fields of the text are collected, then they are resolved to a date and a time. A field that
//! occurs twice must have the same value, and fields that overlap (an hour and a half of the day) must agree.

use super::names::{ERAS, MONTHS, short};
use super::offset::strip_prefix;
use super::{Field, Item, Misfit, Number, Sign, zone};
use crate::calendar::{self, DAY, HOUR, MINUTE, SECOND};
use crate::datetime::Timestamp;
use crate::zone::Zone;

/// Parses a text to its local time and zone.
pub(super) fn parse(items: &[Item], text: &str) -> Result<Timestamp, Misfit> {
    let place = |rest: &str| text.chars().count() - rest.chars().count();
    let mut found = Found::default();
    let rest = read(items, text, &mut found).map_err(|rest| Misfit::At(place(rest)))?;
    if !rest.is_empty() {
        return Err(Misfit::Unparsed(place(rest)));
    }
    found.timestamp().ok_or(Misfit::Value)
}

/// The fields that were found in a text.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    year: Option<i64>,
    year_of_era: Option<i64>,
    era: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    clock_hour: Option<i64>,
    half_day_hour: Option<i64>,
    clock_half_day_hour: Option<i64>,
    afternoon: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    micros: Option<i64>,
    offset: Option<i64>,
    zone: Option<Zone>,
}

/// Keeps a value; `None` if the text contained another one before.
fn put<T: PartialEq + Copy>(slot: &mut Option<T>, value: T) -> Option<()> {
    (*slot.get_or_insert(value) == value).then_some(())
}

/// Returns a value if it is missing or in a range.
fn within(value: Option<i64>, low: i64, high: i64) -> Option<Option<i64>> {
    value.is_none_or(|v| (low..=high).contains(&v)).then_some(value)
}

impl Found {
    fn put(&mut self, field: Field, value: i64) -> Option<()> {
        let slot = match field {
            Field::Year => &mut self.year,
            Field::ShortYear => return put(&mut self.year, 2000 + value),
            Field::YearOfEra => &mut self.year_of_era,
            Field::ShortYearOfEra => return put(&mut self.year_of_era, 2000 + value),
            Field::Month => &mut self.month,
            Field::Day => &mut self.day,
            Field::DayOfYear => &mut self.day_of_year,
            Field::Hour => &mut self.hour,
            Field::ClockHour => &mut self.clock_hour,
            Field::HalfDayHour => &mut self.half_day_hour,
            Field::ClockHalfDayHour => &mut self.clock_half_day_hour,
            Field::Minute => &mut self.minute,
            Field::Second => &mut self.second,
            // Patterns for parsing do not have these.
            Field::Quarter | Field::DayOfAlignedWeek => return None,
        };
        put(slot, value)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let local = self.days()?.checked_mul(DAY)?.checked_add(self.time()?)?;
        Some(Timestamp { local, zone: self.zone.or(self.offset.map(Zone::Fixed)) })
    }

    /// Resolves the year; a year of an era without an era is one of the current era.
    fn year(&self) -> Option<i64> {
        let of_era = match self.year_of_era {
            Some(year) if year < 1 => return None,
            Some(year) if self.era == Some(0) => Some(1 - year),
            other => other,
        };
        let agree = self.year.is_none() || of_era.is_none() || self.year == of_era;
        agree.then(|| self.year.or(of_era).unwrap_or(1970))
    }

    /// Resolves the date. Fields that are missing are those of 1970-01-01, as in Spark.
    fn days(&self) -> Option<i64> {
        let year = self.year()?;
        let (month, day) = (within(self.month, 1, 12)?, within(self.day, 1, 31)?);
        let Some(number) = self.day_of_year else {
            let part = |value: Option<i64>| u32::try_from(value.unwrap_or(1)).ok();
            return calendar::checked_days(year, part(month)?, part(day)?);
        };
        let last = if calendar::is_leap(year) { 366 } else { 365 };
        let days = calendar::checked_days(year, 1, 1)? + number - 1;
        let date = calendar::from_days(days);
        let agrees = (1..=last).contains(&number)
            && month.is_none_or(|m| m == i64::from(date.month))
            && day.is_none_or(|d| d == i64::from(date.day));
        agrees.then_some(days)
    }

    /// Resolves the time of day in microseconds.
    fn time(&self) -> Option<i64> {
        let clock_hour = within(self.clock_hour, 1, 24)?.map(|h| h % 24);
        let hour = agreed(within(self.hour, 0, 23)?, clock_hour)?;
        let clock_half = within(self.clock_half_day_hour, 1, 12)?.map(|h| h % 12);
        let half = agreed(within(self.half_day_hour, 0, 11)?, clock_half)?;
        let afternoon = self.afternoon.map(|half| half * 12);
        let hour = match hour {
            Some(hour) => {
                let agrees =
                    half.is_none_or(|h| h == hour % 12) && afternoon.is_none_or(|a| a == hour / 12 * 12);
                agrees.then_some(hour)?
            }
            None => half.unwrap_or(0) + afternoon.unwrap_or(0),
        };
        let (minute, second) = (within(self.minute, 0, 59)?, within(self.second, 0, 59)?);
        let time = hour * HOUR + minute.unwrap_or(0) * MINUTE + second.unwrap_or(0) * SECOND;
        Some(time + self.micros.unwrap_or(0))
    }
}

/// Unites two fields with the same meaning; `None` if they differ.
fn agreed(a: Option<i64>, b: Option<i64>) -> Option<Option<i64>> {
    (a.is_none() || b.is_none() || a == b).then(|| a.or(b))
}

/// Parses the items in their order, and returns the rest of the text. The error is the rest that does not match.
fn read<'a>(items: &[Item], text: &'a str, found: &mut Found) -> Result<&'a str, &'a str> {
    let mut rest = text;
    for item in items {
        rest = match item {
            Item::Optional(inner) => {
                // An optional part matches as a whole or not at all: its fields count only if it does.
                let mut tried = *found;
                match read(inner, rest, &mut tried) {
                    Ok(after) => {
                        *found = tried;
                        after
                    }
                    Err(_) => rest,
                }
            }
            _ => read_item(item, rest, found).ok_or(rest)?,
        };
    }
    Ok(rest)
}

/// Parses one item, and returns the rest of the text.
fn read_item<'a>(item: &Item, text: &'a str, found: &mut Found) -> Option<&'a str> {
    match item {
        Item::Text(expected) => literal(text, expected),
        Item::Number(number) => {
            let (value, rest) = read_number(number, text)?;
            found.put(number.field, value)?;
            Some(rest)
        }
        Item::Fraction(digits) => {
            let (micros, rest) = read_fraction(*digits, text)?;
            put(&mut found.micros, micros)?;
            Some(rest)
        }
        Item::Month(full) => {
            let names = MONTHS.iter().map(|name| if *full { name } else { short(name) });
            let (month, rest) = read_name(names, text)?;
            put(&mut found.month, month + 1)?;
            Some(rest)
        }
        Item::Era(full) => {
            let (era, rest) = read_name(ERAS.iter().map(|(s, l)| if *full { *l } else { *s }), text)?;
            put(&mut found.era, era)?;
            Some(rest)
        }
        Item::HalfDay => {
            let (half, rest) = read_name(["AM", "PM"].into_iter(), text)?;
            put(&mut found.afternoon, half)?;
            Some(rest)
        }
        Item::Offset(style) => {
            let (offset, rest) = style.read(text)?;
            put(&mut found.offset, offset)?;
            Some(rest)
        }
        Item::ZoneId | Item::ZoneName(_) => {
            let read = match item {
                Item::ZoneName(full) => zone::read_name(text, *full),
                _ => zone::read_id(text),
            };
            let (zone, rest) = read?;
            put(&mut found.zone, zone)?;
            Some(rest)
        }
        Item::Quarter(_) | Item::Weekday(_) | Item::Optional(_) => None,
    }
}

/// Returns the rest of a text after a literal, which is compared without case.
fn literal<'a>(text: &'a str, expected: &str) -> Option<&'a str> {
    // Most texts have the exact case; the other comparison knows ASCII only.
    if let Some(rest) = text.strip_prefix(expected) {
        return Some(rest);
    }
    strip_prefix(text, expected)
}

/// Returns the index of the name that a text begins with, compared without case.
fn read_name<'a, 'n>(names: impl Iterator<Item = &'n str>, text: &'a str) -> Option<(i64, &'a str)> {
    (0..).zip(names).find_map(|(place, name)| Some((place, strip_prefix(text, name)?)))
}

/// Parses at most `digits` digits of a fraction of a second to microseconds.
fn read_fraction(digits: usize, text: &str) -> Option<(i64, &str)> {
    let count = text.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    let (head, rest) = text.split_at_checked(count).filter(|_| count > 0)?;
    // Padded or cut to six digits, which are microseconds.
    let micros = head.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some((micros.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')), rest))
}

/// Parses a number with its sign. It leaves the digits that the numbers directly after it need, if there are enough.
fn read_number<'a>(number: &Number, text: &'a str) -> Option<(i64, &'a str)> {
    let (sign, body) = match text.as_bytes().first()? {
        b'+' if number.sign == Sign::ExceedsPad => (Some(1), text.get(1..)?),
        b'-' if number.sign != Sign::Never => (Some(-1), text.get(1..)?),
        _ => (None, text),
    };
    let most = number.max + number.reserved;
    let available = body.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let kept = available.saturating_sub(number.reserved).max(number.min).min(number.max);
    if available < kept {
        return None;
    }
    let kept = if number.reserved == 0 { available } else { kept };
    let (head, rest) = body.split_at_checked(kept)?;
    let value: i64 = head.parse().ok()?;
    let fits = match sign {
        // Java refuses `-0`.
        Some(-1) => value != 0,
        // A plus is required for more digits than the pattern has letters, and not allowed otherwise.
        Some(_) => kept > number.min,
        None => number.sign != Sign::ExceedsPad || kept <= number.min,
    };
    fits.then_some((sign.unwrap_or(1) * value, rest))
}
