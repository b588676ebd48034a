//! Parses a number format: its tokens, in the one order that Spark allows.

use super::errors::BadFormat;
use thalweg_common::Result;

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum FormatToken {
    /// `0`, `9` and thousands separators: the groups between the separators, from the left.
    Digits(Vec<Group>),
    /// `.` or `D`.
    Point,
    /// `$`.
    Currency,
    /// `S`.
    Sign,
    /// `MI`.
    Minus,
    /// What `PR` puts before a number.
    Open,
    /// `PR`.
    Close,
    /// What is none of these.
    Other(char),
}

/// Digits between separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub digits: usize,
    /// It stands before the point and begins with `0`: as many digits are read, and zeros are written where a number
    /// has none.
    pub exact: bool,
}

/// A format that is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct NumberFormat {
    pub(super) tokens: Vec<FormatToken>,
    text: String,
}

impl NumberFormat {
    /// Reads a format, whose case means nothing.
    ///
    /// # Errors
    /// `INVALID_FORMAT.*`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let text = text.to_uppercase();
        let mut tokens = tokens(&text);
        if let Some(bad) = fault(&text, &tokens) {
            return Err(bad.error(&text));
        }
        if tokens.contains(&FormatToken::Close) {
            // `PR` is one token of the format, and stands for a bracket on either side of the number.
            tokens.insert(0, FormatToken::Open);
        }
        Ok(Self { tokens, text })
    }

    /// The format in capitals.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many digits there are, and how many of them after the point.
    pub(super) fn size(&self) -> (usize, usize) {
        let (whole, fraction) = self.digits();
        (whole + fraction, fraction)
    }

    /// How many digits stand before and after the point.
    pub(super) fn digits(&self) -> (usize, usize) {
        let (before, after) = around_point(&self.tokens);
        (count(before), count(after))
    }
}

fn around_point(tokens: &[FormatToken]) -> (&[FormatToken], &[FormatToken]) {
    let point = tokens.iter().position(|t| *t == FormatToken::Point).unwrap_or(tokens.len());
    tokens.split_at(point)
}

fn count(tokens: &[FormatToken]) -> usize {
    groups(tokens).map(|group| group.digits).sum()
}

fn groups(tokens: &[FormatToken]) -> impl Iterator<Item = &Group> {
    tokens
        .iter()
        .filter_map(|token| if let FormatToken::Digits(groups) = token { Some(groups) } else { None })
        .flatten()
}

fn tokens(text: &str) -> Vec<FormatToken> {
    let is_digits = |c: char| matches!(c, '0' | '9' | ',' | 'G');
    let mut rest = text;
    let mut tokens = vec![];
    let mut after = false;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            _ if is_digits(first) => {
                let length = rest.find(|c| !is_digits(c)).unwrap_or(rest.len());
                let groups = rest.get(..length).unwrap_or_default().split([',', 'G']);
                let group = |g: &str| Group { digits: g.len(), exact: g.starts_with('0') && !after };
                (FormatToken::Digits(groups.map(group).collect()), length)
            }
            '.' | 'D' => (FormatToken::Point, 1),
            '$' => (FormatToken::Currency, 1),
            'S' => (FormatToken::Sign, 1),
            _ if rest.starts_with("MI") => (FormatToken::Minus, 2),
            _ if rest.starts_with("PR") => (FormatToken::Close, 2),
            other => (FormatToken::Other(other), other.len_utf8()),
        };
        after |= token == FormatToken::Point;
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// What is wrong with a format, the first of Spark's checks that finds something.
fn fault(text: &str, tokens: &[FormatToken]) -> Option<BadFormat> {
    let is_digits = |token: &FormatToken| matches!(token, FormatToken::Digits(_));
    let place = |wanted: &dyn Fn(&FormatToken) -> bool| tokens.iter().position(wanted);
    let Some(digits) = place(&is_digits) else {
        return Some(if text.is_empty() { BadFormat::Empty } else { BadFormat::NoDigit });
    };
    let currency = place(&|t| *t == FormatToken::Currency);
    if currency.is_some_and(|at| at > digits) {
        return Some(BadFormat::CurrencyAfterDigit);
    }
    if let (Some(currency), Some(point)) = (currency, place(&|t| *t == FormatToken::Point))
        && currency > point
    {
        return Some(BadFormat::CurrencyAfterPoint);
    }
    let (before, after) = around_point(tokens);
    if groups(before).any(|group| group.digits == 0) {
        return Some(BadFormat::SeparatorsWithoutDigits);
    }
    if after.iter().any(|token| matches!(token, FormatToken::Digits(groups) if groups.len() > 1)) {
        return Some(BadFormat::SeparatorAfterPoint);
    }
    repeated(tokens).or_else(|| misplaced(tokens))
}

