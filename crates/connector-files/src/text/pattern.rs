//! Spark's datetime patterns (`dd/MM/yyyy HH:mm`), compiled once, for reading and writing.
//!
//! The common letters are there (`y u M d H h m s S a X x Z V`, quoted text, `[optional]` parts);
//! any other letter is refused by name, never guessed. English names only. Reading is strict: all
//! of the text has to match, and the day has to exist.

use super::Zone;
use super::datetime::{US_PER_DAY, days};
use chrono::{DateTime, Datelike, Timelike};
use thalweg_common::{Error, ErrorKind, Result};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern(Vec<Item>);

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Text(String),
    Field(char, usize),
    Optional(Vec<Item>),
}

/// The fields that a text gave.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    half_day_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    fraction_us: i64,
    zone: Option<Zone>,
}

impl Pattern {
    /// Compiles the value of the option `option`; a letter that is not supported is refused by name.
    pub fn compile(option: &str, pattern: &str) -> Result<Self> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        let items = section(&chars, &mut at, false).map_err(|why| refused(option, pattern, &why))?;
        Ok(Self(items))
    }

    /// Days since the epoch.
    pub fn date(&self, text: &str) -> Option<i32> {
        self.parts(text)?.days()
    }

    /// Microseconds of the instant; `zone` is for text that names none.
    pub fn timestamp(&self, text: &str, zone: Zone) -> Option<i64> {
        let parts = self.parts(text)?;
        parts.zone.unwrap_or(zone).instant(parts.wall_clock_us()?)
    }

    /// Microseconds of the wall clock.
    pub fn timestamp_ntz(&self, text: &str) -> Option<i64> {
        self.parts(text)?.wall_clock_us()
    }

    /// Writes a wall-clock time that is `offset_seconds` east of UTC.
    pub fn format(&self, wall_clock_us: i64, offset_seconds: i32, out: &mut String) -> Option<()> {
        let time = DateTime::from_timestamp_micros(wall_clock_us)?;
        write_items(&self.0, &time, offset_seconds, out);
        Some(())
    }

    fn parts(&self, text: &str) -> Option<Parts> {
        let mut parts = Parts::default();
        let rest = read_items(&self.0, text, &mut parts)?;
        rest.is_empty().then_some(parts)
    }
}

impl Parts {
    fn days(&self) -> Option<i32> {
        let year = i32::try_from(self.year.unwrap_or(1970)).ok()?;
        let part = |p: Option<i64>| u32::try_from(p.unwrap_or(1)).ok();
        days(year, part(self.month)?, part(self.day)?)
    }

    fn wall_clock_us(&self) -> Option<i64> {
        let hour = match (self.hour, self.half_day_hour) {
            (Some(hour), _) => hour,
            (None, Some(half)) if (1..=12).contains(&half) => {
                half % 12 + if self.afternoon.unwrap_or(false) { 12 } else { 0 }
            }
            (None, Some(_)) => return None,
            (None, None) => 0,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let seconds = hour * 3600 + self.minute * 60 + self.second;
        i64::from(self.days()?).checked_mul(US_PER_DAY)?.checked_add(seconds * 1_000_000 + self.fraction_us)
    }
}

fn refused(option: &str, pattern: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::IllegalArgument,
        "INVALID_DATETIME_PATTERN",
        "22007",
        format!("Unrecognized datetime pattern: {pattern} (option `{option}`): {why}."),
    )
    .param("pattern", pattern)
    .hint("Supported letters: y u M d H h m s S a X x Z V, text in '…' and [optional] parts.")
}

fn section(chars: &[char], at: &mut usize, inner: bool) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    while let Some(&c) = chars.get(*at) {
        match c {
            '[' if inner => return Err("an optional part inside another".to_owned()),
            '[' => {
                *at += 1;
                items.push(Item::Optional(section(chars, at, true)?));
            }
            ']' if inner => {
                *at += 1;
                return Ok(items);
            }
            '\'' => items.push(Item::Text(quoted(chars, at)?)),
            _ if c.is_ascii_alphabetic() => items.push(field(chars, at)?),
            '#' | '{' | '}' | ']' => return Err(format!("the character '{c}' is reserved")),
            _ => {
                items.push(Item::Text(c.to_string()));
                *at += 1;
            }
        }
    }
    if inner { Err("an optional part is not closed".to_owned()) } else { Ok(items) }
}

