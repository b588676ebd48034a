//! Parses texts of numbers and booleans, as Java and Spark do.
//!
//! CAST removes the white space around a text first ([`trim`](crate::datetime::trim)); readers of files do not.

use crate::hexadecimal::Hexadecimal;
use std::borrow::Cow;
use std::str::FromStr;

/// The greatest precision of a decimal.
const DIGITS_MAX: usize = 38;

/// The zeros of all scripts that have decimal digits. In Unicode the ten digits of a script are consecutive.
const ZEROS: [char; 66] = [
    '\u{30}',
    '\u{660}',
    '\u{6F0}',
    '\u{7C0}',
    '\u{966}',
    '\u{9E6}',
    '\u{A66}',
    '\u{AE6}',
    '\u{B66}',
    '\u{BE6}',
    '\u{C66}',
    '\u{CE6}',
    '\u{D66}',
    '\u{DE6}',
    '\u{E50}',
    '\u{ED0}',
    '\u{F20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17E0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19D0}',
    '\u{1A80}',
    '\u{1A90}',
    '\u{1B50}',
    '\u{1BB0}',
    '\u{1C40}',
    '\u{1C50}',
    '\u{A620}',
    '\u{A8D0}',
    '\u{A900}',
    '\u{A9D0}',
    '\u{A9F0}',
    '\u{AA50}',
    '\u{ABF0}',
    '\u{FF10}',
    '\u{104A0}',
    '\u{10D30}',
    '\u{11066}',
    '\u{110F0}',
    '\u{11136}',
    '\u{111D0}',
    '\u{112F0}',
    '\u{11450}',
    '\u{114D0}',
    '\u{11650}',
    '\u{116C0}',
    '\u{11730}',
    '\u{118E0}',
    '\u{11950}',
    '\u{11C50}',
    '\u{11D50}',
    '\u{11DA0}',
    '\u{16A60}',
    '\u{16AC0}',
    '\u{16B50}',
    '\u{1D7CE}',
    '\u{1D7D8}',
    '\u{1D7E2}',
    '\u{1D7EC}',
    '\u{1D7F6}',
    '\u{1E140}',
    '\u{1E2F0}',
    '\u{1E950}',
    '\u{1FBF0}',
];

/// Parses an integer: an optional sign and digits.
pub fn integer<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Parses a double as Java's `Double.parseDouble` does: with blanks around it, a type suffix, hexadecimal digits with an
/// exponent of two, `NaN` and `Infinity`.
pub fn double(text: &str) -> Option<f64> {
    floating(text, Hexadecimal::to_double)
}

/// Parses a float as Java's `Float.parseFloat` does: rounded once, and not first to a double.
pub fn float(text: &str) -> Option<f32> {
    floating(text, Hexadecimal::to_float)
}

/// Parses a float or double as Java does.
fn floating<T: FromStr>(text: &str, of_hexadecimal: fn(Hexadecimal) -> T) -> Option<T> {
    let text = text.trim_matches(is_java_blank);
    // Several signs before a word are left to Rust's parser, which refuses them.
    match text.trim_start_matches(['+', '-']) {
        "NaN" | "Infinity" if text.len() <= "+Infinity".len() => return text.parse().ok(),
        _ => {}
    }
    // Rust's parser accepts words such as `inf` and `nan`, which Java does not: only these characters reach it.
    let bare = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let plain = bare.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain && bare.bytes().any(|b| b.is_ascii_digit()) {
        return bare.parse().ok();
    }
    Hexadecimal::parse(bare).map(of_hexadecimal)
}

/// Returns whether Java's `String.trim` removes a character.
fn is_java_blank(c: char) -> bool {
    c <= ' '
}

/// Parses a double as CAST does: also `inf`, `infinity` and `nan` in any case.
pub fn cast_double(text: &str) -> Option<f64> {
    double(text).or_else(|| special(text))
}

/// Parses a float as CAST does.
pub fn cast_float(text: &str) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)] // What is not finite stays so.
    float(text).or_else(|| special(text).map(|v| v as f32))
}

/// Parses the words for NaN and infinity that only CAST accepts.
fn special(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Parses `true` or `false` in any case, as readers of files do.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Parses a boolean as CAST does: also `t`, `y`, `yes`, `1` and their opposites.
pub fn cast_boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["t", "true", "y", "yes", "1"]) {
        return Some(true);
    }
    is_one_of(["f", "false", "n", "no", "0"]).then_some(false)
}

/// The parts of the text of a decimal: the digits before and after the point, and the exponent.
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Digits<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            // Java's `BigDecimal` refuses an exponent of more than 32 bits.
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let is_number =
            !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction);
        is_number.then_some(Self { negative, whole, fraction, exponent })
    }

    /// Returns the digits without leading zeros.
    fn significant(&self) -> impl Iterator<Item = u8> + Clone + '_ {
        self.whole.bytes().chain(self.fraction.bytes()).skip_while(|b| *b == b'0')
    }
}

