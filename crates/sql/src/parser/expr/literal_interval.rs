//! Interval literals as Spark's ANSI types.
//!
//! Years and months make a year-month interval, weeks to nanoseconds a day-time interval; both in one
//! literal are refused, as Spark refuses them. The fields that were written stay in the type.

use super::super::Parser;
use super::super::lexer::TokenKind;
use super::literal_datetime::fraction_micros;
use crate::ir::{Expr, ExprNode, Literal};
use thalweg_common::{Error, ErrorKind, Result};

/// A unit: its name, its field in its family, and how many months or microseconds it holds.
struct Unit {
    name: &'static str,
    is_month: bool,
    field: u8,
    size: i64,
}

const fn unit(name: &'static str, is_month: bool, field: u8, size: i64) -> Unit {
    Unit { name, is_month, field, size }
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Nanoseconds are left out: intervals have microseconds.
const UNITS: [Unit; 9] = [
    unit("YEAR", true, 0, 12),
    unit("MONTH", true, 1, 1),
    unit("WEEK", false, 0, 7 * MICROS_PER_DAY),
    unit("DAY", false, 0, MICROS_PER_DAY),
    unit("HOUR", false, 1, 3_600_000_000),
    unit("MINUTE", false, 2, 60_000_000),
    unit("SECOND", false, 3, 1_000_000),
    unit("MILLISECOND", false, 3, 1000),
    unit("MICROSECOND", false, 3, 1),
];

fn find_unit(word: &str) -> Option<&'static Unit> {
    let upper = word.to_ascii_uppercase();
    let singular = upper.strip_suffix('S').unwrap_or(&upper);
    UNITS.iter().find(|u| u.name == singular)
}

/// The sum of the parts read so far.
#[derive(Default)]
struct Total {
    amount: i64,
    is_month: Option<bool>,
    start: u8,
    end: u8,
}

impl Total {
    /// Adds `sign * text` units.
    fn add(&mut self, negative: bool, text: &str, unit: &Unit) -> Option<()> {
        if self.is_month.is_some_and(|m| m != unit.is_month) {
            return None;
        }
        let part = scaled(text, unit)?;
        let part = if negative { part.checked_neg()? } else { part };
        self.amount = self.amount.checked_add(part)?;
        let first = self.is_month.is_none();
        self.start = if first { unit.field } else { self.start.min(unit.field) };
        self.end = if first { unit.field } else { self.end.max(unit.field) };
        self.is_month = Some(unit.is_month);
        Some(())
    }

    fn literal(&self) -> Option<Literal> {
        let (start, end) = (self.start, self.end);
        Some(match self.is_month? {
            true => Literal::YearMonthInterval { months: i32::try_from(self.amount).ok()?, start, end },
            false => Literal::DayTimeInterval { micros: self.amount, start, end },
        })
    }
}

