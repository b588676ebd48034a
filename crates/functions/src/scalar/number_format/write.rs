//! Writes a number by a number format.
//!
//! A number that needs more digits than the format has is written as `#`. Where it has fewer, blanks stand in their
//! places, and a sign before them moves to the number.

use super::format::{FormatToken, Group, NumberFormat};

impl NumberFormat {
    /// The text of `value`, of which `scale` digits stand after the point.
    pub(super) fn write(&self, value: i128, scale: usize) -> String {
        let (before, after) = self.padded(value, scale);
        let (mut before, mut after) = (before.chars(), after.chars());
        let is_negative = value < 0;
        let mut out = Out::default();
        let mut past_point = false;
        for token in &self.tokens {
            match token {
                FormatToken::Digits(groups) if past_point => {
                    let count = groups.iter().map(|group| group.digits).sum();
                    out.text.extend(after.by_ref().take(count));
                }
                FormatToken::Digits(groups) => out.whole(groups, &mut before),
                FormatToken::Point => {
                    out.point();
                    past_point = true;
                }
                FormatToken::Currency => out.text.push('$'),
                FormatToken::Sign => out.sign(if is_negative { '-' } else { '+' }),
                FormatToken::Minus if is_negative => out.sign('-'),
                FormatToken::Minus => out.blanks(" "),
                FormatToken::Open if is_negative => out.text.push('<'),
                FormatToken::Close if is_negative => out.sign('>'),
                // A number that is not negative is as wide as one in brackets.
                FormatToken::Close => out.blanks("  "),
                FormatToken::Open | FormatToken::Other(_) => {}
            }
        }
        out.without_lone_point();
        out.text.into_iter().collect()
    }

    /// The digits before and after the point, as many as the format has.
    fn padded(&self, value: i128, scale: usize) -> (String, String) {
        let (whole, fraction) = self.digits();
        // There is one digit before the point at least, so that the split has two parts.
        let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
        let (before, after) = digits.split_at(digits.len() - scale);
        // Zeros at the ends need no place in the format.
        let (before, after) = (before.trim_start_matches('0'), after.trim_end_matches('0'));
        if before.len() > whole || after.len() > fraction {
            return ("#".repeat(whole), "#".repeat(fraction));
        }
        (format!("{before:>whole$}"), format!("{after:0<fraction$}"))
    }
}

/// What was written so far.
#[derive(Default)]
struct Out {
    text: Vec<char>,
}

impl Out {
    fn whole(&mut self, groups: &[Group], digits: &mut std::str::Chars<'_>) {
        for (i, group) in groups.iter().enumerate() {
            if i > 0 {
                // A separator stands only after a digit: after a blank it is a blank, too.
                match self.text.last() {
                    Some('0'..='9') => self.text.push(','),
                    _ => self.blank(),
                }
            }
            for digit in digits.by_ref().take(group.digits) {
                match digit {
                    ' ' if group.exact => self.text.push('0'),
                    ' ' => self.blank(),
                    _ => self.text.push(digit),
                }
            }
        }
    }

    /// A blank in the place of a digit: it goes before the signs that stand at the end.
    fn blank(&mut self) {
        let is_sign = |c: &char| matches!(c, '+' | '-' | '<');
        let signs = self.text.iter().rev().take_while(|c| is_sign(c)).count();
        self.text.insert(self.text.len() - signs, ' ');
    }

    /// A number without digits before its point has a zero there, if the format has a place for it.
    fn point(&mut self) {
        if let Some(last) = self.text.last_mut().filter(|last| **last == ' ') {
            *last = '0';
        }
        self.text.push('.');
    }

    /// A sign after the number: it goes before the blanks that stand at the end.
    fn sign(&mut self, sign: char) {
        self.without_lone_point();
        let blanks = self.text.iter().rev().take_while(|c| **c == ' ').count();
        self.text.insert(self.text.len() - blanks, sign);
    }

    fn blanks(&mut self, blanks: &str) {
        self.without_lone_point();
        self.text.extend(blanks.chars());
    }

    /// A point after which no digit follows is a blank.
    fn without_lone_point(&mut self) {
        if let Some(last) = self.text.last_mut().filter(|last| **last == '.') {
            *last = ' ';
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_written_by_formats() {
        let cases: [(i128, usize, &str, &str); 40] = [
            (12345, 1, "999,999.00", "  1,234.50"),
            (-7, 0, "99MI", " 7-"),
            (7, 0, "99MI", " 7 "),
            (5, 0, "099", "005"),
            (0, 0, "999", "   "),
            (5, 1, "9.9", "0.5"),
            (5, 1, ".9", ".5"),
            (1000, 0, "999", "###"),
            (12345, 3, "99.99", "##.##"),
            (-1000, 0, "S999", "-###"),
            (111, 0, "9,9", "# #"),
            (120, 1, "99", "12"),
            (125, 1, "99", "##"),
            (12, 0, "99.99", "12.00"),
            (-12, 0, "99S", "12-"),
            (12, 0, "MI99", " 12"),
            (-5, 0, "MI999", "  -5"),
            (-12, 0, "99PR", "<12>"),
            (12, 0, "99PR", "12  "),
            (-5, 0, "99PR", " <5>"),
            (-5, 0, "$99PR", "<$ 5>"),
            (-5, 0, "S$999,999", "-$      5"),
            (5, 0, "S999,999", "      +5"),
            (-5, 0, "000,000S", "000,005-"),
            (12, 0, "09,999", "00, 12"),
            (12, 0, "9,099", "  012"),
            (-4, 2, "S9.9", "-#.#"),
            (0, 0, "S9", " +"),
            (-1, 1, "S9,999.99", "     -.10"),
            (1, 1, "9,999.99", "    0.10"),
            (0, 0, "0,999", "0,   "),
            (5, 0, "9.", "5 "),
            (5, 0, "9.S", "5+ "),
            (-5, 0, "9.PR", "<5> "),
            (5, 0, "9.PR", "5   "),
            (0, 0, "9.S", "0+ "),
            (-5, 0, "S99PR", " <-5>"),
            (5, 0, "MI$99PR", " $ 5  "),
            (-5, 0, "MI9S", "-5-"),
            (-1, 0, "99,999PR", "     <1>"),
        ];
        for (value, scale, format, expect) in cases {
            let text = NumberFormat::parse(format).unwrap().write(value, scale);
            assert_eq!(text, expect, "{value} {scale} {format}");
        }
    }
}