fn quoted(chars: &[char], at: &mut usize) -> Result<String, String> {
    *at += 1;
    let mut text = String::new();
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        if c != '\'' {
            text.push(c);
        } else if chars.get(*at) == Some(&'\'') {
            text.push('\'');
            *at += 1;
        } else {
            return Ok(if text.is_empty() { "'".to_owned() } else { text });
        }
    }
    Err("a quoted text is not closed".to_owned())
}

fn field(chars: &[char], at: &mut usize) -> Result<Item, String> {
    let letter = chars.get(*at).copied().unwrap_or_default();
    let length = chars.iter().skip(*at).take_while(|c| **c == letter).count();
    *at += length;
    let longest = match letter {
        'y' | 'u' => 6,
        'M' => 4,
        'd' | 'H' | 'h' | 'm' | 's' | 'V' => 2,
        'S' => 9,
        'a' => 1,
        'X' | 'x' | 'Z' => 3,
        _ => return Err(format!("the letter '{letter}' is not supported")),
    };
    if length > longest {
        return Err(format!("'{letter}' stands {length} times"));
    }
    Ok(Item::Field(letter, length))
}

fn read_items<'a>(items: &[Item], text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    let mut rest = text;
    for (index, item) in items.iter().enumerate() {
        rest = match item {
            Item::Text(wanted) => rest.strip_prefix(wanted.as_str())?,
            Item::Field(letter, length) => {
                let adjacent = matches!(items.get(index + 1), Some(Item::Field(next, _)) if is_number(*next));
                read_field(*letter, *length, adjacent, rest, parts)?
            }
            Item::Optional(inner) => {
                let mut tried = *parts;
                match read_items(inner, rest, &mut tried) {
                    Some(after) => {
                        *parts = tried;
                        after
                    }
                    None => rest,
                }
            }
        };
    }
    Some(rest)
}

fn is_number(letter: char) -> bool {
    matches!(letter, 'y' | 'u' | 'M' | 'd' | 'H' | 'h' | 'm' | 's' | 'S')
}

/// Reads one field; an adjacent number field fixes the width of this one.
fn read_field<'a>(
    letter: char,
    length: usize,
    adjacent: bool,
    text: &'a str,
    parts: &mut Parts,
) -> Option<&'a str> {
    let (min, max) = match (letter, length) {
        ('M', 3 | 4) => return read_month(length, text, parts),
        ('a', _) => return read_half(text, parts),
        ('X' | 'x' | 'Z' | 'V', _) => return read_zone(text, parts),
        ('y' | 'u', 2) => (2, 2),
        ('y' | 'u', _) => (length, if adjacent { length } else { 6 }),
        ('S', _) => (1, length),
        (_, 1) => (1, if adjacent { 1 } else { 2 }),
        _ => (length, length),
    };
    let found = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if found < min {
        return None;
    }
    let (digits, rest) = text.split_at_checked(found)?;
    let value: i64 = digits.parse().ok()?;
    match letter {
        'y' | 'u' => parts.year = Some(if length == 2 { 2000 + value } else { value }),
        'M' => parts.month = Some(value),
        'd' => parts.day = Some(value),
        'H' => parts.hour = Some(value),
        'h' => parts.half_day_hour = Some(value),
        'm' => parts.minute = value,
        's' => parts.second = value,
        _ => parts.fraction_us = format!("{digits:0<6}").get(..6)?.parse().ok()?,
    }
    Some(rest)
}

fn read_month<'a>(length: usize, text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    let names = MONTHS.iter().map(|m| if length == 3 { m.get(..3).unwrap_or(m) } else { m });
    let starts = |name: &str| text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
    let (number, name) = (1..).zip(names).find(|(_, name)| starts(name))?;
    parts.month = Some(number);
    text.get(name.len()..)
}

fn read_half<'a>(text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    parts.afternoon = match text.get(..2)? {
        "AM" => Some(false),
        "PM" => Some(true),
        _ => return None,
    };
    text.get(2..)
}

fn read_zone<'a>(text: &'a str, parts: &mut Parts) -> Option<&'a str> {
    let is_zone = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | ':' | '/' | '_');
    let end = text.find(|c| !is_zone(c)).unwrap_or(text.len());
    parts.zone = Some(Zone::parse(text.get(..end)?)?);
    text.get(end..)
}

