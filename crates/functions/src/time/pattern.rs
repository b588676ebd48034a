//! Spark's datetime patterns: `yyyy-MM-dd HH:mm:ss.SSS`, read once, then used to parse or to format.
//!
//! Letters, widths and strictness are those of Spark's reference page "Datetime Patterns". Letters that
//! Spark refuses, and names in languages other than English, are refused here too.

use super::civil::{self, DAY, HOUR, MINUTE, SECOND};
use super::zone::Zone;
use std::fmt::Write;
use thalweg_common::{Error, ErrorKind, Result};

/// A pattern, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Text(String),
    Field(char, usize),
    /// `[` .. `]`: may be missing in a text to parse.
    Optional(Vec<Item>),
}

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
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The English name of a month from 1 to 12.
pub(crate) fn month_name(month: u32) -> &'static str {
    MONTHS.get((month as usize).wrapping_sub(1)).copied().unwrap_or("")
}

/// The English name of a day of the week, Monday 0.
pub(crate) fn day_name(weekday: i64) -> &'static str {
    usize::try_from(weekday).ok().and_then(|d| DAYS.get(d)).copied().unwrap_or("")
}

/// The first three letters of a name.
pub(crate) fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

fn unrecognized(text: &str) -> Error {
    let message = format!(
        "Fail to recognize '{text}' pattern in the DateTimeFormatter. You can form a valid datetime pattern with the \
         guide from 'https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html'."
    );
    let class = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION";
    Error::new(ErrorKind::IllegalArgument, class, "42K0B", message).param("pattern", format!("'{text}'"))
}

