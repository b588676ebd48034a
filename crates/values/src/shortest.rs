//! Finds the digits of floating-point numbers as Java 17 chooses them, which Spark's texts show.
//!
//! They are mostly the shortest that are read as the same number, but not always: an integer below 2^63 keeps all digits
//! that its precision gives (`float(1.1e10)` is `1.10000005E10`), and elsewhere digits are generated from left to right
//! until what is left is less than half of the distance to the next number (Steele and White, "How to Print
//! Floating-Point Numbers Accurately", 1990), from a first digit that is estimated. Two digits at least are generated
//! where the text has an exponent. All arithmetic is exact.

use crate::display::Width;
use std::cmp::Ordering;

/// The digits of a number `0.d1d2d3… · 10^exponent`, from 0 to 9 each, without a zero at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digits {
    pub digits: Vec<u8>,
    pub exponent: i32,
}

/// The bits of a DOUBLE's fraction, without the first one.
const FRACTION_BITS: i32 = 52;
/// Java's estimate of `log10(1.5)`, and of the logarithm's slope there.
const LOG10_OF_1_5: f64 = 0.176_091_259;
const SLOPE_AT_1_5: f64 = 0.289_529_654;
const LOG10_OF_2: f64 = std::f64::consts::LOG10_2;

/// A positive number as `fraction · 2^(exponent - 52)`, where the fraction has 53 bits.
struct Parts {
    fraction: u64,
    exponent: i32,
    /// How many bits of the fraction the number's type keeps.
    significant: i32,
}

/// Returns the digits of a finite number greater than 0.
pub(crate) fn digits(value: f64, width: Width) -> Digits {
    let parts = match width {
        Width::Double => parts(value.to_bits(), FRACTION_BITS, 1023),
        Width::Single => parts(u64::from((value as f32).to_bits()), 23, 127),
    };
    let zeros = parts.fraction.trailing_zeros() as i32;
    let bits = FRACTION_BITS + 1 - zeros;
    // The bits to the right of the point.
    let tiny = (bits - parts.exponent - 1).max(0);
    if tiny == 0 && parts.exponent <= 62 {
        return of_integer(&parts);
    }
    let powers = Powers::of(&parts, zeros, bits, tiny);
    // Ten times the number and the margin need a few bits more than the number has.
    match powers.bits() < 120 {
        true => Generation::<u128>::of(&powers).run(),
        false => Generation::<Natural>::of(&powers).run(),
    }
}

fn parts(bits: u64, stored: i32, bias: i32) -> Parts {
    let exponent = (bits >> stored) as i32;
    let fraction = bits & ((1 << stored) - 1);
    let (fraction, exponent, significant) = match exponent {
        // A subnormal number has as many bits as it needs.
        0 => {
            let given = 64 - fraction.leading_zeros() as i32;
            let shift = stored + 1 - given;
            (fraction << shift, 1 - shift, given)
        }
        _ => (fraction | 1 << stored, exponent, stored + 1),
    };
    Parts { fraction: fraction << (FRACTION_BITS - stored), exponent: exponent - bias, significant }
}

/// The digits of an integer, as far as they are not below its precision.
fn of_integer(parts: &Parts) -> Digits {
    let mut value = match parts.exponent - FRACTION_BITS {
        left @ 0.. => parts.fraction << left,
        right => parts.fraction >> -right,
    };
    // Half of the distance to the next number is a power of two: digits below its first one mean nothing.
    let half = parts.exponent - parts.significant - 1;
    let dropped = if half > 1 { (f64::from(half) * LOG10_OF_2) as u32 } else { 0 };
    let unit = 10_u64.pow(dropped);
    let rest = value % unit;
    value /= unit;
    if dropped > 0 && rest >= unit / 2 {
        value += 1;
    }
    let text = value.to_string();
    let exponent = text.len() as i32 + dropped as i32;
    let digits = text.trim_end_matches('0').bytes().map(|b| b - b'0').collect();
    Digits { digits, exponent }
}

/// The number as `number / scale`, and half of the distance to the next one as `margin / scale`: an odd integer, and
/// the powers of two and of five that each has as factors.
struct Powers {
    odd: u64,
    odd_bits: i32,
    fives: i32,
    twos: i32,
    scale_fives: i32,
    scale_twos: i32,
    margin_twos: i32,
    /// The decimal exponent of the first digit, as estimated.
    exponent: i32,
}

