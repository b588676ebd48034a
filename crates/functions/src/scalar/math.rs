//! Computes mathematical functions of several arguments: rounding, powers, number bases, `greatest`, `width_bucket`.
//!
//! Decimals are rounded exactly, half away from zero (`round`) or half to even (`bround`). Doubles are rounded as
//! their shortest decimal text, which is what Java's `BigDecimal` sees.

use super::doubles::ln;
use crate::binding::Bound;
use crate::cast::{exceeds, pow10};
use crate::coerce::coerce_all;
use crate::errors::{not_constant, overflow, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, Run, arrow};
use crate::operators::key::normal;
use crate::registry::{Call, Defaults, Display, DisplayForm, Entry, MANY, Ty};
use crate::types::{decimal_bounded, is_decimal, is_integral, is_nested, is_string};
use ::arrow::array::{Array, ArrayRef, AsArray, make_comparator};
use ::arrow::compute::{SortOptions, interleave};
use ::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::cmp::Ordering;
use thalweg_common::Result;
use thalweg_values::display::{Width, write_float};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["pow", "power"], &[Ty::Double, Ty::Double], Ty::Double, |b| pair(b, power))
        .capitals(&["power"])
        .doc("base, exponent", "Raises a number to a power.", &["SELECT pow(2, 10)"]),
    Entry::plain(&["atan2"], &[Ty::Double, Ty::Double], Ty::Double, |b| {
        pair(b, |y, x| (y + 0.0).atan2(x + 0.0))
    })
    .capitals(&["atan2"])
    .doc("y, x", "Returns the angle of a point, in radians.", &["SELECT atan2(0, 1)"]),
    Entry::plain(&["hypot"], &[Ty::Double, Ty::Double], Ty::Double, |b| pair(b, f64::hypot))
        .capitals(&["hypot"])
        .doc("x, y", "Returns the distance of a point from the origin.", &["SELECT hypot(3, 4)"]),
    Entry::bind(&["log"], 1, 2, log)
        .display(Display::form(DisplayForm::OfOne("LOG(E(), {})")).and_capitals(&["log"]))
        .doc(
            "[base, ]number",
            "Returns the logarithm to a base, the natural one without it.",
            &["SELECT log(2, 8), log(1)"],
        ),
    Entry::bind(&["e"], 0, 0, |_| Ok(constant(std::f64::consts::E))).capitals(&["e"]).doc(
        "",
        "Returns Euler's number.",
        &["SELECT e()"],
    ),
    Entry::bind(&["pi"], 0, 0, |_| Ok(constant(std::f64::consts::PI))).capitals(&["pi"]).doc(
        "",
        "Returns the ratio of a circle's circumference to its diameter.",
        &["SELECT pi()"],
    ),
    Entry::plain(&["factorial"], &[Ty::Int], Ty::Long, factorial).nullable().doc(
        "number",
        "Returns the factorial of an integer from 0 to 20.",
        &["SELECT factorial(5)"],
    ),
    Entry::bind(&["ceil", "ceiling"], 1, 2, |c| ceil_or_floor(c, Mode::Up))
        .display(Display::capitals_of_one(&["ceil"]))
        .doc(
            "number[, digits]",
            "Rounds up, to whole numbers or to the given number of digits after the decimal point.",
            &["SELECT ceil(1.2), ceil(1.234, 2)"],
        ),
    Entry::bind(&["floor"], 1, 2, |c| ceil_or_floor(c, Mode::Down))
        .display(Display::capitals_of_one(&["floor"]))
        .doc(
            "number[, digits]",
            "Rounds down, to whole numbers or to the given number of digits after the decimal point.",
            &["SELECT floor(-1.2), floor(1.239, 2)"],
        ),
    Entry::bind(&["round"], 1, 2, |c| round(c, Mode::HalfUp))
        .defaults(&[Defaults { given: 1, shown: &["0"] }])
        .doc(
            "number[, digits]",
            "Rounds to the nearest, halves away from zero.",
            &["SELECT round(2.5), round(1.235, 2)"],
        ),
    Entry::bind(&["bround"], 1, 2, |c| round(c, Mode::HalfEven))
        .defaults(&[Defaults { given: 1, shown: &["0"] }])
        .doc(
            "number[, digits]",
            "Rounds to the nearest, halves to the even digit.",
            &["SELECT bround(2.5), bround(3.5)"],
        ),
    Entry::bind(&["greatest"], 2, MANY, |c| bind_greatest_or_least(c, Ordering::Greater)).doc(
        "value, value, ...",
        "Returns the greatest value that is not null.",
        &["SELECT greatest(3, 9, NULL)"],
    ),
    Entry::bind(&["least"], 2, MANY, |c| bind_greatest_or_least(c, Ordering::Less)).doc(
        "value, value, ...",
        "Returns the least value that is not null.",
        &["SELECT least(3, 9, NULL)"],
    ),
    Entry::plain(&["conv"], &[Ty::Text, Ty::Int, Ty::Int], Ty::Text, conv).fallible().nullable().doc(
        "digits, from, to",
        "Converts a number's digits from one base to another.",
        &["SELECT conv('ff', 16, 2)"],
    ),
    Entry::plain(&["width_bucket"], &[Ty::Double, Ty::Double, Ty::Double, Ty::Long], Ty::Long, width_bucket)
        .nullable()
        .doc(
            "value, low, high, count",
            "Returns the number of the bucket that contains a value, if the range between two bounds is divided into buckets of equal width.",
            &["SELECT width_bucket(5.3, 0.2, 10.6, 5)"],
        ),
];

