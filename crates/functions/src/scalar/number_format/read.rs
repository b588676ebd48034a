//! Converts a text to a decimal by a number format.

use super::format::{FormatToken, Group, NumberFormat};
use crate::scalar::is_java_white_space;
use std::iter::Peekable;
use std::str::Chars;
use thalweg_values::number;

/// The digits that were read so far.
#[derive(Default)]
struct Digits {
    value: i128,
    any: bool,
    /// How many of them stood after the point.
    after: usize,
}

impl Digits {
    fn push(&mut self, digit: u8, is_after: bool) -> Option<()> {
        self.value = self.value.checked_mul(10)?.checked_add(i128::from(digit))?;
        self.any = true;
        self.after += usize::from(is_after);
        Some(())
    }
}

impl NumberFormat {
    /// The number that `text` stands for, in units of the last digit of the format; none if it does not match.
    ///
    /// Blanks between digits mean nothing, and signs, a point and leading groups may be left out.
    pub(super) fn read(&self, text: &str) -> Option<i128> {
        let mut input = text.chars().peekable();
        let mut digits = Digits::default();
        let (mut negative, mut open, mut after) = (false, false, false);
        for token in &self.tokens {
            match token {
                FormatToken::Digits(groups) => read_groups(&mut input, groups, after, &mut digits)?,
                FormatToken::Point => after |= input.next_if_eq(&'.').is_some(),
                // The currency sign has to be there, in contrast to a sign of the number.
                FormatToken::Currency => drop(input.next_if_eq(&'$')?),
                FormatToken::Sign if input.next_if_eq(&'+').is_some() => {}
                FormatToken::Sign | FormatToken::Minus => negative ^= input.next_if_eq(&'-').is_some(),
                FormatToken::Open => open = input.next_if_eq(&'<').is_some(),
                FormatToken::Close => {
                    // A number has both brackets or none.
                    if input.next_if_eq(&'>').is_some() != open {
                        return None;
                    }
                    negative ^= open;
                }
                // Parsing refuses a format with another character, so this cannot occur.
                FormatToken::Other(_) => return None,
            }
        }
        if input.next().is_some() || !digits.any {
            return None;
        }
        // Digits that the text leaves out after the point are zeros.
        let (_, scale) = self.size();
        let missing = u32::try_from(scale.checked_sub(digits.after)?).ok()?;
        let value = digits.value.checked_mul(10_i128.checked_pow(missing)?)?;
        Some(if negative { -value } else { value })
    }
}

/// Reads digits, with commas before the point, and compares the sizes of their groups from the right.
fn read_groups(
    input: &mut Peekable<Chars<'_>>,
    groups: &[Group],
    after: bool,
    digits: &mut Digits,
) -> Option<()> {
    let mut sizes = vec![0_usize];
    while let Some(next) = input.peek().copied() {
        // A text has commas, also where its format has `G`.
        if next == ',' && !after {
            sizes.push(0);
        } else if let Some(digit) = digit_of(next) {
            digits.push(digit, after)?;
            *sizes.last_mut()? += 1;
        } else if !is_java_white_space(next) {
            break;
        }
        input.next();
    }
    if sizes.len() > groups.len() {
        return None;
    }
    // A group that is left out has no digits.
    let sizes = sizes.into_iter().rev().chain(std::iter::repeat(0));
    let fits = |(group, size): (&Group, usize)| {
        if group.exact { size == group.digits } else { size <= group.digits }
    };
    groups.iter().rev().zip(sizes).all(fits).then_some(())
}

/// A digit of any script, as long as it is one of Java's characters.
fn digit_of(c: char) -> Option<u8> {
    if c.len_utf16() == 1 { number::digit(c) } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_are_read_by_formats() {
        let cases = [
            ("$1,234.50", "$9,999.99", Some(123_450)),
            ("-12", "S99", Some(-12)),
            ("12", "S99", Some(12)),
            ("12-", "99MI", Some(-12)),
            ("12+", "99MI", None),
            ("<12>", "99PR", Some(-12)),
            ("<12", "99PR", None),
            ("12>", "99PR", None),
            ("<$12>", "$99PR", Some(-12)),
            ("12", "9", None),
            ("5", "00", None),
            ("05", "00", Some(5)),
            ("1234", "9,999", None),
            ("1,23", "9,999", Some(123)),
            ("234", "9,999", Some(234)),
            ("34", "9,000", None),
            ("34", "0,999", None),
            ("12", "99.0", Some(120)),
            ("12", "09.009", Some(12_000)),
            (",12", "9,999", Some(12)),
            ("12,3", "99,999", Some(123)),
            ("12,345", "9,999", None),
            (".5", ".9", Some(5)),
            (".5", "0.9", None),
            ("5.", "9.9", Some(50)),
            ("1.5", "9.00", Some(150)),
            ("1.25", "9.9", None),
            ("1.2.3", "9.9", None),
            ("1.2,3", "9.99", None),
            ("", "99", None),
            (".", "9.9", None),
            ("-  12", "S9999", Some(-12)),
            ("  -12", "S9999", None),
            ("1 2", "99", Some(12)),
            ("1\u{A0}2", "99", None),
            ("٣", "9", Some(3)),
            ("x12", "99", None),
            ("12x", "99", None),
            ("-5-", "S9MI", Some(5)),
        ];
        for (text, format, expect) in cases {
            assert_eq!(NumberFormat::parse(format).unwrap().read(text), expect, "{text} {format}");
        }
    }
}