fn names_weekday(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Text(_) => false,
        Item::Field(letter, _) => *letter == 'E',
        Item::Optional(inner) => names_weekday(inner),
    })
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let mut rest = text.chars().peekable();
        let items = read_items(&mut rest, 0).ok_or_else(|| unrecognized(text))?;
        Ok(Self { items })
    }

    /// Reads a pattern that texts are parsed by: a day of the week can be written, not read.
    pub(crate) fn for_parsing(text: &str) -> Result<Self> {
        let made = Self::read(text)?;
        if names_weekday(&made.items) { Err(unrecognized(text)) } else { Ok(made) }
    }

    /// The text of a wall-clock time in a zone.
    pub(crate) fn format(&self, local: i64, instant: i64, zone: Zone) -> Result<String> {
        let mut out = String::new();
        write_items(&self.items, &Moment { local, instant, zone }, &mut out)?;
        Ok(out)
    }

    /// The wall clock and zone of a text; at which character it stopped to follow the pattern otherwise.
    pub(crate) fn parse(&self, text: &str) -> std::result::Result<super::parse::Read, usize> {
        let mut found = Found::default();
        let rest = parse_items(&self.items, text, &mut found)
            .map_err(|rest| text.chars().count() - rest.chars().count())?;
        if !rest.is_empty() {
            return Err(text.chars().count() - rest.chars().count());
        }
        found.resolve().ok_or(0)
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Reads up to the end or to the bracket that closes; brackets nest at most 8 deep.
fn read_items(rest: &mut Chars, depth: usize) -> Option<Vec<Item>> {
    const DEPTH_MAX: usize = 8;
    let mut items = Vec::new();
    loop {
        let Some(c) = rest.next() else {
            return (depth == 0).then_some(items);
        };
        match c {
            '\'' => items.push(Item::Text(quoted(rest)?)),
            '[' if depth < DEPTH_MAX => items.push(Item::Optional(read_items(rest, depth + 1)?)),
            ']' if depth > 0 => return Some(items),
            '[' | ']' | '{' | '}' | '#' => return None,
            c if c.is_ascii_alphabetic() => {
                let mut width = 1;
                while rest.next_if_eq(&c).is_some() {
                    width += 1;
                }
                known(c, width).then_some(())?;
                items.push(Item::Field(c, width));
            }
            c => items.push(Item::Text(c.to_string())),
        }
    }
}

fn quoted(rest: &mut Chars) -> Option<String> {
    if rest.next_if_eq(&'\'').is_some() {
        return Some("'".into());
    }
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

fn known(letter: char, width: usize) -> bool {
    match letter {
        'y' => width <= 6,
        'M' | 'L' | 'E' | 'Q' | 'q' => width <= 4,
        'd' | 'h' | 'H' | 'k' | 'K' | 'm' | 's' | 'V' => width <= 2,
        'D' | 'z' => width <= 3,
        'a' => width == 1,
        'G' => width <= 3,
        'S' => width <= 9,
        'X' | 'x' | 'Z' => width <= 3,
        _ => false,
    }
}

struct Moment {
    local: i64,
    instant: i64,
    zone: Zone,
}

fn write_items(items: &[Item], m: &Moment, out: &mut String) -> Result<()> {
    for item in items {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Optional(items) => write_items(items, m, out)?,
            Item::Field(letter, width) => write_field(*letter, *width, m, out)?,
        }
    }
    Ok(())
}

fn write_field(letter: char, width: usize, m: &Moment, out: &mut String) -> Result<()> {
    let days = m.local.div_euclid(DAY);
    let time = m.local.rem_euclid(DAY);
    let date = civil::from_days(days);
    let hour = time / HOUR;
    let mut number = |n: i64| {
        let _ = write!(out, "{n:0width$}");
    };
    match letter {
        'y' if width == 2 => number(date.year.rem_euclid(100)),
        'y' if date.year > 9999 && width >= 4 => out.push_str(&format!("+{}", date.year)),
        'y' => number(date.year),
        'M' | 'L' if width == 3 => out.push_str(short(month_name(date.month))),
        'M' | 'L' if width == 4 => out.push_str(month_name(date.month)),
        'M' | 'L' => number(i64::from(date.month)),
        'd' => number(i64::from(date.day)),
        'D' => number(civil::day_of_year(days)),
        'Q' | 'q' if width >= 3 => {
            let quarter = (date.month - 1) / 3 + 1;
            let names = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
            let long = names.get(quarter as usize - 1).copied().unwrap_or("");
            out.push_str(&if width == 3 { format!("Q{quarter}") } else { long.to_owned() });
        }
        'Q' | 'q' => number(i64::from((date.month - 1) / 3 + 1)),
        'E' if width == 4 => out.push_str(day_name(civil::weekday(days))),
        'E' => out.push_str(short(day_name(civil::weekday(days)))),
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'G' => out.push_str(if date.year > 0 { "AD" } else { "BC" }),
        'h' => number((hour + 11) % 12 + 1),
        'K' => number(hour % 12),
        'k' => number((hour + 23) % 24 + 1),
        'H' => number(hour),
        'm' => number(time / MINUTE % 60),
        's' => number(time / SECOND % 60),
        'S' => {
            let nanos = format!("{:09}", time % SECOND * 1000);
            out.push_str(nanos.get(..width).unwrap_or(&nanos));
        }
        _ => write_zone(letter, width, m, out)?,
    }
    Ok(())
}

fn write_zone(letter: char, width: usize, m: &Moment, out: &mut String) -> Result<()> {
    let offset = m.zone.offset_s(m.instant);
    let (sign, a) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let (h, min, s) = (a / 3600, a / 60 % 60, a % 60);
    match (letter, width) {
        ('X', _) if offset == 0 => out.push('Z'),
        ('X' | 'x', 1) if min == 0 => out.push_str(&format!("{sign}{h:02}")),
        ('X' | 'x', 1 | 2) | ('Z', _) => out.push_str(&format!("{sign}{h:02}{min:02}")),
        ('X' | 'x', _) if s == 0 => out.push_str(&format!("{sign}{h:02}:{min:02}")),
        ('X' | 'x', _) => out.push_str(&format!("{sign}{h:02}:{min:02}:{s:02}")),
        _ => match m.zone {
            Zone::Named(tz) if letter == 'V' => out.push_str(tz.name()),
            Zone::Fixed(0) => out.push_str(if letter == 'V' { "Z" } else { "UTC" }),
            Zone::Fixed(_) => out.push_str(&format!("{sign}{h:02}:{min:02}")),
            Zone::Named(_) => {
                return Err(Error::unsupported("the pattern letter z in a zone with a name"));
            }
        },
    }
    Ok(())
}

/// What a text told so far.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<Zone>,
}

