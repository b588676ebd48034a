//! Formats finite floating-point numbers as Java's `Formatter` does: `%e`, `%f`, `%g` and `%a`.
//!
//! Java rounds the digits that it would print the number with, half up, and not the exact binary value: `%.1f` of 2.25
//! is 2.3, and so is that of the double just below 2.25 if it is printed as 2.25. `%a` rounds bits, half to even.

use thalweg_values::display::significant_digits;

/// The digits of a number `0.d1d2… × 10^exponent`, without a zero at the start; none for zero.
#[derive(Debug, Clone)]
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Takes the digits of a number that is not negative.
    fn of(value: f64) -> Self {
        if value == 0.0 {
            return Self { digits: vec![], exponent: 1 };
        }
        let (digits, exponent) = significant_digits(value);
        Self { digits, exponent: i64::from(exponent) }
    }

    /// Rounds half up to the first `count` digits.
    fn rounded(&self, count: i64) -> Self {
        let Ok(count) = usize::try_from(count) else {
            return Self { digits: vec![], exponent: self.exponent };
        };
        let Some(next) = self.digits.get(count) else { return self.clone() };
        let mut kept: Vec<u8> = self.digits.iter().take(count).copied().collect();
        if *next < 5 {
            return Self { digits: kept, exponent: self.exponent };
        }
        // Nines at the end become zeros, which need not be kept.
        while kept.last() == Some(&9) {
            kept.pop();
        }
        match kept.last_mut() {
            Some(last) => {
                *last += 1;
                Self { digits: kept, exponent: self.exponent }
            }
            None => Self { digits: vec![1], exponent: self.exponent + 1 },
        }
    }

    /// The digit at a place, where 0 is the first one.
    fn digit(&self, at: i64) -> char {
        let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at));
        char::from(b'0' + digit.copied().unwrap_or(0))
    }

    /// Writes the digits before the point, and so many after it.
    fn fixed(&self, places: i64) -> String {
        let mut out: String = (0..self.exponent.max(0)).map(|at| self.digit(at)).collect();
        if out.is_empty() {
            out.push('0');
        }
        if places > 0 {
            out.push('.');
            out.extend((self.exponent..self.exponent + places).map(|at| self.digit(at)));
        }
        out
    }

    /// Writes one digit before the point and so many after it, and the exponent.
    fn scientific(&self, places: i64) -> (String, String) {
        let mantissa = Self { exponent: 1, ..self.clone() }.fixed(places);
        let exponent = self.exponent - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        (mantissa, format!("e{sign}{:02}", exponent.abs()))
    }
}

/// A magnitude as text: the digits, among which zeros are padded and commas are inserted, and what follows them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Magnitude {
    pub digits: String,
    pub exponent: String,
}

/// Formats `%f`.
pub(super) fn fixed(value: f64, precision: Option<usize>) -> Magnitude {
    let places = size(precision.unwrap_or(DEFAULT_PRECISION));
    let number = Decimal::of(value);
    let digits = number.rounded(number.exponent + places).fixed(places);
    Magnitude { digits, exponent: String::new() }
}

/// Formats `%e`.
pub(super) fn scientific(value: f64, precision: Option<usize>) -> Magnitude {
    let places = size(precision.unwrap_or(DEFAULT_PRECISION));
    let (digits, exponent) = Decimal::of(value).rounded(places + 1).scientific(places);
    Magnitude { digits, exponent }
}

/// Formats `%g`: so many digits in all, with an exponent unless the rounded number is from 0.0001 to below 10 to the
/// power of the precision.
pub(super) fn general(value: f64, precision: Option<usize>) -> Magnitude {
    let digits = size(precision.unwrap_or(DEFAULT_PRECISION).max(1));
    let number = Decimal::of(value).rounded(digits);
    if value != 0.0 && !(-3..=digits).contains(&number.exponent) {
        let (digits, exponent) = number.scientific(digits - 1);
        return Magnitude { digits, exponent };
    }
    Magnitude { digits: number.fixed(digits - number.exponent), exponent: String::new() }
}

/// The digits after the point of `%e` and `%f`, and all digits of `%g`, unless the conversion says otherwise.
const DEFAULT_PRECISION: usize = 6;

fn size(precision: usize) -> i64 {
    i64::try_from(precision).unwrap_or(i64::MAX)
}

/// The bits of a double's fraction.
const FRACTION_BITS: u32 = 52;
/// The bits of one hexadecimal digit.
const DIGIT_BITS: u32 = 4;