/// `text` units; only seconds may have a fraction.
fn scaled(text: &str, unit: &Unit) -> Option<i64> {
    let (negative, body) = signed(text.trim());
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if body.contains('.') && unit.name != "SECOND" {
        return None;
    }
    let whole: i64 = if whole.is_empty() && !fraction.is_empty() { 0 } else { unsigned(whole)? };
    let total = whole.checked_mul(unit.size)?.checked_add(fraction_micros(fraction)?)?;
    Some(if negative { -total } else { total })
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn unsigned(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn invalid(text: &str) -> Error {
    Error::new(
        ErrorKind::Parse,
        "INVALID_INTERVAL_FORMAT",
        "22006",
        format!(
            "Error parsing '{text}' to interval. Please ensure that the value provided is in a valid format for defining an interval."
        ),
    )
    .param("input", text)
    .hint("Years and months don't mix with days and smaller units in one interval.")
}

/// The text of `INTERVAL '…'`: pairs of a number and a unit.
pub(crate) fn parse_interval_text(text: &str) -> Result<Literal> {
    let mut words = text.split_whitespace().peekable();
    if words.peek().is_some_and(|w| w.eq_ignore_ascii_case("interval")) {
        words.next();
    }
    let mut total = Total::default();
    while let Some(number) = words.next() {
        let negative = number == "-";
        let number = if negative || number == "+" { words.next().unwrap_or_default() } else { number };
        let unit = words.next().and_then(find_unit).ok_or_else(|| invalid(text))?;
        total.add(negative, number, unit).ok_or_else(|| invalid(text))?;
    }
    total.literal().ok_or_else(|| invalid(text))
}

/// `'1-2' YEAR TO MONTH`, `'1 2:03:04.5' DAY TO SECOND` and the ranges between.
fn range_literal(text: &str, negative: bool, from: &Unit, to: &Unit) -> Option<Literal> {
    if from.is_month != to.is_month || from.field >= to.field {
        return None;
    }
    let (minus, body) = signed(text.trim());
    let parts: Vec<&str> =
        if from.is_month { body.split('-').collect() } else { body.split([' ', ':']).collect() };
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    if parts.len() != usize::from(to.field - from.field) + 1 {
        return None;
    }
    let mut total = Total::default();
    for (part, field) in parts.into_iter().zip(from.field..=to.field) {
        let unit =
            UNITS.iter().find(|u| u.is_month == from.is_month && u.field == field && u.name != "WEEK")?;
        let limit = if unit.is_month {
            12
        } else if field == 1 {
            24
        } else {
            60
        };
        let whole = unsigned(part.split('.').next()?)?;
        if field > from.field && whole >= limit {
            return None;
        }
        total.add(minus != negative, part, unit)?;
    }
    total.literal()
}

impl Parser<'_> {
    /// Returns whether the word INTERVAL begins a literal: a number or a string follows, possibly with a sign.
    pub(super) fn is_interval(&self) -> bool {
        let sign = usize::from(self.is_symbol_at(self.pos + 1, "-") || self.is_symbol_at(self.pos + 1, "+"));
        matches!(self.token_at(self.pos + 1 + sign).kind, TokenKind::Number | TokenKind::Text(_))
            && (sign == 0 || self.unit_at(self.pos + 3).is_some())
    }

    fn unit_at(&self, at: usize) -> Option<&'static Unit> {
        let token = self.token_at(at);
        if token.kind == TokenKind::Word { find_unit(self.text_of(token)) } else { None }
    }

    /// An interval literal; the current token is INTERVAL.
    pub(crate) fn interval(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.expect("INTERVAL")?;
        let literal = self.interval_value().map_err(|e| e.at(self.position(start, self.pos)))?;
        Ok(self.expr_at(ExprNode::Literal(literal), start))
    }

    fn interval_value(&mut self) -> Result<Literal> {
        if let TokenKind::Text(text) = &self.peek().kind {
            let text = text.clone();
            match (self.unit_at(self.pos + 1), self.is_word_at(self.pos + 2, "TO")) {
                (None, _) => {
                    self.advance();
                    return parse_interval_text(&text);
                }
                (Some(_), true) => return self.interval_range(false),
                (Some(_), false) => {}
            }
        }
        if self.is_symbol("-") && self.is_word_at(self.pos + 3, "TO") {
            self.advance();
            return self.interval_range(true);
        }
        self.interval_units()
    }

    fn interval_range(&mut self, negative: bool) -> Result<Literal> {
        let text = self.text()?;
        let from = self.unit_at(self.pos).ok_or_else(|| self.error())?;
        self.advance();
        self.expect("TO")?;
        let to = self.unit_at(self.pos).ok_or_else(|| self.error())?;
        self.advance();
        range_literal(&text, negative, from, to).ok_or_else(|| invalid(&text))
    }

    /// `1 DAY 2 HOURS`, `'1' DAY`, `-1 MONTH`.
    fn interval_units(&mut self) -> Result<Literal> {
        let start = self.pos;
        let mut total = Total::default();
        loop {
            let negative = self.is_symbol("-");
            let sign = usize::from(negative || self.is_symbol("+"));
            let value = self.token_at(self.pos + sign);
            let text = match &value.kind {
                TokenKind::Text(text) => text.clone(),
                TokenKind::Number => self.text_of(value).to_owned(),
                _ if total.is_month.is_some() => break,
                _ => return Err(self.error()),
            };
            let Some(unit) = self.unit_at(self.pos + sign + 1) else {
                if total.is_month.is_some() {
                    break;
                }
                self.pos += sign + 1;
                return Err(self.error());
            };
            self.pos += sign + 2;
            total.add(negative, &text, unit).ok_or_else(|| invalid(self.slice(start)))?;
        }
        total.literal().ok_or_else(|| invalid(self.slice(start)))
    }
}

