//! Compiles the text of a pattern to its items, or reports Spark's error.
//!
//! Spark checks the letters itself first, then Java compiles the pattern. Which of Spark's errors a pattern gets also
//! depends on whether Spark 2 would have accepted it.

use super::offset::OffsetStyle;
use super::{Field, Item, Number, Sign};
use thalweg_common::{Error, ErrorKind, Result};

const GUIDE: &str = "https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html";

/// The bound on nested optional parts: compiler, parser and formatter are recursive.
const DEPTH_MAX: usize = 16;

/// The reason why a pattern is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    WeekBased(char),
    Illegal(char),
    Length,
    Unrecognized,
}

/// Compiles a pattern for parsing or for formatting.
pub(super) fn compile(text: &str, parsing: bool) -> Result<Vec<Item>> {
    let made = check_letters(text, parsing).and_then(|()| {
        let mut compiler =
            Compiler { rest: text.chars().peekable(), has_era: unquoted(text).any(|p| p.contains('G')) };
        let items = compiler.items(0).ok_or(Refusal::Unrecognized)?;
        // A `]` without its `[` ends the items early.
        if compiler.rest.next().is_some() { Err(Refusal::Unrecognized) } else { Ok(items) }
    });
    made.map_err(|why| if spark_2_knows(text) { recognition(text) } else { refused(text, why) })
}

/// Returns the parts of a pattern that are outside of quotes.
fn unquoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('\'').step_by(2)
}

/// Refuses the letters that Spark refuses before Java compiles the pattern.
fn check_letters(text: &str, parsing: bool) -> Result<(), Refusal> {
    for part in unquoted(text) {
        if let Some(c) = part.chars().find(|c| "YWwuec".contains(*c)) {
            return Err(Refusal::WeekBased(c));
        }
        let is_illegal = |c: &char| "ABnNp".contains(*c) || (parsing && "EFqQ".contains(*c));
        if let Some(c) = part.chars().find(is_illegal) {
            return Err(Refusal::Illegal(c));
        }
        // The narrow forms of Java, and years of seven letters.
        let narrow = ["GGGGG", "MMMMM", "LLLLL", "EEEEE", "QQQQQ", "qqqqq", "yyyyyyy"];
        if narrow.iter().any(|letters| part.contains(letters)) {
            return Err(Refusal::Length);
        }
    }
    Ok(())
}

/// Returns whether the formatter of Spark 2 (`SimpleDateFormat`) accepts the pattern: then Spark's error mentions the
/// upgrade.
fn spark_2_knows(text: &str) -> bool {
    // `SimpleDateFormat` refuses a quote that is not closed, and unknown letters outside of quotes.
    let closed = text.matches('\'').count().is_multiple_of(2);
    let known = |c: char| !c.is_ascii_alphabetic() || "GyYMLwWDdFEuaHkKhmsSzZX".contains(c);
    closed && unquoted(text).all(|part| part.chars().all(known) && !part.contains("XXXX"))
}

/// Returns Spark's error for a pattern that Spark 2 accepted.
fn recognition(text: &str) -> Error {
    let message = format!(
        "You may get a different result due to the upgrading to Spark >= 3.0: fail to recognize '{text}' pattern in the \
         DateTimeFormatter. You can form a valid datetime pattern with the guide from '{GUIDE}'."
    );
    let class = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION";
    Error::new(ErrorKind::IllegalArgument, class, "42K0B", message).param("pattern", format!("'{text}'"))
}

/// Returns Spark's error for any other pattern.
fn refused(text: &str, why: Refusal) -> Error {
    let (class, what) = match why {
        Refusal::WeekBased(c) => {
            let message = format!(
                "All week-based patterns are unsupported since Spark 3.0, detected: {c}. Please use the SQL function \
                 EXTRACT instead."
            );
            let class = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN";
            return Error::new(ErrorKind::IllegalArgument, class, "42K0B", message).param("c", c.to_string());
        }
        Refusal::Illegal(c) => {
            let what = format!(
                "Illegal pattern character found in datetime pattern: {c}. Please provide legal character."
            );
            ("ILLEGAL_CHARACTER", what)
        }
        Refusal::Length => {
            let what = format!("Too many letters in datetime pattern: {text}. Please reduce pattern length.");
            ("LENGTH", what)
        }
        Refusal::Unrecognized => {
            let what = format!("You can form a valid datetime pattern with the guide from '{GUIDE}'.");
            ("WITH_SUGGESTION", what)
        }
    };
    let message = format!("Unrecognized datetime pattern: {text}. {what}");
    Error::new(ErrorKind::IllegalArgument, format!("INVALID_DATETIME_PATTERN.{class}"), "22007", message)
        .param("pattern", text)
}

struct Compiler<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    /// Set if the pattern contains an era: then years count within it.
    has_era: bool,
}

/// The items of one level of nesting, and the index of the number that leaves digits to those directly after it.
#[derive(Default)]
struct Level {
    items: Vec<Item>,
    leader: Option<usize>,
}