impl Powers {
    fn of(parts: &Parts, zeros: i32, bits: i32, tiny: i32) -> Self {
        let first = f64::from_bits(1023 << FRACTION_BITS | parts.fraction & ((1 << FRACTION_BITS) - 1));
        let log = (first - 1.5) * SLOPE_AT_1_5 + LOG10_OF_1_5 + f64::from(parts.exponent) * LOG10_OF_2;
        let exponent = log.floor() as i32;
        let (fives, scale_fives) = ((-exponent).max(0), exponent.max(0));
        let whole = fives + tiny + parts.exponent;
        let (mut twos, mut scale_twos) = (whole - (bits - 1), scale_fives + tiny);
        let mut margin_twos = whole - parts.significant;
        let common = twos.min(scale_twos);
        (twos, scale_twos, margin_twos) = (twos - common, scale_twos - common, margin_twos - common);
        // Below a power of two the next number is only half as far away.
        if bits == 1 {
            margin_twos -= 1;
        }
        let missing = (-margin_twos).max(0);
        (twos, scale_twos, margin_twos) = (twos + missing, scale_twos + missing, margin_twos + missing);
        let (odd, odd_bits) = (parts.fraction >> zeros, bits);
        Self { odd, odd_bits, fives, twos, scale_fives, scale_twos, margin_twos, exponent }
    }

    /// The number of bits of the number, and of ten times the scale, the larger one.
    fn bits(&self) -> i32 {
        let number = self.odd_bits + self.twos + bits_of_five(self.fives);
        number.max(self.scale_twos + 1 + bits_of_five(self.scale_fives + 1))
    }
}

/// The generation of digits with the numbers of [`Powers`].
struct Generation<N> {
    number: N,
    scale: N,
    margin: N,
    exponent: i32,
    /// The width of the integers that Java computes with, 32 or 64; none if the numbers may be larger.
    integer_bits: Option<i32>,
}

impl<N: Number> Generation<N> {
    fn of(powers: &Powers) -> Self {
        Self {
            number: N::of(powers.odd).times_five(powers.fives).shifted(powers.twos),
            scale: N::of(1).times_five(powers.scale_fives).shifted(powers.scale_twos),
            margin: N::of(1).times_five(powers.fives).shifted(powers.margin_twos),
            exponent: powers.exponent,
            integer_bits: [32, 64].into_iter().find(|width| powers.bits() < *width),
        }
    }

    fn run(mut self) -> Digits {
        let tens = self.scale.clone().times(10);
        let mut digits = vec![];
        let (first, mut low, mut high) = self.next(&tens);
        // The estimate of the first place is one too high for some numbers.
        match first == 0 && !high {
            true => self.exponent -= 1,
            false => digits.push(first),
        }
        // A text with an exponent has a digit after the point at least.
        if self.exponent < -3 || self.exponent >= 8 {
            (low, high) = (false, false);
        }
        while !low && !high {
            let (digit, is_low, is_high) = self.next(&tens);
            (low, high) = (is_low, is_high);
            digits.push(digit);
        }
        let up = match (high, low) {
            (false, _) => false,
            (true, false) => true,
            (true, true) => match self.number.clone().times(2).cmp(&tens) {
                Ordering::Less => false,
                Ordering::Greater => true,
                // A tie goes to the even digit.
                Ordering::Equal => digits.last().is_some_and(|last| last % 2 == 1),
            },
        };
        let mut exponent = self.exponent + 1;
        if up {
            exponent += i32::from(rounded_up(&mut digits));
        }
        // Rounding up leaves zeros at the end.
        while digits.len() > 1 && digits.last() == Some(&0) {
            digits.pop();
        }
        Digits { digits, exponent }
    }

    /// Returns the next digit, and whether what is left is below the lower or above the upper margin.
    fn next(&mut self, tens: &N) -> (u8, bool, bool) {
        let digit = self.number.take_quotient(&self.scale);
        self.number = std::mem::take(&mut self.number).times(10);
        self.margin = std::mem::take(&mut self.margin).times(10);
        let upper = self.number.clone().plus(&self.margin);
        let Some(bits) = self.integer_bits else { return (digit, self.number < self.margin, upper >= *tens) };
        // The sum, and a margin beyond what can matter, may overflow an integer: Java's texts show it.
        let [number, margin, upper, tens] =
            [&self.number, &self.margin, &upper, tens].map(|n| n.wrapped(bits));
        match margin > 0 {
            true => (digit, number < margin, upper > tens),
            false => (digit, true, true),
        }
    }
}

/// Adds one to the last digit; returns whether there is one digit more before the point.
fn rounded_up(digits: &mut Vec<u8>) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return false;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
    true
}

/// The number of bits of a power of five, as far as Java knows it: above 5^26 three for each.
fn bits_of_five(power: i32) -> i32 {
    match power {
        0..=26 => 128 - 5_u128.pow(power as u32).leading_zeros() as i32,
        _ => power * 3,
    }
}