fn pair(b: &Batch, f: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (x, y) = (b.prims::<Float64Type>(0)?, b.prims::<Float64Type>(1)?);
    b.build::<Float64Type>(|i| Ok(x.get(i).zip(y.get(i)).map(|(x, y)| f(x, y))))
}

/// Java's pow: NaN where the base is ±1 and the exponent has no end, and for an exponent that is NaN.
fn power(x: f64, y: f64) -> f64 {
    let none = y.is_nan() || (x.abs() == 1.0 && y.is_infinite());
    if none { f64::NAN } else { x.powf(y) }
}

fn constant(value: f64) -> Bound {
    let expr = Expr::Literal(ScalarValue::Float64(Some(value)), None);
    Bound { expr, data_type: DataType::Float64, nullable: false, fallible: false }
}

/// Binds `log(x)` and `log(base, x)`; null where a logarithm does not exist.
fn log(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Float64)?;
    call.coerce(1, &DataType::Float64)?;
    let (name, run): (_, Run) = match call.args.len() {
        1 => ("ln", ln),
        _ => ("log_base", |b| {
            let (base, x) = (b.prims::<Float64Type>(0)?, b.prims::<Float64Type>(1)?);
            b.build::<Float64Type>(|i| {
                let Some((base, x)) = base.get(i).zip(x.get(i)) else { return Ok(None) };
                let has_none = base <= 0.0 || x <= 0.0;
                Ok((!has_none).then(|| x.ln() / base.ln()))
            })
        }),
    };
    Ok(Kernel::new(name, DataType::Float64, run).nulls(Nulls::Always).call(call.args))
}

/// Computes the factorial as a BIGINT; null for negative numbers and beyond 20.
fn factorial(b: &Batch) -> Result<ArrayRef> {
    let n = b.prims::<Int32Type>(0)?;
    b.build::<Int64Type>(|i| {
        // 21! exceeds 64 bits: Spark returns null beyond 20.
        Ok(n.get(i).filter(|n| (0..=20).contains(n)).map(|n| (1..=i64::from(n)).product()))
    })
}

/// The direction in which a number is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Up,
    Down,
    HalfUp,
    HalfEven,
}