impl Found {
    fn resolve(&self) -> Option<super::parse::Read> {
        let year = self.year.unwrap_or(1970);
        let days = match self.day_of_year {
            Some(n) if self.month.is_none() && self.day.is_none() => {
                let last = if civil::is_leap(year) { 366 } else { 365 };
                (1..=last).contains(&n).then_some(civil::checked_days(year, 1, 1)? + n - 1)?
            }
            _ => {
                let month = u32::try_from(self.month.unwrap_or(1)).ok()?;
                civil::checked_days(year, month, u32::try_from(self.day.unwrap_or(1)).ok()?)?
            }
        };
        let hour = match (self.hour, self.half_hour, self.afternoon) {
            (Some(h), ..) => h,
            (None, Some(h), half) => h % 12 + if half == Some(true) { 12 } else { 0 },
            (None, None, Some(true)) => 12,
            _ => 0,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let time = hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros;
        let local = days.checked_mul(DAY)?.checked_add(time)?;
        Some(super::parse::Read { local, zone: self.zone })
    }
}

fn is_number(item: Option<&Item>) -> bool {
    match item {
        Some(Item::Field('M' | 'L', width)) => *width <= 2,
        Some(Item::Field(letter, _)) => "ydDhHkKmsS".contains(*letter),
        _ => false,
    }
}

/// Parses as far as the items go; the error is the rest that did not follow.
fn parse_items<'a>(
    items: &[Item],
    text: &'a str,
    found: &mut Found,
) -> std::result::Result<&'a str, &'a str> {
    let mut rest = text;
    for (i, item) in items.iter().enumerate() {
        rest = match item {
            Item::Text(expected) => match rest.get(..expected.len()) {
                Some(head) if head.eq_ignore_ascii_case(expected) => rest.get(expected.len()..).unwrap_or(""),
                _ => return Err(rest),
            },
            Item::Optional(inner) => {
                let mut tried = *found;
                match parse_items(inner, rest, &mut tried) {
                    Ok(after) => {
                        *found = tried;
                        after
                    }
                    Err(_) => rest,
                }
            }
            Item::Field(letter, width) => {
                let adjacent = is_number(items.get(i + 1));
                parse_field(*letter, *width, adjacent, rest, found).ok_or(rest)?
            }
        };
    }
    Ok(rest)
}

fn parse_field<'a>(
    letter: char,
    width: usize,
    adjacent: bool,
    text: &'a str,
    found: &mut Found,
) -> Option<&'a str> {
    let (least, most) = match (letter, width, adjacent) {
        ('S', n, _) => (1, n),
        ('y', 2, _) => (2, 2),
        ('y', n, true) => (n, n),
        ('y', 1, false) => (1, 6),
        ('y', n, false) => (n, n),
        (_, 1, false) => (1, 9),
        (_, n, _) => (n, n),
    };
    if is_number(Some(&Item::Field(letter, width))) {
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) if letter == 'y' => (true, body),
            _ => (false, text),
        };
        let digits = body.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (head, rest) = body.split_at_checked(digits)?;
        let value: i64 = if digits >= least { head.parse().ok()? } else { return None };
        set(letter, width, if negative { -value } else { value }, head, found)?;
        return Some(rest);
    }
    match letter {
        'M' | 'L' => {
            let (i, rest) = named(&MONTHS, width == 3, text)?;
            found.month = Some(i as i64 + 1);
            Some(rest)
        }
        'E' => named(&DAYS, width < 4, text).map(|(_, rest)| rest),
        'a' => {
            let (head, rest) = text.split_at_checked(2)?;
            found.afternoon = Some(match head.to_ascii_uppercase().as_str() {
                "AM" => false,
                "PM" => true,
                _ => return None,
            });
            Some(rest)
        }
        'G' => text.strip_prefix("AD"),
        _ => parse_zone(text, found),
    }
}

