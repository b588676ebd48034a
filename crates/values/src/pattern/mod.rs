//! Compiles Spark's datetime patterns, such as `yyyy-MM-dd HH:mm:ss.SSS`, and parses and formats with them.
//!
//! Letters, widths and strictness are those of Spark's reference page "Datetime Patterns" and of Java's
//! `DateTimeFormatter` in strict mode, in English. A pattern that Spark refuses is refused with Spark's error class.

mod compile;
mod format;
mod names;
mod offset;
mod parse;
mod zone;

use crate::calendar::DAY;
use crate::datetime::Timestamp;
use crate::zone::Zone;
use thalweg_common::Result;

pub use names::{day_name, month_name, short};

/// A compiled pattern.
///
/// ```
/// use thalweg_values::pattern::Pattern;
/// use thalweg_values::zone::Zone;
/// let pattern = Pattern::for_parsing("dd/MM/yyyy HH:mm")?;
/// assert_eq!(pattern.date("02/01/1970 10:30"), Some(1));
/// let mut text = String::new();
/// Pattern::for_formatting("EEE, d MMM yyyy")?.format(0, 0, Zone::UTC, &mut text);
/// assert_eq!(text, "Thu, 1 Jan 1970");
/// # Ok::<(), thalweg_common::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    items: Vec<Item>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    Text(String),
    Number(Number),
    /// Digits of a fraction of a second: exactly as many are written, at most as many are parsed.
    Fraction(usize),
    /// Names in full or shortened to three letters.
    Month(bool),
    Quarter(bool),
    Weekday(bool),
    Era(bool),
    HalfDay,
    Offset(offset::OffsetStyle),
    /// The name of a zone, such as `Europe/Paris`.
    ZoneId,
    /// `CET`, or in full `Central European Standard Time`.
    ZoneName(bool),
    /// `[` … `]`: may be missing in a text that is parsed.
    Optional(Vec<Item>),
}

/// A number of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    field: Field,
    /// The fewest and the most digits.
    min: usize,
    max: usize,
    sign: Sign,
    /// The number of digits of the numbers of fixed width that follow directly. In a text without separators they are
    /// left for these: `yyyyMMdd`.
    reserved: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// The proleptic year: 0 is 1 BC.
    Year,
    /// The last two digits of a year from 2000 to 2099.
    ShortYear,
    YearOfEra,
    /// The last two digits of a year of an era, from 2000 to 2099.
    ShortYearOfEra,
    Quarter,
    Month,
    Day,
    DayOfYear,
    /// From 1 to 7, beginning anew at each seventh day of the month.
    DayOfAlignedWeek,
    Hour,
    /// From 1 to 24.
    ClockHour,
    /// From 0 to 11.
    HalfDayHour,
    /// From 1 to 12.
    ClockHalfDayHour,
    Minute,
    Second,
}

impl Field {
    fn is_time(self) -> bool {
        matches!(
            self,
            Self::Hour
                | Self::ClockHour
                | Self::HalfDayHour
                | Self::ClockHalfDayHour
                | Self::Minute
                | Self::Second
        )
    }
}

/// The signs that a number may have, as in Java's `SignStyle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus.
    Normal,
    /// A minus; a plus if and only if there are more digits than the pattern has.
    ExceedsPad,
    Never,
}

/// The reason why a text does not match a pattern. Positions count characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// The text differs from the pattern at this position.
    At(usize),
    /// The pattern ends before this position, but not the text.
    Unparsed(usize),
    /// The text matches, but there is no such date or time.
    Value,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(place) => write!(f, "could not be parsed at index {place}"),
            Self::Unparsed(place) => write!(f, "could not be parsed, unparsed text found at index {place}"),
            Self::Value => write!(f, "could not be parsed: there is no such date or time"),
        }
    }
}

impl Pattern {
    /// Compiles a pattern for formatting.
    ///
    /// # Errors
    /// `INCONSISTENT_BEHAVIOR_CROSS_VERSION.*` for a pattern that Spark 2 knew, `INVALID_DATETIME_PATTERN.*` for
    /// others.
    pub fn for_formatting(text: &str) -> Result<Self> {
        compile::compile(text, false).map(|items| Self { items })
    }

    /// Compiles a pattern for parsing, for which Spark refuses days of the week and quarters.
    ///
    /// # Errors
    /// As [`Self::for_formatting`].
    pub fn for_parsing(text: &str) -> Result<Self> {
        compile::compile(text, true).map(|items| Self { items })
    }

    /// Appends the text of a local time, which belongs to an instant in a zone; both in microseconds.
    pub fn format(&self, local: i64, instant: i64, zone: Zone, out: &mut String) {
        format::write(&self.items, &format::Moment::new(local, instant, zone), out);
    }

    /// Parses a text to its local time and zone.
    ///
    /// # Errors
    /// Reports where and why the text does not match the pattern.
    pub fn parse(&self, text: &str) -> Result<Timestamp, Misfit> {
        parse::parse(&self.items, text)
    }

    /// Returns whether the pattern contains a part of the time of day.
    pub fn has_time(&self) -> bool {
        self.any(&|item| match item {
            Item::Number(number) => number.field.is_time(),
            Item::Fraction(_) | Item::HalfDay => true,
            _ => false,
        })
    }

    /// Returns whether the pattern contains a zone or an offset.
    pub fn has_zone(&self) -> bool {
        self.any(&|item| matches!(item, Item::Offset(_) | Item::ZoneId | Item::ZoneName(_)))
    }

    /// Returns whether an item, inside of optional parts too, passes a test.
    fn any(&self, test: &dyn Fn(&Item) -> bool) -> bool {
        fn inside(items: &[Item], test: &dyn Fn(&Item) -> bool) -> bool {
            items.iter().any(|item| match item {
                Item::Optional(items) => inside(items, test),
                item => test(item),
            })
        }
        inside(&self.items, test)
    }