impl Mode {
    /// Returns `value / unit` as a whole number, for a positive unit.
    fn quotient(self, value: i128, unit: i128) -> i128 {
        let (q, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
        let up = match self {
            Mode::Down => false,
            Mode::Up => rest > 0,
            // `div_euclid` rounded down. Half away from zero is up for positive values and down for negative ones.
            // `unit - rest` is compared instead of `2 * rest`, which may overflow.
            Mode::HalfUp => rest > unit - rest || (rest == unit - rest && value > 0),
            Mode::HalfEven => rest > unit - rest || (rest == unit - rest && q % 2 != 0),
        };
        q + i128::from(up)
    }
}

/// Returns the scale, which must be a constant, because the type of the result depends on it.
fn scale_of(call: &Call) -> Result<i64> {
    match call.args.get(1).map(|a| a.literal()) {
        None => Ok(0),
        Some(Some(ScalarValue::Int8(Some(v)))) => Ok(i64::from(*v)),
        Some(Some(ScalarValue::Int16(Some(v)))) => Ok(i64::from(*v)),
        Some(Some(ScalarValue::Int32(Some(v)))) => Ok(i64::from(*v)),
        Some(Some(ScalarValue::Int64(Some(v)))) => Ok(*v),
        _ => Err(not_constant(call.name, "scale", "INT")),
    }
}

/// The number of digits after the point that are kept; negative before the point.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scale(i64);

/// Calls a rounding kernel with its scale.
fn numbered(name: &'static str, returns: DataType, run: Run, scale: i64, call: Call) -> Bound {
    let args = call.args.into_iter().take(1).collect();
    Kernel::new(name, returns, run).fallible(true).params(Scale(scale)).nulls(Nulls::Always).call(args)
}

/// Binds `round(x [, scale])` and `bround`: integers and floating-point numbers keep their type, decimals get the new
/// scale.
fn round(mut call: Call, mode: Mode) -> Result<Bound> {
    let scale = scale_of(&call)?;
    if is_string(&call.type_of(0)) || call.type_of(0) == DataType::Null {
        call.coerce(0, &DataType::Float64)?;
    }
    let t = call.type_of(0);
    let half_up = mode == Mode::HalfUp;
    if is_integral(&t) {
        return round_integral(call, &t, scale, half_up);
    }
    // Kernels are function pointers and capture nothing, so each type and mode has its own.
    let (returns, run): (_, Run) = match (&t, half_up) {
        (DataType::Decimal128(p, s), true) => {
            (rounded_decimal(*p, *s, scale), |b| round_decimals(b, Mode::HalfUp))
        }
        (DataType::Decimal128(p, s), false) => {
            (rounded_decimal(*p, *s, scale), |b| round_decimals(b, Mode::HalfEven))
        }
        (DataType::Float32, true) => (t.clone(), |b| round_floats(b, Mode::HalfUp)),
        (DataType::Float32, false) => (t.clone(), |b| round_floats(b, Mode::HalfEven)),
        (DataType::Float64, true) => (t.clone(), |b| round_doubles(b, Mode::HalfUp)),
        (DataType::Float64, false) => (t.clone(), |b| round_doubles(b, Mode::HalfEven)),
        _ => return Err(unexpected_type(call.name, 0, "NUMERIC", &t)),
    };
    Ok(numbered(if half_up { "round" } else { "bround" }, returns, run, scale, call))
}

/// Returns Spark's type of a rounded decimal.
fn rounded_decimal(precision: u8, scale: i8, wanted: i64) -> DataType {
    let (precision, scale) = (i64::from(precision), i64::from(scale));
    // One more integral digit, because 9.9 may become 10.
    let integral = precision - scale + 1;
    if wanted < 0 {
        return decimal_bounded(integral.max(1 - wanted) as i32, 0);
    }
    let kept = wanted.min(scale);
    decimal_bounded((integral + kept) as i32, kept as i32)
}

/// Rounds integers of type `t` with one kernel for all types. The cast back raises if a rounded TINYINT does not fit.
fn round_integral(mut call: Call, t: &DataType, scale: i64, half_up: bool) -> Result<Bound> {
    let ctx = call.ctx;
    let wide = crate::coerce::to_type(call.args.remove(0), &DataType::Int64, ctx)?;
    call.args.insert(0, wide);
    let (name, run): (_, Run) = match half_up {
        true => ("round_integer", |b| round_integers(b, Mode::HalfUp)),
        false => ("bround_integer", |b| round_integers(b, Mode::HalfEven)),
    };
    let rounded = numbered(name, DataType::Int64, run, scale, call);
    let nullable = rounded.nullable;
    let narrow = crate::cast::cast(crate::coerce::as_arg(rounded), t, crate::CastMode::Ansi, ctx)?;
    Ok(Bound { fallible: true, nullable, ..narrow })
}

/// Binds `ceil(x)` and `floor(x)`: a BIGINT, or a decimal of scale 0 for a decimal; with a scale a decimal of that
/// scale.
fn ceil_or_floor(mut call: Call, mode: Mode) -> Result<Bound> {
    let with_scale = call.args.len() == 2;
    let scale = scale_of(&call)?;
    let t = call.type_of(0);
    let up = mode == Mode::Up;
    if !with_scale && is_integral(&t) {
        call.coerce(0, &DataType::Int64)?;
        let [arg] = call.take()?;
        return Ok(Bound { expr: arg.expr, data_type: DataType::Int64, nullable: true, fallible: false });
    }
    if !with_scale && !is_decimal(&t) {
        call.coerce(0, &DataType::Float64)?;
        let run: Run = if up { |b| whole(b, f64::ceil) } else { |b| whole(b, f64::floor) };
        return Ok(numbered(if up { "ceil" } else { "floor" }, DataType::Int64, run, 0, call));
    }
    // Spark casts to these decimals before it rounds to a scale (`DecimalType.forType`).
    let digits = match &t {
        DataType::Decimal128(p, s) => (i64::from(*p), i64::from(*s)),
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (20, 0),
        DataType::Float32 => (14, 7),
        _ => (30, 15),
    };
    let wanted = decimal_bounded(digits.0 as i32, digits.1 as i32);
    let arg = crate::coerce::coerce_argument(call.name, 0, call.args.remove(0), &wanted, call.ctx)?;
    call.args.insert(0, arg);
    let (p, s) = digits;
    let returns = match (with_scale, scale) {
        (false, _) if s == 0 => decimal_bounded(p as i32, 0),
        (false, _) => decimal_bounded((p - s + 1) as i32, 0),
        (true, n) if n < 0 => decimal_bounded((p - s + 1).max(1 - n) as i32, 0),
        (true, n) => decimal_bounded((p - s + 1 + n.min(s)) as i32, n.min(s) as i32),
    };
    let run: Run = if up { |b| round_decimals(b, Mode::Up) } else { |b| round_decimals(b, Mode::Down) };
    Ok(numbered(if up { "ceil" } else { "floor" }, returns, run, scale, call))
}

/// Applies `ceil` or `floor` to doubles and returns BIGINT.
fn whole(b: &Batch, f: fn(f64) -> f64) -> Result<ArrayRef> {
    let x = b.prims::<Float64Type>(0)?;
    // As Java's cast to `long`: NaN becomes 0, and what is too large saturates.
    b.build::<Int64Type>(|i| Ok(x.get(i).map(|x| f(x) as i64)))
}

/// Rounds decimals to the scale; an error if the result does not fit.
fn round_decimals(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let DataType::Decimal128(_, from) = b.type_of(0)? else {
        let text = "the argument of a rounding of decimals is not a decimal, which binding does not allow";
        return Err(thalweg_common::Error::internal(text));
    };
    let (p, to) = b.returned_digits()?;
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Decimal128Type>(0)?;
    b.build::<Decimal128Type>(|i| {
        let Some(v) = x.get(i) else { return Ok(None) };
        let drop = i64::from(from) - scale;
        let made = match drop {
            d if d <= 0 => Some(v),
            // Every digit is dropped, and no value of 38 digits is half of that unit.
            d if d > 38 => Some(0),
            d => {
                let rounded = mode.quotient(v, pow10(d as i8));
                if scale < 0 {
                    rounded.checked_mul(pow10(scale.unsigned_abs().min(38) as i8))
                } else {
                    Some(rounded)
                }
            }
        };
        // Beyond the value's own scale nothing is rounded.
        debug_assert!(drop > 0 || to == from);
        let made = made.filter(|v| !exceeds(*v, p));
        made.map(Some).ok_or_else(|| overflow("Overflow in rounding", None))
    })
}

/// Rounds integers to a negative scale: `round(155, -1)` is 160.
fn round_integers(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Int64Type>(0)?;
    b.build::<Int64Type>(|i| {
        let Some(v) = x.get(i) else { return Ok(None) };
        if scale >= 0 {
            return Ok(Some(v));
        }
        // 64 bits have 19 digits, so nothing is left, whatever the direction.
        if scale < -19 {
            return Ok(Some(0));
        }
        let unit = pow10(scale.unsigned_abs() as i8);
        let made = i64::try_from(mode.quotient(i128::from(v), unit) * unit);
        made.map(Some).map_err(|_| overflow("long overflow", None))
    })
}

/// Rounds a double as its shortest decimal text, as Spark does with `BigDecimal`.
fn round_double(x: f64, scale: i64, mode: Mode) -> f64 {
    // A double has 17 significant digits. Beyond 30 decimal places the value is returned unchanged.
    if !x.is_finite() || scale > 30 {
        return x;
    }
    let mut text = String::new();
    write_float(&mut text, x, Width::Double);
    // The text is read with up to 15 more digits than needed, which decide between half and more than half. Fewer are
    // used if the number does not fit into 38 digits otherwise.
    let read = (0..=15).rev().find_map(|extra| {
        let s = i8::try_from(scale.max(0) + extra).ok()?;
        thalweg_values::number::decimal(&text, 38, s).map(|v| (v, i64::from(s)))
    });
    let Some((value, s)) = read else { return x };
    let drop = (s - scale).clamp(0, 38);
    let made = mode.quotient(value, pow10(drop as i8));
    let mut digits = String::new();
    // `BigDecimal` has no negative zero.
    if made == 0 && x.is_sign_negative() {
        return 0.0;
    }
    thalweg_values::display::write_decimal(&mut digits, made, scale.max(0) as i8);
    if scale < 0 {
        digits.push_str(&"0".repeat(scale.unsigned_abs() as usize));
    }
    digits.parse().unwrap_or(x)
}

fn round_doubles(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Float64Type>(0)?;
    b.build::<Float64Type>(|i| Ok(x.get(i).map(|x| round_double(x, scale, mode))))
}

fn round_floats(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    use ::arrow::datatypes::Float32Type;
    let Scale(scale) = *b.params()?;
    let array = b.array(0)?;
    let x = array.as_primitive::<Float32Type>();
    // Spark rounds the text of the widened number: 2.675f is 2.674999952316284, which is rounded down.
    let made = x.unary::<_, Float32Type>(|x| round_double(f64::from(x), scale, mode) as f32);
    Ok(std::sync::Arc::new(made))
}

/// Binds `greatest` and `least`, which skip nulls.
fn bind_greatest_or_least(call: Call, wanted: Ordering) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let nullable = call.args.iter().all(|a| a.nullable);
    let (args, common) = coerce_all(name, call.args, ctx)?;
    if is_nested(&common) {
        return Err(unexpected_type(name, 0, "ORDERED", &common));
    }
    let run: Run = match wanted {
        Ordering::Greater => |b| greatest_or_least(b, Ordering::Greater),
        _ => |b| greatest_or_least(b, Ordering::Less),
    };
    let kernel = Kernel::new(if wanted.is_gt() { "greatest" } else { "least" }, common, run);
    Ok(kernel.nulls(if nullable { Nulls::Always } else { Nulls::Never }).call(args))
}

