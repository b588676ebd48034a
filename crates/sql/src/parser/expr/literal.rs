//! Numbers and typed literals (`DATE'…'`, `X'…'`).

use super::super::Parser;
use super::literal_interval::parse_interval_text;
use crate::ir::{Expr, ExprNode, Literal};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::datetime;
use thalweg_values::errors::decimal_precision;
use thalweg_values::zone::Zone;

/// Spark's largest decimal.
const DECIMAL_DIGITS_MAX: usize = 38;

impl Parser<'_> {
    /// A number, with the minus before it if there is one.
    pub(super) fn number(&mut self) -> Result<Expr> {
        let start = self.pos;
        // The minus belongs to the literal: -2147483648 is an INT, though 2147483648 is not one.
        let sign = if self.eat_symbol("-") { "-" } else { "" };
        let text = format!("{sign}{}", self.here());
        let literal = number_literal(&text).map_err(|e| e.at(self.position(start, self.pos + 1)))?;
        self.advance();
        Ok(self.expr_at(ExprNode::Literal(literal), start))
    }

    /// `WORD 'text'`; the current token is the word.
    pub(super) fn typed_literal(&mut self, word: &str) -> Result<Expr> {
        let start = self.pos;
        self.advance();
        let text = self.text()?;
        let literal = typed(word, &text).map_err(|e| e.at(self.position(start, self.pos)))?;
        Ok(self.expr_at(ExprNode::Literal(literal), start))
    }
}

fn typed(word: &str, text: &str) -> Result<Literal> {
    let invalid = || {
        Error::new(
            ErrorKind::Parse,
            "INVALID_TYPED_LITERAL",
            "42604",
            format!("The value of the typed literal \"{word}\" is invalid: '{text}'."),
        )
        .param("valueType", format!("\"{word}\""))
        .param("value", format!("'{text}'"))
    };
    match word {
        "DATE" => datetime::date(text).map(Literal::Date).ok_or_else(invalid),
        "TIMESTAMP" | "TIMESTAMP_LTZ" => {
            let Some(read) = datetime::timestamp(text) else {
                // A time alone is on the day of the statement, which is not known here.
                let is_time = datetime::instant_at(text, Zone::UTC, 0).is_some();
                return if is_time { Ok(Literal::TimestampText(text.to_owned())) } else { Err(invalid()) };
            };
            match read.zone {
                Some(zone) => read.instant(zone).map(Literal::Timestamp).ok_or_else(invalid),
                // The session's zone is not known here.
                None => Ok(Literal::TimestampText(text.trim().to_owned())),
            }
        }
        // Spark leaves the zone of such a text out.
        "TIMESTAMP_NTZ" => {
            let read = datetime::timestamp(text).ok_or_else(invalid)?;
            Ok(Literal::TimestampNtz(read.local))
        }
        "X" => bytes(text).map(Literal::Binary).ok_or_else(invalid),
        "INTERVAL" => parse_interval_text(text),
        _ => Err(Error::new(
            ErrorKind::Parse,
            "UNSUPPORTED_TYPED_LITERAL",
            "0A000",
            format!(
                "Literals of the type \"{word}\" are not supported. Supported types are \"DATE\", \"TIMESTAMP_NTZ\", \"TIMESTAMP_LTZ\", \"TIMESTAMP\", \"INTERVAL\", \"X\"."
            ),
        )
        .param("unsupportedType", format!("\"{word}\""))),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    // Spark reads an odd number of digits as if a zero came first.
    let padded = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    let digits: Vec<u32> = padded.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|pair| pair.iter().try_fold(0u8, |b, d| Some(b << 4 | u8::try_from(*d).ok()?)))
        .collect()
}

/// Converts the text of a number to a literal: by its suffix, else the narrowest of INT, BIGINT, DECIMAL.
fn number_literal(text: &str) -> Result<Literal> {
    let upper = text.to_ascii_uppercase();
    // This comes before the suffixes of one letter, of which D is one.
    if let Some(digits) = upper.strip_suffix("BD") {
        return decimal(digits);
    }
    let range = |name, low: &str, high: &str| out_of_range(text, name, low, high);
    let (digits, suffix) = upper.split_at(upper.trim_end_matches(['L', 'S', 'Y', 'D', 'F']).len());
    match suffix {
        "Y" => digits.parse().map(Literal::Byte).map_err(|_| range("tinyint", "-128", "127")),
        "S" => digits.parse().map(Literal::Short).map_err(|_| range("smallint", "-32768", "32767")),
        "L" => digits
            .parse()
            .map(Literal::Long)
            .map_err(|_| range("bigint", "-9223372036854775808", "9223372036854775807")),
        "F" => float(digits.parse().map(Literal::Float).ok(), text),
        "D" => float(digits.parse().map(Literal::Double).ok(), text),
        // In Spark a number with an exponent is a DOUBLE, and one with a point alone a DECIMAL.
        _ if upper.contains('E') => float(digits.parse().map(Literal::Double).ok(), text),
        _ if upper.contains('.') => decimal(digits),
        _ => match (digits.parse(), digits.parse()) {
            (Ok(int), _) => Ok(Literal::Integer(int)),
            (_, Ok(long)) => Ok(Literal::Long(long)),
            _ => decimal(digits),
        },
    }
}