/// A natural number.
trait Number: Clone + Default + Ord {
    fn of(value: u64) -> Self;
    fn times(self, factor: u32) -> Self;
    fn shifted(self, bits: i32) -> Self;
    fn plus(self, other: &Self) -> Self;
    /// Divides by `by`, keeps the remainder and returns the quotient, which is less than 10.
    fn take_quotient(&mut self, by: &Self) -> u8;
    /// The number as a signed integer of 32 or 64 bits, which overflows.
    fn wrapped(&self, bits: i32) -> i64;

    fn times_five(mut self, power: i32) -> Self {
        // 5^13 is the largest power of five in 32 bits.
        const FIVES: i32 = 13;
        for _ in 0..power / FIVES {
            self = self.times(5_u32.pow(FIVES as u32));
        }
        self.times(5_u32.pow((power % FIVES) as u32))
    }
}

/// Numbers that [`Powers::bits`] found to fit.
impl Number for u128 {
    fn of(value: u64) -> Self {
        Self::from(value)
    }
    fn times(self, factor: u32) -> Self {
        self * Self::from(factor)
    }
    fn shifted(self, bits: i32) -> Self {
        self << bits
    }
    fn plus(self, other: &Self) -> Self {
        self + other
    }
    fn take_quotient(&mut self, by: &Self) -> u8 {
        let quotient = *self / by;
        *self %= by;
        quotient as u8
    }
    fn wrapped(&self, bits: i32) -> i64 {
        if bits == 32 { i64::from(*self as i32) } else { *self as i64 }
    }
}

/// A natural number of any size, its lowest 32 bits first, without zeros at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }
}

impl Number for Natural {
    fn of(value: u64) -> Self {
        Self(vec![value as u32, (value >> 32) as u32]).trimmed()
    }

    fn times(mut self, factor: u32) -> Self {
        let mut carry = 0_u64;
        for word in &mut self.0 {
            let product = u64::from(*word) * u64::from(factor) + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        self.0.push(carry as u32);
        self.trimmed()
    }

    fn shifted(self, bits: i32) -> Self {
        let mut words = vec![0; (bits / 32) as usize];
        words.extend(self.0);
        Self(words).times(1 << (bits % 32))
    }

    fn plus(mut self, other: &Self) -> Self {
        let mut carry = 0_u64;
        let words = self.0.len().max(other.0.len());
        self.0.resize(words + 1, 0);
        for (i, word) in self.0.iter_mut().enumerate() {
            let sum = u64::from(*word) + u64::from(other.0.get(i).copied().unwrap_or(0)) + carry;
            *word = sum as u32;
            carry = sum >> 32;
        }
        self.trimmed()
    }

    fn take_quotient(&mut self, by: &Self) -> u8 {
        let mut quotient = 0;
        // The quotient is a digit, so nine subtractions at most take the place of a division of long numbers.
        while *self >= *by && quotient < 9 {
            let mut borrow = 0_i64;
            for (i, word) in self.0.iter_mut().enumerate() {
                let difference = i64::from(*word) - i64::from(by.0.get(i).copied().unwrap_or(0)) + borrow;
                *word = difference as u32;
                borrow = difference >> 32;
            }
            *self = std::mem::take(self).trimmed();
            quotient += 1;
        }
        quotient
    }

    fn wrapped(&self, bits: i32) -> i64 {
        let word = |i: usize| self.0.get(i).copied().unwrap_or(0);
        match bits {
            32 => i64::from(word(0) as i32),
            _ => (u64::from(word(1)) << 32 | u64::from(word(0))) as i64,
        }
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_size = self.0.len().cmp(&other.0.len());
        by_size.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_java_17() {
        let cases = [
            (1.1e10_f32 as f64, Width::Single, "110000005", 11),
            (16_777_216.0, Width::Single, "16777216", 8),
            (f64::from(f32::MIN_POSITIVE), Width::Single, "117549435", -37),
            // The upper margin overflows 64 bits.
            (f64::from(6.956_851_4e25_f32), Width::Single, "69568514", 26),
            (1e23, Width::Double, "9999999999999999", 23),
            (2e23, Width::Double, "19999999999999998", 24),
            (4_611_686_018_427_387_904.0, Width::Double, "46116860184273879", 19),
            (0.1, Width::Double, "1", 0),
            (123.456, Width::Double, "123456", 3),
            (f64::from_bits(1), Width::Double, "49", -323),
            (f64::MAX, Width::Double, "17976931348623157", 309),
        ];
        for (value, width, text, exponent) in cases {
            let wanted = text.bytes().map(|b| b - b'0').collect();
            assert_eq!(digits(value, width), Digits { digits: wanted, exponent }, "{value}");
        }
    }
}