/// Parses a text to the unscaled value of a DECIMAL(`precision`, `scale`), rounded half away from zero; `None` if it
/// does not fit or is not a number.
///
/// As in Java's `BigDecimal`, digits may be those of any script.
pub fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let plain = ascii_digits(text);
    let digits = Digits::of(&plain)?;
    let significant = digits.significant();
    let length = i64::try_from(significant.clone().count()).ok()?;
    if length == 0 {
        return Some(0);
    }
    // The unscaled result is the digits × 10^shift. `kept` is the number of its digits: digits are dropped for a
    // negative shift, and zeros are appended for a positive one.
    let shift = i64::from(digits.exponent) - i64::try_from(digits.fraction.len()).ok()? + i64::from(scale);
    let kept = usize::try_from((length + shift).max(0)).ok()?;
    // Checked before the loop, so that a large exponent costs no time.
    if kept > DIGITS_MAX {
        return None;
    }
    let mut unscaled = 0i128;
    for digit in significant.clone().chain(std::iter::repeat(b'0')).take(kept) {
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    // The first dropped digit decides. If even that is a zero before the first digit, nothing is rounded up.
    let rounds_up = length + shift >= 0 && significant.clone().nth(kept).is_some_and(|b| b >= b'5');
    unscaled += i128::from(rounds_up);
    let fits = unscaled < 10i128.checked_pow(u32::from(precision))?;
    fits.then_some(if digits.negative { -unscaled } else { unscaled })
}

/// Parses a decimal that may have commas between its digits, as Spark's readers of files do for the locale `en-US`.
pub fn grouped_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    if text.contains(',') {
        return decimal(&text.replace(',', ""), precision, scale);
    }
    decimal(text, precision, scale)
}

/// The number of digits of an exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The number of digits without leading zeros, from 1 to 38.
    pub precision: u8,
    /// The number of digits after the point; negative if an exponent replaces zeros at the end.
    pub scale: i32,
}

/// Returns the size of the text of an exact number, or `None` for other texts and for more than 38 digits.
pub fn decimal_size(text: &str) -> Option<Size> {
    let digits = Digits::of(text)?;
    let length = digits.significant().count();
    if length > DIGITS_MAX {
        return None;
    }
    let scale = i32::try_from(digits.fraction.len()).ok()?.checked_sub(digits.exponent)?;
    Some(Size { precision: u8::try_from(length.max(1)).ok()?, scale })
}

/// Replaces the decimal digits of all scripts by those of ASCII.
fn ascii_digits(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| decimal_digit(c).unwrap_or(c)).collect()
}

/// The value of a decimal digit of any script.
pub fn digit(c: char) -> Option<u8> {
    decimal_digit(c).and_then(|d| d.to_digit(10)).and_then(|d| u8::try_from(d).ok())
}

fn decimal_digit(c: char) -> Option<char> {
    let after = ZEROS.partition_point(|zero| *zero <= c);
    let zero = ZEROS.get(after.checked_sub(1)?)?;
    char::from_digit(u32::from(c) - u32::from(*zero), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_in_java() {
        let good = [
            ("1", 1.0),
            (" 1.5 ", 1.5),
            ("1e3", 1000.0),
            ("2.5f", 2.5),
            (".5", 0.5),
            ("-1d", -1.0),
            ("0x1p3f", 8.0),
        ];
        for (text, wanted) in good {
            assert_eq!(double(text), Some(wanted), "{text}");
        }
        assert!(double("NaN").is_some_and(f64::is_nan));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["", "nan", "inf", "infinity", "1,5", "e", ".", "0x10", "f", "NA", "++Infinity"] {
            assert_eq!(double(text), None, "{text}");
        }
        assert_eq!(cast_double("-INF"), Some(f64::NEG_INFINITY));
        assert_eq!(float("16777217"), Some(16_777_216.0));
    }

    #[test]
    fn decimals_keep_every_digit_and_round_half_up() {
        let most = 10i128.pow(38) - 1;
        let cases = [
            ("1.25", 10, 1, Some(13)),
            ("-1.25", 10, 1, Some(-13)),
            ("1.24", 10, 1, Some(12)),
            ("12345678901234567890.12", 22, 2, Some(1_234_567_890_123_456_789_012)),
            ("1e3", 5, 0, Some(1000)),
            ("1e3", 3, 0, None),
            ("12.5E-1", 5, 2, Some(125)),
            ("0e99", 3, 0, Some(0)),
            ("1e-60", 3, 2, Some(0)),
            ("9.99", 2, 1, None),
            ("9.99", 3, 1, Some(100)),
            ("0.0004", 5, 3, Some(0)),
            ("0.0005", 5, 3, Some(1)),
            ("0.04", 5, 1, Some(0)),
            ("0.05", 5, 1, Some(1)),
            ("100", 2, 0, None),
            (".5", 5, 1, Some(5)),
            ("5.", 5, 1, Some(50)),
            ("99999999999999999999999999999999999999", 38, 0, Some(most)),
            ("٣.٥", 5, 1, Some(35)),
            ("２e１", 5, 0, Some(20)),
            ("1e5000000000", 5, 0, None),
        ];
        for (text, precision, scale, wanted) in cases {
            assert_eq!(decimal(text, precision, scale), wanted, "{text}");
        }
        for text in ["", ".", "-", "1.2.3", "a", "1e", "1,5"] {
            assert_eq!(decimal(text, 38, 0), None, "{text}");
        }
        assert_eq!(grouped_decimal("1,234.5", 10, 1), Some(12_345));
    }

    #[test]
    fn the_size_of_a_number_is_that_of_its_digits() {
        let size = |precision, scale| Some(Size { precision, scale });
        for (text, wanted) in [
            ("0", size(1, 0)),
            ("007", size(1, 0)),
            ("1.50", size(3, 2)),
            ("1e3", size(1, -3)),
            ("123456789012345678901234567890123456789", None),
            ("x", None),
        ] {
            assert_eq!(decimal_size(text), wanted, "{text}");
        }
    }
}