/// Formats the digits of `%a` after `0x`: `1.8p3`. A precision rounds half to even to so many digits after the point.
pub(super) fn hexadecimal(value: f64, precision: Option<usize>) -> Magnitude {
    let (lead, fraction, exponent) = bits_of(value, precision.is_some());
    let Some(places) = precision.map(|places| places.max(1)) else {
        return written(lead, fraction, exponent, 1);
    };
    let dropped =
        FRACTION_BITS.saturating_sub(DIGIT_BITS.saturating_mul(u32::try_from(places).unwrap_or(u32::MAX)));
    let all = (lead << FRACTION_BITS) | fraction;
    let kept = if dropped == 0 || value == 0.0 { all } else { half_even(all, dropped) };
    match kept >> FRACTION_BITS {
        // Rounded up to a power of two.
        2.. => written(1, 0, exponent + 1, places),
        lead => written(lead, kept & FRACTION_MASK, exponent, places),
    }
}

const FRACTION_MASK: u64 = (1 << FRACTION_BITS) - 1;

/// Returns the bit before the point, those after it, and the exponent. A subnormal number keeps the exponent of the
/// smallest normal one, unless it is `normalized`.
fn bits_of(value: f64, normalized: bool) -> (u64, u64, i64) {
    let bits = value.to_bits();
    let fraction = bits & FRACTION_MASK;
    match bits >> FRACTION_BITS {
        0 if fraction == 0 => (0, 0, 0),
        0 if normalized => {
            let shift = fraction.leading_zeros() - (u64::BITS - 1 - FRACTION_BITS);
            (1, (fraction << shift) & FRACTION_MASK, -1022 - i64::from(shift))
        }
        0 => (0, fraction, -1022),
        biased => (1, fraction, i64::try_from(biased).unwrap_or(0) - 1023),
    }
}

/// Clears the last `count` bits, rounded half to even.
fn half_even(value: u64, count: u32) -> u64 {
    let (kept, rest, half) = (value >> count, value & ((1 << count) - 1), 1 << (count - 1));
    let up = rest > half || (rest == half && kept % 2 == 1);
    (kept + u64::from(up)) << count
}

/// Writes the digits after the point without zeros at the end, but at least so many.
fn written(lead: u64, fraction: u64, exponent: i64, places: usize) -> Magnitude {
    let digits = format!("{fraction:013x}");
    let shortest = digits.trim_end_matches('0');
    Magnitude { digits: format!("{lead}.{shortest:0<places$}"), exponent: format!("p{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(made: Magnitude) -> String {
        made.digits + &made.exponent
    }

    #[test]
    fn decimal_digits_are_rounded_half_up() {
        let cases = [
            (1234.5, Some(2), "1234.50", "1.23e+03", "1.2e+03"),
            (9.996, Some(2), "10.00", "1.00e+01", "10"),
            (0.0, None, "0.000000", "0.000000e+00", "0.00000"),
            (0.5, Some(0), "1", "5e-01", "0.5"),
            (0.000_1, None, "0.000100", "1.000000e-04", "0.000100000"),
            (0.000_01, None, "0.000010", "1.000000e-05", "1.00000e-05"),
            (999_999.5, None, "999999.500000", "9.999995e+05", "1.00000e+06"),
            (1e23, None, "99999999999999990000000.000000", "1.000000e+23", "1.00000e+23"),
        ];
        for (value, precision, f, e, g) in cases {
            assert_eq!(text(fixed(value, precision)), f);
            assert_eq!(text(scientific(value, precision)), e);
            assert_eq!(text(general(value, precision)), g);
        }
    }

    #[test]
    fn hexadecimal_digits_are_rounded_half_to_even() {
        let cases = [
            (1.0, None, "1.0p0"),
            (0.1, None, "1.999999999999ap-4"),
            (0.0, None, "0.0p0"),
            (f64::from_bits(1), None, "0.0000000000001p-1022"),
            (f64::from_bits(1), Some(2), "1.00p-1074"),
            (1.999, Some(1), "1.0p1"),
            (1.5, Some(0), "1.8p0"),
            (1.031_25, Some(1), "1.0p0"),
            (1.093_75, Some(1), "1.2p0"),
            (1.5, Some(20), "1.80000000000000000000p0"),
        ];
        for (value, precision, wanted) in cases {
            assert_eq!(text(hexadecimal(value, precision)), wanted);
        }
    }
}
