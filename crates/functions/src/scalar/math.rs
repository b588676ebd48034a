//! Mathematics: rounding, roots, logarithms, trigonometry, number bases.
//!
//! Decimals round half up (`round`) or half to even (`bround`) exactly; doubles round their shortest decimal,
//! as Java's BigDecimal does. Logarithms of what has none are null.

use super::doubles::each;
use crate::binding::Bound;
use crate::cast::{exceeds, pow10};
use crate::coerce::coerce_all;
use crate::errors::{not_constant, overflow, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, Run, arrow};
use crate::operators::key::normal;
use crate::registry::{Call, Defaults, Display, DisplayForm, Entry, MANY, Ty};
use crate::types::{decimal_bounded, is_decimal, is_float, is_integral, is_nested, is_string};
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
    Entry::bind(&["ceil", "ceiling"], 1, 2, |c| edge(c, Mode::Up))
        .display(Display::capitals_of_one(&["ceil"]))
        .doc(
            "number[, digits]",
            "Rounds up, to whole numbers or to so many digits after the point.",
            &["SELECT ceil(1.2), ceil(1.234, 2)"],
        ),
    Entry::bind(&["floor"], 1, 2, |c| edge(c, Mode::Down)).display(Display::capitals_of_one(&["floor"])).doc(
        "number[, digits]",
        "Rounds down, to whole numbers or to so many digits after the point.",
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
    Entry::bind(&["greatest"], 2, MANY, |c| choose(c, Ordering::Greater)).doc(
        "value, value, ...",
        "Returns the greatest value that is not null.",
        &["SELECT greatest(3, 9, NULL)"],
    ),
    Entry::bind(&["least"], 2, MANY, |c| choose(c, Ordering::Less)).doc(
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
            "Returns which of so many equal intervals between two bounds a value lies in.",
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

/// `log(x)`, or `log(base, x)`.
fn log(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Float64)?;
    call.coerce(1, &DataType::Float64)?;
    let (name, run): (_, Run) = match call.args.len() {
        1 => ("ln", |b| each(b, |x| (x > 0.0 || x.is_nan()).then(|| x.ln()))),
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

fn factorial(b: &Batch) -> Result<ArrayRef> {
    let n = b.prims::<Int32Type>(0)?;
    b.build::<Int64Type>(|i| {
        Ok(n.get(i).filter(|n| (0..=20).contains(n)).map(|n| (1..=i64::from(n)).product()))
    })
}

/// How a number is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Up,
    Down,
    HalfUp,
    HalfEven,
}

impl Mode {
    /// `value / unit` in whole units.
    fn quotient(self, value: i128, unit: i128) -> i128 {
        let (q, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
        let up = match self {
            Mode::Down => false,
            Mode::Up => rest > 0,
            // div_euclid went down: half goes up for positive, stays for negative values.
            Mode::HalfUp => rest > unit - rest || (rest == unit - rest && value > 0),
            Mode::HalfEven => rest > unit - rest || (rest == unit - rest && q % 2 != 0),
        };
        q + i128::from(up)
    }
}

/// The scale, which must be a constant.
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

/// How many digits after the point are kept.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scale(i64);

fn numbered(name: &'static str, returns: DataType, run: Run, scale: i64, call: Call) -> Bound {
    let args = call.args.into_iter().take(1).collect();
    Kernel::new(name, returns, run).fallible(true).params(Scale(scale)).nulls(Nulls::Always).call(args)
}

/// `round(x [, scale])`: integers and doubles keep their type, decimals shrink to the scale.
fn round(mut call: Call, mode: Mode) -> Result<Bound> {
    let scale = scale_of(&call)?;
    if is_string(&call.type_of(0)) || call.type_of(0) == DataType::Null {
        call.coerce(0, &DataType::Float64)?;
    }
    let t = call.type_of(0);
    let half_up = mode == Mode::HalfUp;
    if let DataType::Decimal128(p, s) = t {
        let (p, s) = (i64::from(p), i64::from(s));
        let integral = p - s + 1;
        let returns = match scale {
            n if n < 0 => decimal_bounded(integral.max(1 - n) as i32, 0),
            n => {
                let kept = n.min(s);
                decimal_bounded((integral + kept) as i32, kept as i32)
            }
        };
        let run: Run = if half_up { |b| decimals(b, Mode::HalfUp) } else { |b| decimals(b, Mode::HalfEven) };
        return Ok(numbered(if half_up { "round" } else { "bround" }, returns, run, scale, call));
    }
    if is_integral(&t) {
        let wide = crate::coerce::to_type(call.args.remove(0), &DataType::Int64, call.ctx)?;
        call.args.insert(0, wide);
        let run: Run = if half_up { |b| integers(b, Mode::HalfUp) } else { |b| integers(b, Mode::HalfEven) };
        let ctx = call.ctx;
        let made = numbered(
            if half_up { "round_integer" } else { "bround_integer" },
            DataType::Int64,
            run,
            scale,
            call,
        );
        let (nullable, arg) = (made.nullable, crate::coerce::as_arg(made));
        let narrow = crate::cast::cast(arg, &t, crate::CastMode::Ansi, ctx)?;
        return Ok(Bound { fallible: true, nullable, ..narrow });
    }
    if !is_float(&t) {
        return Err(unexpected_type(call.name, 0, "NUMERIC", &t));
    }
    let run: Run = if half_up { |b| floats(b, Mode::HalfUp) } else { |b| floats(b, Mode::HalfEven) };
    let single = t == DataType::Float32;
    let run: Run = match (single, half_up) {
        (false, _) => run,
        (true, true) => |b| singles(b, Mode::HalfUp),
        (true, false) => |b| singles(b, Mode::HalfEven),
    };
    Ok(numbered(if half_up { "round" } else { "bround" }, t, run, scale, call))
}

/// `ceil(x)`, `floor(x)`: BIGINT, or a decimal of scale 0; with a scale a decimal of that scale.
fn edge(mut call: Call, mode: Mode) -> Result<Bound> {
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
    let run: Run = if up { |b| decimals(b, Mode::Up) } else { |b| decimals(b, Mode::Down) };
    Ok(numbered(if up { "ceil" } else { "floor" }, returns, run, scale, call))
}

fn whole(b: &Batch, f: fn(f64) -> f64) -> Result<ArrayRef> {
    let x = b.prims::<Float64Type>(0)?;
    // As Java's cast to long: NaN is 0, what is too large saturates.
    b.build::<Int64Type>(|i| Ok(x.get(i).map(|x| f(x) as i64)))
}

fn decimals(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let DataType::Decimal128(_, from) = b.type_of(0)? else {
        return Err(thalweg_common::Error::internal("a decimal was promised"));
    };
    let DataType::Decimal128(p, to) = b.returns.clone() else {
        return Err(thalweg_common::Error::internal("a decimal was promised"));
    };
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Decimal128Type>(0)?;
    b.build::<Decimal128Type>(|i| {
        let Some(v) = x.get(i) else { return Ok(None) };
        let drop = i64::from(from) - scale;
        let made = match drop {
            d if d <= 0 => Some(v),
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

fn integers(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Int64Type>(0)?;
    b.build::<Int64Type>(|i| {
        let Some(v) = x.get(i) else { return Ok(None) };
        if scale >= 0 {
            return Ok(Some(v));
        }
        if scale < -19 {
            return Ok(Some(0));
        }
        let unit = pow10(scale.unsigned_abs() as i8);
        let made = i64::try_from(mode.quotient(i128::from(v), unit) * unit);
        made.map(Some).map_err(|_| overflow("long overflow", None))
    })
}

/// A double rounded as its shortest decimal.
fn rounded(x: f64, scale: i64, mode: Mode, width: Width) -> f64 {
    if !x.is_finite() || scale > 30 {
        return x;
    }
    let mut text = String::new();
    write_float(&mut text, x, width);
    // 15 more digits than asked for decide between half and more than half.
    let read = (0..=15).rev().find_map(|extra| {
        let s = i8::try_from(scale.max(0) + extra).ok()?;
        thalweg_values::number::decimal(&text, 38, s).map(|v| (v, i64::from(s)))
    });
    let Some((value, s)) = read else { return x };
    let drop = (s - scale).clamp(0, 38);
    let made = mode.quotient(value, pow10(drop as i8));
    let mut digits = String::new();
    if made == 0 && x.is_sign_negative() {
        return 0.0;
    }
    thalweg_values::display::write_decimal(&mut digits, made, scale.max(0) as i8);
    if scale < 0 {
        digits.push_str(&"0".repeat(scale.unsigned_abs() as usize));
    }
    digits.parse().unwrap_or(x)
}

fn floats(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    let Scale(scale) = *b.params()?;
    let x = b.prims::<Float64Type>(0)?;
    b.build::<Float64Type>(|i| Ok(x.get(i).map(|x| rounded(x, scale, mode, Width::Double))))
}

fn singles(b: &Batch, mode: Mode) -> Result<ArrayRef> {
    use ::arrow::datatypes::Float32Type;
    let Scale(scale) = *b.params()?;
    let array = b.array(0)?;
    let x = array.as_primitive::<Float32Type>();
    let made = x.unary::<_, Float32Type>(|x| rounded(f64::from(x), scale, mode, Width::Single) as f32);
    Ok(std::sync::Arc::new(made))
}

/// The greatest or least argument that is not null.
fn choose(call: Call, wanted: Ordering) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let nullable = call.args.iter().all(|a| a.nullable);
    let (args, common) = coerce_all(name, call.args, ctx)?;
    if is_nested(&common) {
        return Err(unexpected_type(name, 0, "ORDERED", &common));
    }
    let run: Run = match wanted {
        Ordering::Greater => |b| chosen(b, Ordering::Greater),
        _ => |b| chosen(b, Ordering::Less),
    };
    let kernel = Kernel::new(if wanted.is_gt() { "greatest" } else { "least" }, common, run);
    Ok(kernel.nulls(if nullable { Nulls::Always } else { Nulls::Never }).call(args))
}

fn chosen(b: &Batch, wanted: Ordering) -> Result<ArrayRef> {
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

/// `conv(number, from, to)`: a negative `to` writes signed numbers; what is no digit ends the number.
fn conv(b: &Batch) -> Result<ArrayRef> {
    let (text, from, to) = (b.strings(0)?, b.prims::<Int32Type>(1)?, b.prims::<Int32Type>(2)?);
    b.build_text(|i| {
        let (Some(s), Some(from), Some(to)) = (text.get(i), from.get(i), to.get(i)) else { return Ok(None) };
        if !(2..=36).contains(&from) || !(2..=36).contains(&to.unsigned_abs()) {
            return Ok(None);
        }
        let s = s.trim_matches(' ');
        let (negative, digits) = s.strip_prefix('-').map_or((false, s), |d| (true, d));
        let mut value = 0u64;
        for digit in digits.chars().map_while(|c| c.to_digit(from as u32)) {
            let next = value.checked_mul(from as u64).and_then(|v| v.checked_add(u64::from(digit)));
            value = next.ok_or_else(|| overflow("Overflow in function conv()", None))?;
        }
        if s.is_empty() {
            return Ok(None);
        }
        let value = if negative { (value as i64).wrapping_neg() as u64 } else { value };
        let signed = to < 0 && (value as i64) < 0;
        let magnitude = if signed { (value as i64).unsigned_abs() } else { value };
        Ok(Some(format!("{}{}", if signed { "-" } else { "" }, in_base(magnitude, to.unsigned_abs()))))
    })
}

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
        let (before, after) = if low < high { (x < low, x >= high) } else { (x > low, x <= high) };
        Ok(Some(match (before, after) {
            (true, _) => 0,
            (_, true) => n + 1,
            _ => ((n as f64) * (x - low) / (high - low)) as i64 + 1,
        }))
    })
}