fn greatest_or_least(b: &Batch, wanted: Ordering) -> Result<ArrayRef> {
    if b.returns == &DataType::Null {
        return Ok(::arrow::array::new_null_array(b.returns, b.rows));
    }
    // The best so far is one column per step: each step merges it with the next one.
    let mut best = b.array(0)?;
    for next in 1..b.len() {
        let next = b.array(next)?;
        let order = arrow(make_comparator(&normal(&best)?, &normal(&next)?, SortOptions::default()))?;
        let takes_next = |row: usize| match (best.is_null(row), next.is_null(row)) {
            (true, _) => true,
            (_, true) => false,
            _ => order(row, row) == wanted.reverse(),
        };
        let picks: Vec<(usize, usize)> = (0..b.rows).map(|row| (usize::from(takes_next(row)), row)).collect();
        best = arrow(interleave(&[best.as_ref(), next.as_ref()], &picks))?;
    }
    Ok(best)
}

/// Computes `conv(number, from, to)`; null for a base that is not from 2 to 36.
fn conv(b: &Batch) -> Result<ArrayRef> {
    let (text, from, to) = (b.strings(0)?, b.prims::<Int32Type>(1)?, b.prims::<Int32Type>(2)?);
    let is_base = |base: u32| (2..=36).contains(&base);
    b.build_text(|i| {
        let (Some(text), Some(from), Some(to)) = (text.get(i), from.get(i), to.get(i)) else {
            return Ok(None);
        };
        match u32::try_from(from) {
            Ok(from) if is_base(from) && is_base(to.unsigned_abs()) => {
                converted(text.trim_matches(' '), from, to)
            }
            _ => Ok(None),
        }
    })
}