/// An interval as text that names its units, such as `1 days 2 hours`.
pub(crate) fn interval_words(literal: &Literal) -> Option<String> {
    let (mut rest, is_month) = match literal {
        Literal::DayTimeInterval { micros, .. } => (*micros, false),
        Literal::YearMonthInterval { months, .. } => (i64::from(*months), true),
        _ => return None,
    };
    let mut words = vec![];
    for unit in UNITS.iter().filter(|u| u.is_month == is_month && u.name != "WEEK") {
        let count = rest / unit.size;
        rest %= unit.size;
        if count != 0 {
            words.push(format!("{count} {}s", unit.name.to_ascii_lowercase()));
        }
    }
    if words.is_empty() {
        words.push("0 seconds".to_owned());
    }
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::super::Source;
    use super::*;

    fn read(text: &str) -> Result<Literal> {
        let source = Source::new(text);
        let mut parser = Parser::new(&source);
        let expr = parser.interval()?;
        parser.finish()?;
        match expr.node {
            ExprNode::Literal(literal) => Ok(literal),
            other => panic!("{other:?}"),
        }
    }

    fn time(micros: i64, start: u8, end: u8) -> Literal {
        Literal::DayTimeInterval { micros, start, end }
    }

    fn months(months: i32, start: u8, end: u8) -> Literal {
        Literal::YearMonthInterval { months, start, end }
    }

    #[test]
    fn intervals_keep_the_fields_that_were_written() {
        let hour = 3_600_000_000;
        let cases = [
            ("INTERVAL 1 DAY", time(MICROS_PER_DAY, 0, 0)),
            ("interval '1' day", time(MICROS_PER_DAY, 0, 0)),
            ("interval 5 days 3 hours", time(5 * MICROS_PER_DAY + 3 * hour, 0, 1)),
            ("INTERVAL '1-2' YEAR TO MONTH", months(14, 0, 1)),
            ("INTERVAL '-1-2' YEAR TO MONTH", months(-14, 0, 1)),
            ("INTERVAL -'1-2' YEAR TO MONTH", months(-14, 0, 1)),
            ("INTERVAL '1 day 2 hours'", time(MICROS_PER_DAY + 2 * hour, 0, 1)),
            ("INTERVAL '1 2:03:04.5' DAY TO SECOND", time(MICROS_PER_DAY + 2 * hour + 184_500_000, 0, 3)),
            ("INTERVAL '10:20' MINUTE TO SECOND", time(620_000_000, 2, 3)),
            ("INTERVAL 1.5 SECONDS", time(1_500_000, 3, 3)),
            ("INTERVAL -3 MONTHS", months(-3, 1, 1)),
            ("INTERVAL 2 WEEKS", time(14 * MICROS_PER_DAY, 0, 0)),
            ("INTERVAL 30 seconds 1 milliseconds 1 microseconds", time(30_001_001, 3, 3)),
            ("INTERVAL '3' MONTH", months(3, 1, 1)),
        ];
        for (text, expect) in cases {
            assert_eq!(read(text).unwrap(), expect, "{text}");
        }
    }

    #[test]
    fn intervals_that_mix_or_overflow_are_refused() {
        for text in [
            "INTERVAL 1 MONTH 1 DAY",
            "INTERVAL '1 month 1 day'",
            "INTERVAL '1-13' YEAR TO MONTH",
            "INTERVAL '1' MONTH TO DAY",
            "INTERVAL 1.5 DAYS",
            "INTERVAL 99999999999999999 WEEKS",
            "INTERVAL ''",
        ] {
            assert_eq!(read(text).unwrap_err().class(), "INVALID_INTERVAL_FORMAT", "{text}");
        }
    }

    #[test]
    fn an_interval_reads_back_from_its_words() {
        for text in ["INTERVAL '1 2:03:04.5' DAY TO SECOND", "INTERVAL 14 MONTHS", "INTERVAL -5 MINUTES"] {
            let literal = read(text).unwrap();
            let words = interval_words(&literal).unwrap();
            let again = parse_interval_text(&words).unwrap();
            let amount = |l: &Literal| match l {
                Literal::DayTimeInterval { micros, .. } => *micros,
                Literal::YearMonthInterval { months, .. } => i64::from(*months),
                other => panic!("{other:?}"),
            };
            assert_eq!(amount(&again), amount(&literal), "{words}");
        }
    }
}