fn set(letter: char, width: usize, value: i64, digits: &str, found: &mut Found) -> Option<()> {
    let within = |low: i64, high: i64| (low..=high).contains(&value).then_some(value);
    match letter {
        'y' if width == 2 => found.year = Some(2000 + value),
        'y' => found.year = Some(value),
        'M' | 'L' => found.month = Some(within(1, 12)?),
        'd' => found.day = Some(within(1, 31)?),
        'D' => found.day_of_year = Some(within(1, 366)?),
        'H' => found.hour = Some(within(0, 23)?),
        'k' => found.hour = Some(within(1, 24)? % 24),
        'h' => found.half_hour = Some(within(1, 12)?),
        'K' => found.half_hour = Some(within(0, 11)?),
        'm' => found.minute = within(0, 59)?,
        's' => found.second = within(0, 59)?,
        'S' => found.micros = format!("{digits:0<6}").get(..6)?.parse().ok()?,
        _ => return None,
    }
    Some(())
}

fn named<'a>(names: &[&str], shortened: bool, text: &'a str) -> Option<(usize, &'a str)> {
    names.iter().enumerate().find_map(|(i, name)| {
        let name = if shortened { short(name) } else { name };
        let (head, rest) = text.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then_some((i, rest))
    })
}

fn parse_zone<'a>(text: &'a str, found: &mut Found) -> Option<&'a str> {
    let size = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+-:/_".contains(b)).count();
    let (head, rest) = text.split_at_checked(size)?;
    found.zone = Some(Zone::parse(head)?);
    Some(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn texts_follow_patterns_both_ways() {
        let cases = [
            ("yyyy-MM-dd", "2016-12-31", "2016-12-31"),
            ("yyyyMMdd HHmmss", "20161231 010203", "20161231 010203"),
            ("d/M/yy h:mm a", "3/2/16 1:05 PM", "3/2/16 1:05 PM"),
            ("dd MMM yyyy", "03 feb 2016", "03 Feb 2016"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2016-01-02T03:04:05.6", "2016-01-02T03:04:05.600"),
            ("yyyy[-MM]", "2016", "2016-01"),
            ("yyyy-DDD", "2016-366", "2016-366"),
        ];
        for (pattern, text, expect) in cases {
            let p = Pattern::read(pattern).unwrap();
            let read = p.parse(text).unwrap_or_else(|at| panic!("{pattern} {text} {at}"));
            assert_eq!(p.format(read.local, read.local, Zone::Fixed(0)).unwrap(), expect, "{pattern}");
        }
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let cases = [
            ("yyyy-MM-dd", "2016-2-03"),
            ("yyyy-MM-dd", "2016-02-30"),
            ("yyyy-MM-dd", "2016-02-03x"),
            ("HH", "24"),
            ("yyyy-MM-dd", "foo"),
        ];
        for (pattern, text) in cases {
            assert!(Pattern::read(pattern).unwrap().parse(text).is_err(), "{pattern} {text}");
        }
        assert!(Pattern::for_parsing("EEE, d MMM yyyy").is_err());
        assert!(Pattern::for_parsing("yyyy[ EEE]").is_err());
        for pattern in ["YYYY", "yyyy-MM-dd 'x", "[yyyy", "ww"] {
            assert!(Pattern::read(pattern).is_err(), "{pattern}");
        }
    }
}
