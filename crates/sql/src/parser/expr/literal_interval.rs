//! Interval literals as Spark's ANSI types.
//!
//! Years and months make a year-month interval, weeks to nanoseconds a day-time interval; both in one
//! literal are refused, as Spark refuses them. The fields that were written stay in the type.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::{Expr, ExprNode, Literal};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::interval::{Interval, Sum, UNITS, Unit, find_unit, parse_range, parse_units};

fn literal(interval: Interval) -> Literal {
    match interval {
        Interval::Months { months, fields: (start, end) } => {
            Literal::YearMonthInterval { months, start, end }
        }
        Interval::Micros { micros, fields: (start, end) } => Literal::DayTimeInterval { micros, start, end },
    }
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

fn mixed_units(text: &str) -> Error {
    let text = format!("Cannot mix year-month and day-time fields: INTERVAL {text}.");
    Error::new(ErrorKind::Parse, "_LEGACY_ERROR_TEMP_0029", "42601", text).hint(
        "Add two intervals to a date or timestamp, one of years and months, one of days and smaller units.",
    )
}

/// The text of `INTERVAL '…'`: pairs of a number and a unit.
pub(crate) fn parse_interval_text(text: &str) -> Result<Literal> {
    parse_units(text).map(literal).ok_or_else(|| invalid(text))
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
        // The sign of a range may be before its text as well as inside.
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
        parse_range(&text, negative, from, to).map(literal).ok_or_else(|| invalid(&text))
    }

    /// `1 DAY 2 HOURS`, `'1' DAY`, `-1 MONTH`.
    fn interval_units(&mut self) -> Result<Literal> {
        let start = self.pos;
        let mut total = Sum::default();
        let mut mixed = false;
        loop {
            let negative = self.is_symbol("-");
            let sign = usize::from(negative || self.is_symbol("+"));
            let value = self.token_at(self.pos + sign);
            let text = match &value.kind {
                TokenKind::Text(text) => text.clone(),
                TokenKind::Number => self.text_of(value).to_owned(),
                _ if !total.is_empty() => break,
                _ => return Err(self.error()),
            };
            let Some(unit) = self.unit_at(self.pos + sign + 1) else {
                if !total.is_empty() {
                    break;
                }
                self.pos += sign + 1;
                return Err(self.error());
            };
            self.pos += sign + 2;
            // The error names the whole literal, so the units after the first one that does not fit are read, too.
            mixed |= total.mixes_with(unit);
            if !mixed {
                total.add(negative, &text, unit).ok_or_else(|| invalid(self.slice(start)))?;
            }
        }
        if mixed {
            return Err(mixed_units(self.slice(start)));
        }
        total.interval().map(literal).ok_or_else(|| invalid(self.slice(start)))
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
    // Seven days say the same as a week, which no field of an interval stands for.
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
    use thalweg_values::calendar::DAY;

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
            ("INTERVAL 1 DAY", time(DAY, 0, 0)),
            ("interval '1' day", time(DAY, 0, 0)),
            ("interval 5 days 3 hours", time(5 * DAY + 3 * hour, 0, 1)),
            ("INTERVAL '1-2' YEAR TO MONTH", months(14, 0, 1)),
            ("INTERVAL '-1-2' YEAR TO MONTH", months(-14, 0, 1)),
            ("INTERVAL -'1-2' YEAR TO MONTH", months(-14, 0, 1)),
            ("INTERVAL '1 day 2 hours'", time(DAY + 2 * hour, 0, 1)),
            ("INTERVAL '1 2:03:04.5' DAY TO SECOND", time(DAY + 2 * hour + 184_500_000, 0, 3)),
            ("INTERVAL '10:20' MINUTE TO SECOND", time(620_000_000, 2, 3)),
            ("INTERVAL 1.5 SECONDS", time(1_500_000, 3, 3)),
            ("INTERVAL -3 MONTHS", months(-3, 1, 1)),
            ("INTERVAL 2 WEEKS", time(14 * DAY, 0, 0)),
            ("INTERVAL 30 seconds 1 milliseconds 1 microseconds", time(30_001_001, 3, 3)),
            ("INTERVAL '3' MONTH", months(3, 1, 1)),
        ];
        for (text, expect) in cases {
            assert_eq!(read(text).unwrap(), expect, "{text}");
        }
    }

    #[test]
    fn intervals_that_mix_or_overflow_are_refused() {
        assert_eq!(read("INTERVAL 1 MONTH 1 DAY").unwrap_err().class(), "_LEGACY_ERROR_TEMP_0029");
        for text in [
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