/// A finite floating-point literal.
fn float(literal: Option<Literal>, text: &str) -> Result<Literal> {
    match literal {
        Some(Literal::Float(f)) if !f.is_finite() => {
            Err(out_of_range(text, "float", &f32::MIN.to_string(), &f32::MAX.to_string()))
        }
        Some(Literal::Double(f)) if !f.is_finite() => {
            Err(out_of_range(text, "double", "-1.7976931348623157E308", "1.7976931348623157E308"))
        }
        Some(literal) => Ok(literal),
        None => Err(Error::internal(format!("'{text}' was lexed as a number but is none"))),
    }
}

fn out_of_range(text: &str, name: &str, low: &str, high: &str) -> Error {
    let raw = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    Error::new(
        ErrorKind::Parse,
        "INVALID_NUMERIC_LITERAL_RANGE",
        "22003",
        format!(
            "Numeric literal {raw} is outside the valid range for {name} with minimum value of {low} and maximum value of {high}. Please adjust the value accordingly."
        ),
    )
    .param("rawStrippedQualifier", raw)
    .param("typeName", name)
    .param("minValue", low)
    .param("maxValue", high)
}

/// A decimal with as many digits as the text; an exponent moves the decimal point.
fn decimal(text: &str) -> Result<Literal> {
    let (mantissa, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    // An exponent beyond 64 bits is one that no decimal has.
    let beyond = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let mut scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    scale = scale.saturating_sub(exponent.parse().unwrap_or(beyond));
    let needed = needed_precision(&digits, scale);
    let too_long = || decimal_precision(ErrorKind::Parse, needed);
    if scale < 0 {
        let zeros = usize::try_from(-scale).ok().filter(|z| *z <= DECIMAL_DIGITS_MAX).ok_or_else(too_long)?;
        digits.push_str(&"0".repeat(zeros));
        scale = 0;
    }
    let unscaled: i128 = digits.parse().map_err(|_| too_long())?;
    let significant = unscaled.unsigned_abs().to_string().len();
    let scale = usize::try_from(scale).map_err(|_| too_long())?;
    // 0.05 has one significant digit, but needs two after the point.
    let precision = significant.max(scale);
    if precision > DECIMAL_DIGITS_MAX {
        return Err(too_long());
    }
    Ok(Literal::Decimal {
        unscaled,
        precision: u8::try_from(precision).map_err(|_| too_long())?,
        scale: i8::try_from(scale).map_err(|_| too_long())?,
    })
}

/// Returns the precision of a decimal of these digits, with zeros for a negative scale.
fn needed_precision(digits: &str, scale: i64) -> i64 {
    let significant = i64::try_from(digits.trim_start_matches(['-', '0']).len()).unwrap_or(i64::MAX);
    if scale < 0 { significant.saturating_sub(scale) } else { significant.max(scale) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn dec(unscaled: i128, precision: u8, scale: i8) -> Literal {
        Literal::Decimal { unscaled, precision, scale }
    }

    #[test]
    fn a_number_has_the_type_that_spark_gives_it() {
        let cases = [
            ("1", Literal::Integer(1)),
            ("-2147483648", Literal::Integer(i32::MIN)),
            ("2147483648", Literal::Long(2_147_483_648)),
            ("9223372036854775808", dec(9_223_372_036_854_775_808, 19, 0)),
            ("1L", Literal::Long(1)),
            ("-128Y", Literal::Byte(-128)),
            ("7s", Literal::Short(7)),
            ("1.0", dec(10, 2, 1)),
            ("0.05", dec(5, 2, 2)),
            (".5", dec(5, 1, 1)),
            ("1.", dec(1, 1, 0)),
            ("1.5BD", dec(15, 2, 1)),
            ("15e-1BD", dec(15, 2, 1)),
            ("2E3BD", dec(2000, 4, 0)),
            ("1e3", Literal::Double(1000.0)),
            ("1.5D", Literal::Double(1.5)),
            ("2F", Literal::Float(2.0)),
        ];
        for (text, expect) in cases {
            assert_eq!(number_literal(text).unwrap(), expect, "{text}");
        }
    }

    #[test]
    fn a_number_out_of_its_range_is_refused() {
        for (text, class) in [
            ("128Y", "INVALID_NUMERIC_LITERAL_RANGE"),
            ("1e999", "INVALID_NUMERIC_LITERAL_RANGE"),
            ("9223372036854775808L", "INVALID_NUMERIC_LITERAL_RANGE"),
            ("1e39BD", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
            ("1e-39BD", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
            ("1e99999999999999999999BD", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
            ("123456789012345678901234567890123456789", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
        ] {
            assert_eq!(number_literal(text).unwrap_err().class(), class, "{text}");
        }
    }

    #[test]
    fn typed_literals_read_their_text() {
        assert_eq!(typed("X", "1F0").unwrap(), Literal::Binary(vec![0x01, 0xf0]));
        assert_eq!(typed("DATE", "1970-01-02").unwrap(), Literal::Date(1));
        assert_eq!(typed("TIMESTAMP", "1970-01-01 00:00:01Z").unwrap(), Literal::Timestamp(1_000_000));
        assert_eq!(typed("TIMESTAMP", "1970-01-01 01:00:00+01:00").unwrap(), Literal::Timestamp(0));
        assert_eq!(typed("TIMESTAMP", "2020-01-01").unwrap(), Literal::TimestampText("2020-01-01".into()));
        assert_eq!(typed("DATE", "2020-02-30").unwrap_err().class(), "INVALID_TYPED_LITERAL");
        assert_eq!(typed("GEO", "x").unwrap_err().class(), "UNSUPPORTED_TYPED_LITERAL");
    }
}