fn repeated(tokens: &[FormatToken]) -> Option<BadFormat> {
    let once = [
        FormatToken::Point,
        FormatToken::Sign,
        FormatToken::Minus,
        FormatToken::Currency,
        FormatToken::Close,
    ];
    let is_repeated = |token: &&FormatToken| tokens.iter().filter(|t| t == token).count() > 1;
    let found = once.iter().find(is_repeated)?;
    let name = match found {
        FormatToken::Point => ". or D",
        FormatToken::Sign => "S",
        FormatToken::Minus => "MI",
        FormatToken::Currency => "$",
        _ => "PR",
    };
    Some(BadFormat::Repeated(name))
}

/// Finds the first token that does not follow the order: sign, currency, digits, point, digits, sign.
fn misplaced(tokens: &[FormatToken]) -> Option<BadFormat> {
    const DIGITS: fn(&FormatToken) -> bool = |t| matches!(t, FormatToken::Digits(_));
    let order: [fn(&FormatToken) -> bool; 6] = [
        |t| matches!(t, FormatToken::Minus | FormatToken::Sign),
        |t| *t == FormatToken::Currency,
        DIGITS,
        |t| *t == FormatToken::Point,
        DIGITS,
        |t| matches!(t, FormatToken::Minus | FormatToken::Sign | FormatToken::Close),
    ];
    let mut rest = tokens.iter().peekable();
    for matches in order {
        rest.next_if(|token| matches(token));
    }
    let name = match rest.next()? {
        FormatToken::Digits(_) => "digit sequence".to_owned(),
        FormatToken::Point => ". or D".to_owned(),
        FormatToken::Currency => "$".to_owned(),
        FormatToken::Sign => "S".to_owned(),
        FormatToken::Minus => "MI".to_owned(),
        FormatToken::Open | FormatToken::Close => "PR".to_owned(),
        FormatToken::Other(other) => format!("character '{other}''"),
    };
    Some(BadFormat::Unexpected(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn formats_have_sizes_or_faults() {
        let good = [
            ("$9,999.99", (6, 2)),
            ("S99", (2, 0)),
            ("99mi", (2, 0)),
            ("9g9d9PR", (3, 1)),
            (".9", (1, 1)),
            ("9.", (1, 0)),
            ("S9MI", (1, 0)),
            ("MI$0", (1, 0)),
        ];
        for (text, size) in good {
            assert_eq!(NumberFormat::parse(text).unwrap().size(), size, "{text}");
        }
        let bad = [
            ("", "EMPTY"),
            (".", "WRONG_NUM_DIGIT"),
            ("x", "WRONG_NUM_DIGIT"),
            ("x9", "UNEXPECTED_TOKEN"),
            ("M9", "UNEXPECTED_TOKEN"),
            ("$S99", "UNEXPECTED_TOKEN"),
            ("9PRS", "UNEXPECTED_TOKEN"),
            ("9PR.9", "UNEXPECTED_TOKEN"),
            ("9 9", "UNEXPECTED_TOKEN"),
            ("9.9.9", "WRONG_NUM_TOKEN"),
            ("S9S", "WRONG_NUM_TOKEN"),
            ("$$9", "WRONG_NUM_TOKEN"),
            ("9$", "CUR_MUST_BEFORE_DIGIT"),
            ("9MI$", "CUR_MUST_BEFORE_DIGIT"),
            (".$9", "CUR_MUST_BEFORE_DEC"),
            (",", "CONT_THOUSANDS_SEPS"),
            ("9,,9", "CONT_THOUSANDS_SEPS"),
            ("9,.9", "CONT_THOUSANDS_SEPS"),
            ("9.,9", "THOUSANDS_SEPS_MUST_BEFORE_DEC"),
            ("9.9.9,9", "THOUSANDS_SEPS_MUST_BEFORE_DEC"),
        ];
        for (text, class) in bad {
            let error = NumberFormat::parse(text).unwrap_err();
            assert_eq!(error.class(), format!("INVALID_FORMAT.{class}"), "{text}");
        }
    }
}