fn write_items(items: &[Item], time: &DateTime<chrono::Utc>, offset: i32, out: &mut String) {
    for item in items {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Field(letter, length) => write_field(*letter, *length, time, offset, out),
            Item::Optional(inner) => write_items(inner, time, offset, out),
        }
    }
}

fn write_field(letter: char, length: usize, time: &DateTime<chrono::Utc>, offset: i32, out: &mut String) {
    let month = MONTHS.get(time.month0() as usize).copied().unwrap_or_default();
    let text = match (letter, length) {
        ('y' | 'u', 2) => format!("{:02}", time.year().rem_euclid(100)),
        ('y' | 'u', _) => year(time.year(), length),
        ('M', 3) => month.get(..3).unwrap_or(month).to_owned(),
        ('M', 4) => month.to_owned(),
        ('M', _) => format!("{:0length$}", time.month()),
        ('d', _) => format!("{:0length$}", time.day()),
        ('H', _) => format!("{:0length$}", time.hour()),
        ('h', _) => format!("{:0length$}", time.hour12().1),
        ('m', _) => format!("{:0length$}", time.minute()),
        ('s', _) => format!("{:0length$}", time.second()),
        ('S', _) => format!("{:09}", time.nanosecond()).chars().take(length).collect(),
        ('a', _) => if time.hour12().0 { "PM" } else { "AM" }.to_owned(),
        _ => zone_text(letter, length, offset),
    };
    out.push_str(&text);
}

/// A year with its sign where it has one or is longer than its pattern.
fn year(year: i32, length: usize) -> String {
    let digits = format!("{:0length$}", year.unsigned_abs());
    match year {
        ..0 => format!("-{digits}"),
        10_000.. if length >= 4 => format!("+{digits}"),
        _ => digits,
    }
}

fn zone_text(letter: char, length: usize, offset: i32) -> String {
    if letter == 'X' && offset == 0 {
        return "Z".to_owned();
    }
    let (sign, hours, minutes) =
        (if offset < 0 { '-' } else { '+' }, offset.abs() / 3600, offset.abs() / 60 % 60);
    let seconds = offset.abs() % 60;
    match (letter, length) {
        ('X' | 'x', 3) if seconds != 0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('X' | 'x', 1 | 2) | ('Z', _) => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pattern_reads_what_it_writes_and_nothing_else() {
        let cases = [
            ("yyyy-MM-dd", "2013-01-02", Some(1_357_084_800)),
            ("dd/MM/yyyy HH:mm", "02/01/2013 13:45", Some(1_357_134_300)),
            ("yyyyMMddHHmmss", "20130102134500", Some(1_357_134_300)),
            ("MMM d, yyyy hh:mm a", "Jan 2, 2013 01:45 PM", Some(1_357_134_300)),
            ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2013-01-02T13:45:00.000+01:00", Some(1_357_130_700)),
            ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2013-01-02T13:45:00", Some(1_357_134_300)),
            ("yyyy-MM-dd", "2013-1-2", None),
            ("yyyy-MM-dd", "2013-02-30", None),
            ("yyyy-MM-dd", "2013-01-02 ", None),
            ("d.M.yy", "2.1.13", Some(1_357_084_800)),
        ];
        for (pattern, text, seconds) in cases {
            let compiled = Pattern::compile("timestampFormat", pattern).unwrap();
            let wanted = seconds.map(|s: i64| s * 1_000_000);
            assert_eq!(compiled.timestamp(text, Zone::Fixed(0)), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn a_written_timestamp_has_all_its_optional_parts() {
        let cases = [
            ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", 0, "1970-01-01T00:00:00.000Z"),
            ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", 3600, "1970-01-01T00:00:00.000+01:00"),
            ("d MMMM yy h a Z", -5400, "1 January 70 12 AM -0130"),
        ];
        for (pattern, offset, wanted) in cases {
            let mut out = String::new();
            Pattern::compile("x", pattern).unwrap().format(0, offset, &mut out).unwrap();
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn letters_that_are_not_there_are_refused_by_name() {
        for (pattern, part) in [("yyyy-ww", "'w'"), ("EEE d", "'E'"), ("yyyy[", "closed"), ("HHH", "3 times")]
        {
            let error = Pattern::compile("dateFormat", pattern).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
    }
}
