//! Parses hexadecimal floating-point numbers as Java does: `0x1.8p3` is 1.5 × 2³.
//!
//! Each type is rounded once, from the exact value.

/// The digits that one 64-bit significand holds.
const DIGIT_BITS: u32 = 4;

/// The format of a type of IEEE 754.
struct Format {
    /// The bits of a normal significand, with the leading one.
    precision: i64,
    /// The exponent of the last bit of the smallest number.
    exponent_min: i64,
}

const DOUBLE: Format = Format { precision: 53, exponent_min: -1074 };
const FLOAT: Format = Format { precision: 24, exponent_min: -149 };

/// A number `significand` × 2^`exponent`. If the text has more digits than the significand holds, its last bit is set
/// where a dropped digit is not zero, which is enough to round correctly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hexadecimal {
    negative: bool,
    significand: u64,
    exponent: i64,
}

impl Hexadecimal {
    /// Parses a sign, `0x`, digits with an optional point, and an exponent, which Java requires.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))?;
        let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
        let (whole, fraction) = match mantissa.split_once('.') {
            // `0x1.p0` has no digit after the point, `0x.8p0` none before it; one of them is needed.
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut made = Self { negative, significand: 0, exponent: parse_exponent(exponent)? };
        for digit in whole.chars() {
            let dropped = made.push(digit.to_digit(16)?);
            made.exponent += if dropped { i64::from(DIGIT_BITS) } else { 0 };
        }
        for digit in fraction.chars() {
            let dropped = made.push(digit.to_digit(16)?);
            made.exponent -= if dropped { 0 } else { i64::from(DIGIT_BITS) };
        }
        Some(made)
    }

    /// Appends a digit, or returns true if there is no room for it.
    fn push(&mut self, digit: u32) -> bool {
        let full = self.significand >> (u64::BITS - DIGIT_BITS) != 0;
        match full {
            true => self.significand |= u64::from(digit != 0),
            false => self.significand = self.significand << DIGIT_BITS | u64::from(digit),
        }
        full
    }

    /// Returns the nearest double.
    pub(crate) fn to_double(self) -> f64 {
        self.rounded(&DOUBLE)
    }

    /// Returns the nearest float.
    pub(crate) fn to_float(self) -> f32 {
        #[allow(clippy::cast_possible_truncation)] // It is a float already, or greater than every float.
        let float = self.rounded(&FLOAT) as f32;
        float
    }

    /// Rounds half to even to the bits of a format. The result may be greater than the greatest float.
    fn rounded(self, format: &Format) -> f64 {
        let bits = i64::from(u64::BITS - self.significand.leading_zeros());
        // The exponent of the last bit that the format keeps.
        let last = (self.exponent + bits - format.precision).max(format.exponent_min);
        let kept = match last - self.exponent {
            more @ ..=0 => self.significand << more.unsigned_abs().min(63),
            dropped => half_even(self.significand, dropped),
        };
        let magnitude = match (kept, last) {
            (0, _) => 0.0,
            (_, 972..) => f64::INFINITY,
            // At most 53 bits, so that the product is exact unless it is infinite.
            #[allow(clippy::cast_precision_loss)]
            _ => kept as f64 * power_of_two(last),
        };
        if self.negative { -magnitude } else { magnitude }
    }
}

/// Parses a decimal exponent. One of more than 32 bits is as good as the greatest of them: the number is zero or infinite.
fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let magnitude = i64::from(digits.parse::<i32>().unwrap_or(i32::MAX));
    Some(if negative { -magnitude } else { magnitude })
}

/// Drops the last `count` bits, rounded half to even.
fn half_even(value: u64, count: i64) -> u64 {
    let Some(count) = u32::try_from(count).ok().filter(|count| *count <= u64::BITS) else { return 0 };
    let value = u128::from(value);
    let kept = value >> count;
    let (rest, half) = (value - (kept << count), 1_u128 << (count - 1));
    let up = rest > half || (rest == half && kept % 2 == 1);
    u64::try_from(kept + u128::from(up)).unwrap_or(u64::MAX)
}

/// Returns 2 to the power of an exponent from -1074 to 971, of which the smallest are subnormal.
fn power_of_two(exponent: i64) -> f64 {
    let bits = if exponent >= -1022 { (exponent + 1023) << 52 } else { 1_i64 << (exponent + 1074) };
    f64::from_bits(bits.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_once_to_the_nearest_one() {
        let cases = [
            ("0x1p3", 8.0, 8.0),
            ("-0X.8P0", -0.5, -0.5),
            ("0x1.p-1", 0.5, 0.5),
            ("0x1.fffffffffffffp1023", f64::MAX, f32::INFINITY),
            ("0x1.fffffffffffff8p1023", f64::INFINITY, f32::INFINITY),
            ("0x1p5000", f64::INFINITY, f32::INFINITY),
            ("0x1p99999999999", f64::INFINITY, f32::INFINITY),
            ("-0x1p-99999999999", -0.0, -0.0),
            ("0x0p99999999999", 0.0, 0.0),
            ("0x1p-1074", f64::from_bits(1), 0.0),
            ("0x1p-1075", 0.0, 0.0),
            ("0x1.8p-1075", f64::from_bits(1), 0.0),
            ("0x1p-149", f64::from(f32::from_bits(1)), f32::from_bits(1)),
            ("0x1.00000000000008p0", 1.0, 1.0),
            ("0x1.000000000000080000000001p0", 1.0 + f64::EPSILON, 1.0),
            ("0x1.000001p0", 1.0 + f64::from(f32::EPSILON) / 2.0, 1.0),
            ("0x100000000000000000p-68", 1.0, 1.0),
        ];
        for (text, double, float) in cases {
            let read = Hexadecimal::parse(text);
            let found = read.map(|read| (read.to_double().to_bits(), read.to_float().to_bits()));
            assert_eq!(found, Some((f64::to_bits(double), f32::to_bits(float))), "{text}");
        }
    }

    #[test]
    fn an_exponent_and_a_digit_are_required() {
        for text in [
            "0x1",
            "0x1.8",
            "0x1p",
            "0xp3",
            "0x.p3",
            "1p3",
            "0x1p+-3",
            "--0x1p3",
            "0x1.2.3p0",
            "0xgp0",
            "0x1p٣",
        ] {
            assert!(Hexadecimal::parse(text).is_none(), "{text}");
        }
    }
}