/// Converts a number to another base; null for an empty text. A negative `to` writes a signed number; the first
/// character that is not a digit of `from` ends the number.
fn converted(text: &str, from: u32, to: i32) -> Result<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let mut value = 0u64;
    for digit in digits.chars().map_while(|c| c.to_digit(from)) {
        let next = value.checked_mul(u64::from(from)).and_then(|v| v.checked_add(u64::from(digit)));
        value = next.ok_or_else(|| overflow("Overflow in function conv()", None))?;
    }
    // Spark computes with unsigned 64-bit numbers: -1 is the greatest one.
    let bits = if is_negative { value.wrapping_neg() } else { value };
    let is_signed = to < 0 && (bits as i64) < 0;
    let magnitude = if is_signed { (bits as i64).unsigned_abs() } else { bits };
    let sign = if is_signed { "-" } else { "" };
    Ok(Some(format!("{sign}{}", in_base(magnitude, to.unsigned_abs()))))
}

/// Writes a number in a base from 2 to 36.
fn in_base(mut value: u64, base: u32) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = (value % u64::from(base)) as u32;
        digits.push(char::from_digit(digit, base).unwrap_or('0').to_ascii_uppercase());
        value /= u64::from(base);
        if value == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
}

/// Computes `width_bucket`: 0 before the range and `count + 1` after it; null for arguments without a meaning.
fn width_bucket(b: &Batch) -> Result<ArrayRef> {
    let (x, low) = (b.prims::<Float64Type>(0)?, b.prims::<Float64Type>(1)?);
    let (high, count) = (b.prims::<Float64Type>(2)?, b.prims::<Int64Type>(3)?);
    b.build::<Int64Type>(|i| {
        let (Some(x), Some(low), Some(high), Some(n)) = (x.get(i), low.get(i), high.get(i), count.get(i))
        else {
            return Ok(None);
        };
        let bad =
            n <= 0 || n == i64::MAX || x.is_nan() || low == high || !low.is_finite() || !high.is_finite();
        if bad {
            return Ok(None);
        }
        // The bounds may be given in falling order.
        let (before, after) = if low < high { (x < low, x >= high) } else { (x > low, x <= high) };
        Ok(Some(match (before, after) {
            (true, _) => 0,
            (_, true) => n + 1,
            _ => ((n as f64) * (x - low) / (high - low)) as i64 + 1,
        }))
    })
}