    /// Parses a text to its day number; `None` if it does not match.
    pub fn date(&self, text: &str) -> Option<i32> {
        i32::try_from(self.parse(text).ok()?.local.div_euclid(DAY)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn formatted(pattern: &str, local: i64, zone: Zone) -> String {
        let mut out = String::new();
        Pattern::for_formatting(pattern).unwrap().format(local, zone.to_utc(local), zone, &mut out);
        out
    }

    #[test]
    fn texts_follow_patterns_both_ways() {
        let cases = [
            ("yyyy-MM-dd", "2016-12-31", "2016-12-31"),
            ("yyyyMMdd HHmmss", "20161231 010203", "20161231 010203"),
            ("d/M/yy h:mm a", "3/2/16 1:05 PM", "3/2/16 1:05 PM"),
            ("d/M/yy h:mm a", "3/2/16 1:05 pm", "3/2/16 1:05 PM"),
            ("dd MMM yyyy", "03 feb 2016", "03 Feb 2016"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2016-01-02T03:04:05.6", "2016-01-02T03:04:05.600"),
            ("yyyy[-MM[-dd]]", "2016", "2016-01-01"),
            ("yyyy-DDD", "2016-366", "2016-366"),
            ("G y", "BC 45", "BC 45"),
            ("yyyy", "-0044", "-0044"),
            ("yyyy", "+12016", "+12016"),
        ];
        for (pattern, text, expect) in cases {
            let read = Pattern::for_parsing(pattern).unwrap().parse(text);
            let read = read.unwrap_or_else(|misfit| panic!("{pattern} {text} {misfit}"));
            assert_eq!(formatted(pattern, read.local, Zone::UTC), expect, "{pattern}");
        }
    }

    #[test]
    fn what_does_not_follow_is_refused_with_its_place() {
        let cases = [
            ("yyyy-MM-dd", "2016-2-03", Misfit::At(5)),
            ("yyyy-MM-dd", "2016-02-30", Misfit::Value),
            ("yyyy-MM-dd", "2016-02-03x", Misfit::Unparsed(10)),
            ("yyyy-MM-dd", "12016-02-03", Misfit::At(0)),
            ("HH", "24", Misfit::Value),
            ("HH HH", "10 11", Misfit::At(3)),
            ("HH a", "13 AM", Misfit::Value),
            ("yyyy-MM-dd", "foo", Misfit::At(0)),
            ("yyyyMMddHHmmssSSS", "20200101000000123", Misfit::At(0)),
            ("yyyy-MM-dd VV", "2020-01-01 UTC+8", Misfit::Unparsed(14)),
            ("yyyy-MM-ddXXX", "2020-01-01+0800", Misfit::At(10)),
        ];
        for (pattern, text, misfit) in cases {
            assert_eq!(Pattern::for_parsing(pattern).unwrap().parse(text), Err(misfit), "{pattern} {text}");
        }
    }

    #[test]
    fn a_bad_pattern_has_sparks_class() {
        let recognition = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION";
        let cases = [
            ("YYYY", recognition),
            ("yyyy]", recognition),
            ("{", recognition),
            ("aa", recognition),
            ("MMMMM", recognition),
            ("uuuu", recognition),
            ("e", "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"),
            ("QQQQQ", "INVALID_DATETIME_PATTERN.LENGTH"),
            ("B", "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"),
            ("yyyy'x", "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
            ("foo", "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
        ];
        for (pattern, class) in cases {
            assert_eq!(Pattern::for_formatting(pattern).unwrap_err().class(), class, "{pattern}");
        }
        assert_eq!(Pattern::for_parsing("yyyy[ EEE]").unwrap_err().class(), recognition);
        let class = "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER";
        assert_eq!(Pattern::for_parsing("QQQ").unwrap_err().class(), class);
    }

    #[test]
    fn zones_are_written_and_read() {
        let pacific = Zone::named("America/Los_Angeles").unwrap();
        // 2024-07-02 14:05:06.
        let local = 1_719_929_106_000_000;
        let cases = [
            ("VV", "America/Los_Angeles"),
            ("z", "PDT"),
            ("zzzz", "Pacific Daylight Time"),
            ("O OOOO", "GMT-7 GMT-07:00"),
            ("X XX XXX XXXX XXXXX", "-07 -0700 -07:00 -0700 -07:00"),
            ("x xx xxx", "-07 -0700 -07:00"),
            ("Z ZZZZ ZZZZZ", "-0700 GMT-07:00 -07:00"),
        ];
        for (pattern, expect) in cases {
            assert_eq!(formatted(pattern, local, pacific), expect, "{pattern}");
        }
        let cases = [("UTC", "UTC UTC GMT Z +0000"), ("GMT+8", "GMT+08:00 GMT+08:00 GMT+8 +08 +0800")];
        for (zone, expect) in cases {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(formatted("VV z O X Z", local, zone), expect);
        }
        let cases = [
            ("X", "+0830", 30_600),
            ("x", "-08", -28_800),
            ("XXX", "z", 0),
            ("O", "GMT+8", 28_800),
            ("ZZZZ", "GMT+08:00", 28_800),
            ("VV", "europe/paris", 3600),
            ("z", "cest", 3600),
            ("zzzz", "Pacific Standard Time", -28_800),
            ("z", "JST", 32_400),
            ("zzzz", "St. Pierre & Miquelon Standard Time", -14_400),
        ];
        for (pattern, text, offset) in cases {
            let read = Pattern::for_parsing(pattern).unwrap().parse(text).unwrap();
            assert_eq!(read.zone.map(|z| z.offset_s(0)), Some(offset), "{pattern} {text}");
        }
    }
}