impl Level {
    fn push(&mut self, item: Item) {
        self.items.push(item);
        self.leader = None;
    }

    /// Appends a number. Java parses adjacent numbers so: those of fixed width get their digits from the first one,
    /// and a number of variable width ends the group.
    fn push_number(&mut self, number: Number) {
        let leader = self.leader.and_then(|at| self.items.get_mut(at));
        match leader {
            Some(Item::Number(leader)) if number.is_fixed() => leader.reserved += number.max,
            other => {
                if let Some(Item::Number(leader)) = other {
                    leader.reserved = 0;
                }
                self.leader = Some(self.items.len());
            }
        }
        self.items.push(Item::Number(number));
    }
}

impl Number {
    fn is_fixed(&self) -> bool {
        self.min == self.max && self.sign == Sign::Never
    }
}

impl Compiler<'_> {
    /// Compiles up to the end or the `]` that closes this level. As in Java, a level may end with the pattern.
    fn items(&mut self, depth: usize) -> Option<Vec<Item>> {
        let mut level = Level::default();
        while let Some(c) = self.rest.peek().copied() {
            if c == ']' && depth == 0 {
                return None;
            }
            self.rest.next();
            match c {
                '\'' => level.push(Item::Text(self.quoted()?)),
                '[' if depth < DEPTH_MAX => level.push(Item::Optional(self.items(depth + 1)?)),
                ']' => break,
                // Java reserves these characters. A `[` gets here only beyond the bound on nesting.
                '[' | '{' | '}' | '#' => return None,
                c if c.is_ascii_alphabetic() => {
                    let mut width = 1;
                    while self.rest.next_if_eq(&c).is_some() {
                        width += 1;
                    }
                    match self.letters(c, width)? {
                        Item::Number(number) => level.push_number(number),
                        other => level.push(other),
                    }
                }
                c => level.push(Item::Text(c.to_string())),
            }
        }
        Some(level.items)
    }

    /// Reads a text up to its closing quote. Two quotes are one literal quote.
    fn quoted(&mut self) -> Option<String> {
        if self.rest.next_if_eq(&'\'').is_some() {
            return Some("'".into());
        }
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '\'' if self.rest.next_if_eq(&'\'').is_some() => text.push('\''),
                '\'' => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// Compiles a letter that is repeated `width` times.
    fn letters(&self, letter: char, width: usize) -> Option<Item> {
        Some(match (letter, width) {
            ('y', _) => Item::Number(self.year(width)),
            ('M' | 'L', 1 | 2) => number(Field::Month, width),
            ('M' | 'L', 3 | 4) => Item::Month(width == 4),
            ('Q' | 'q', 1 | 2) => number(Field::Quarter, width),
            ('Q' | 'q', 3 | 4) => Item::Quarter(width == 4),
            ('d', 1 | 2) => number(Field::Day, width),
            ('D', 1) => number(Field::DayOfYear, 1),
            ('D', 2 | 3) => Item::Number(Number { max: 3, ..fixed(Field::DayOfYear, width) }),
            ('F', 1) => number(Field::DayOfAlignedWeek, 1),
            ('E', 1..=4) => Item::Weekday(width == 4),
            ('G', 1..=4) => Item::Era(width == 4),
            ('a', 1) => Item::HalfDay,
            ('H', 1 | 2) => number(Field::Hour, width),
            ('k', 1 | 2) => number(Field::ClockHour, width),
            ('K', 1 | 2) => number(Field::HalfDayHour, width),
            ('h', 1 | 2) => number(Field::ClockHalfDayHour, width),
            ('m', 1 | 2) => number(Field::Minute, width),
            ('s', 1 | 2) => number(Field::Second, width),
            ('S', 1..=9) => Item::Fraction(width),
            ('V', 2) => Item::ZoneId,
            ('z', 1..=4) => Item::ZoneName(width == 4),
            _ => Item::Offset(OffsetStyle::of(letter, width)?),
        })
    }

    /// Returns the number for a year of `width` letters.
    fn year(&self, width: usize) -> Number {
        let field = if self.has_era { Field::YearOfEra } else { Field::Year };
        // From four letters on Java writes a plus before a year with more digits than letters.
        let sign = if width < 4 { Sign::Normal } else { Sign::ExceedsPad };
        match width {
            // Two letters are the last two digits of a year of this century.
            2 if self.has_era => fixed(Field::ShortYearOfEra, 2),
            2 => fixed(Field::ShortYear, 2),
            _ => Number { field, min: width, max: 19, sign, reserved: 0 },
        }
    }
}

/// Returns a number with a fixed number of digits and no sign.
fn fixed(field: Field, width: usize) -> Number {
    Number { field, min: width, max: width, sign: Sign::Never, reserved: 0 }
}

/// Compiles a number: one letter stands for any number of digits, two for exactly two.
fn number(field: Field, width: usize) -> Item {
    Item::Number(match width {
        1 => Number { field, min: 1, max: 19, sign: Sign::Normal, reserved: 0 },
        _ => fixed(field, width),
    })
}
