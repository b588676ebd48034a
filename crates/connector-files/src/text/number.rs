//! Numbers as Java reads them, since that is what Spark's readers do with text.
//!
//! Integers take a sign and digits, nothing else. Doubles may have blanks around them and a type
//! suffix (`1.5f`). Decimals keep every digit up to 38.

/// The most digits a decimal has.
const DIGITS_MAX: usize = 38;

/// An integer: optional sign, digits, no blanks.
pub(crate) fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A double; `NaN` and `Infinity` only as Java writes them.
pub(crate) fn double(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.trim_start_matches(['+', '-']) {
        "NaN" => return (text.len() <= 4).then_some(f64::NAN),
        "Infinity" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    let bare = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let plain = bare.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain && bare.bytes().any(|b| b.is_ascii_digit()) { bare.parse().ok() } else { None }
}

/// `true` or `false` in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An exact decimal: `unscaled * 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    pub unscaled: i128,
    pub scale: i32,
    /// Digits of `unscaled`, at least 1.
    pub precision: u8,
}

/// A decimal with at most 38 digits; an exponent is folded into the scale.
pub(crate) fn exact(text: &str) -> Option<Exact> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let joined = format!("{whole}{fraction}");
    let significant = joined.trim_start_matches('0');
    if significant.len() > DIGITS_MAX {
        return None;
    }
    let unscaled: i128 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let precision = u8::try_from(significant.len().max(1)).ok()?;
    Some(Exact { unscaled: if negative { -unscaled } else { unscaled }, scale, precision })
}

/// An exact decimal that may have commas between its digits, as in English.
pub(crate) fn grouped(text: &str) -> Option<Exact> {
    if text.contains(',') { exact(&text.replace(',', "")) } else { exact(text) }
}

/// The unscaled value for a column of `precision` and `scale`, rounded half up; none if it does not fit.
pub(crate) fn rescale(value: Exact, precision: u8, scale: i8) -> Option<i128> {
    let shift = i32::from(scale) - value.scale;
    let unscaled = if shift >= 0 {
        if value.unscaled == 0 {
            0
        } else {
            value.unscaled.checked_mul(10i128.checked_pow(u32::try_from(shift).ok()?)?)?
        }
    } else {
        match 10i128.checked_pow(shift.unsigned_abs()) {
            None => 0,
            Some(divisor) => {
                let (quotient, rest) = (value.unscaled / divisor, value.unscaled % divisor);
                let up = rest.unsigned_abs() >= divisor.unsigned_abs() / 2;
                if up { quotient + value.unscaled.signum() } else { quotient }
            }
        }
    };
    let limit = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    (unscaled.unsigned_abs() < limit.unsigned_abs()).then_some(unscaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_in_java() {
        let good = [("1", 1.0), (" 1.5 ", 1.5), ("1e3", 1000.0), ("2.5f", 2.5), (".5", 0.5), ("-1d", -1.0)];
        for (text, wanted) in good {
            assert_eq!(double(text), Some(wanted), "{text}");
        }
        assert!(double("NaN").is_some_and(f64::is_nan));
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["", "nan", "inf", "infinity", "1,5", "e", ".", "0x10", "f", "NA"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_keep_every_digit_and_round_half_up() {
        let cases = [
            ("1.25", 10, 1, Some(13)),
            ("-1.25", 10, 1, Some(-13)),
            ("1.24", 10, 1, Some(12)),
            ("12345678901234567890.12", 22, 2, Some(1_234_567_890_123_456_789_012)),
            ("1e3", 5, 0, Some(1000)),
            ("1e3", 3, 0, None),
            ("0e99", 3, 0, Some(0)),
            ("1e-60", 3, 2, Some(0)),
            ("9.99", 2, 1, None),
        ];
        for (text, precision, scale, wanted) in cases {
            assert_eq!(exact(text).and_then(|v| rescale(v, precision, scale)), wanted, "{text}");
        }
        for text in ["", ".", "-", "1.2.3", "a", "1e", "123456789012345678901234567890123456789"] {
            assert_eq!(exact(text), None, "{text}");
        }
    }
}
