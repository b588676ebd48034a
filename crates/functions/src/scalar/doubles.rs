//! Computes functions of one double: roots, logarithms, trigonometry, angles and signs.
//!
//! Spark calls Java's `StrictMath`, which is fdlibm. Where Rust's functions may differ from it, fdlibm's formulas are
//! used.

use crate::kernel::{Batch, Run};
use crate::registry::{Entry, Ty};
use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;
use thalweg_common::Result;

/// Makes the entry of a function of one double. Spark shows it in capitals under the names of `capitals`.
const fn double(names: &'static [&'static str], capitals: &'static [&'static str], run: Run) -> Entry {
    Entry::plain(names, &[Ty::Double], Ty::Double, run).nullable().capitals(capitals)
}

/// The functions. Spark returns null for a logarithm that does not exist, and NaN for the other functions.
pub(super) const ENTRIES: &[Entry] = &[
    double(&["sqrt"], &["sqrt"], |b| each(b, |x| Some(x.sqrt()))).doc(
        "number",
        "Returns the square root.",
        &["SELECT sqrt(9)"],
    ),
    double(&["cbrt"], &["cbrt"], |b| each(b, |x| Some(x.cbrt()))).doc(
        "number",
        "Returns the cube root.",
        &["SELECT cbrt(27)"],
    ),
    double(&["exp"], &["exp"], |b| each(b, |x| Some(x.exp()))).doc(
        "number",
        "Returns Euler's number raised to a power.",
        &["SELECT exp(0)"],
    ),
    double(&["expm1"], &["expm1"], |b| each(b, |x| Some(x.exp_m1()))).doc(
        "number",
        "Returns one less than `exp`, exact near 0.",
        &["SELECT expm1(0)"],
    ),
    double(&["ln"], &[], ln).doc(
        "number",
        "Returns the natural logarithm; null for zero and negative numbers.",
        &["SELECT ln(1), ln(0)"],
    ),
    double(&["log2"], &["log2"], |b| {
        // Java has no base 2: Spark divides two natural logarithms.
        each(b, |x| (x > 0.0 || x.is_nan()).then(|| x.ln() / std::f64::consts::LN_2))
    })
    .doc("number", "Returns the logarithm to base 2.", &["SELECT log2(8)"]),
    double(&["log10"], &["log10"], |b| each(b, |x| (x > 0.0 || x.is_nan()).then(|| x.log10()))).doc(
        "number",
        "Returns the logarithm to base 10.",
        &["SELECT log10(1000)"],
    ),
    double(&["log1p"], &["log1p"], |b| each(b, |x| (x > -1.0 || x.is_nan()).then(|| x.ln_1p()))).doc(
        "number",
        "Returns the natural logarithm of one more than a number, exact near 0.",
        &["SELECT log1p(0)"],
    ),
    double(&["sin"], &["sin"], |b| each(b, |x| Some(x.sin()))).doc(
        "angle",
        "Returns the sine of an angle in radians.",
        &["SELECT sin(0)"],
    ),
    double(&["cos"], &["cos"], |b| each(b, |x| Some(x.cos()))).doc(
        "angle",
        "Returns the cosine of an angle in radians.",
        &["SELECT cos(0)"],
    ),
    double(&["tan"], &["tan"], |b| each(b, |x| Some(x.tan()))).doc(
        "angle",
        "Returns the tangent of an angle in radians.",
        &["SELECT tan(0)"],
    ),
    // The reciprocals are those of Spark's definitions, also at the poles.
    double(&["cot"], &["cot"], |b| each(b, |x| Some(1.0 / x.tan()))).doc(
        "angle",
        "Returns the cotangent of an angle in radians.",
        &["SELECT round(cot(1), 10)"],
    ),
    double(&["sec"], &["sec"], |b| each(b, |x| Some(1.0 / x.cos()))).doc(
        "angle",
        "Returns the secant of an angle in radians.",
        &["SELECT sec(0)"],
    ),
    double(&["csc"], &["csc"], |b| each(b, |x| Some(1.0 / x.sin()))).doc(
        "angle",
        "Returns the cosecant of an angle in radians.",
        &["SELECT round(csc(1), 10)"],
    ),
    double(&["asin"], &["asin"], |b| each(b, |x| Some(x.asin()))).doc(
        "number",
        "Returns the angle of a sine, in radians.",
        &["SELECT asin(0), asin(2)"],
    ),
    double(&["acos"], &["acos"], |b| each(b, |x| Some(x.acos()))).doc(
        "number",
        "Returns the angle of a cosine, in radians.",
        &["SELECT acos(1)"],
    ),
    double(&["atan"], &["atan"], |b| each(b, |x| Some(x.atan()))).doc(
        "number",
        "Returns the angle of a tangent, in radians.",
        &["SELECT atan(0)"],
    ),
    double(&["sinh"], &["sinh"], |b| each(b, |x| Some(x.sinh()))).doc(
        "number",
        "Returns the hyperbolic sine.",
        &["SELECT sinh(0)"],
    ),
    double(&["cosh"], &["cosh"], |b| each(b, |x| Some(x.cosh()))).doc(
        "number",
        "Returns the hyperbolic cosine.",
        &["SELECT cosh(0)"],
    ),
    double(&["tanh"], &["tanh"], |b| each(b, |x| Some(x.tanh()))).doc(
        "number",
        "Returns the hyperbolic tangent.",
        &["SELECT tanh(0)"],
    ),
    double(&["asinh"], &["asinh"], |b| each(b, |x| Some(asinh(x)))).doc(
        "number",
        "Returns the inverse of the hyperbolic sine.",
        &["SELECT asinh(0)"],
    ),
    double(&["acosh"], &["acosh"], |b| each(b, |x| Some(acosh(x)))).doc(
        "number",
        "Returns the inverse of the hyperbolic cosine.",
        &["SELECT acosh(1)"],
    ),
    double(&["atanh"], &["atanh"], |b| each(b, |x| Some(0.5 * (x.ln_1p() - (-x).ln_1p())))).doc(
        "number",
        "Returns the inverse of the hyperbolic tangent.",
        &["SELECT atanh(0)"],
    ),
    double(&["degrees"], &["degrees"], |b| each(b, |x| Some(x.to_degrees()))).doc(
        "angle",
        "Converts radians to degrees.",
        &["SELECT degrees(pi())"],
    ),
    double(&["radians"], &["radians"], |b| each(b, |x| Some(x.to_radians()))).doc(
        "angle",
        "Converts degrees to radians.",
        &["SELECT round(radians(180), 10)"],
    ),
    double(&["rint"], &[], |b| each(b, |x| Some(x.round_ties_even()))).doc(
        "number",
        "Rounds to the nearest whole number, halves to the even one.",
        &["SELECT rint(2.5)"],
    ),
    double(&["sign", "signum"], &["signum"], |b| {
        // Rust's `signum` of zero is 1 or -1, Java's is the zero itself.
        each(b, |x| Some(if x == 0.0 || x.is_nan() { x } else { x.signum() }))
    })
    .doc(
        "number",
        "Returns -1, 0 or 1 by the sign of a number or interval.",
        &["SELECT sign(-3), signum(0)"],
    ),
];

/// Computes natural logarithms; null where there is none.
pub(super) fn ln(b: &Batch) -> Result<ArrayRef> {
    each(b, |x| (x > 0.0 || x.is_nan()).then(|| x.ln()))
}

/// Applies a function to each value.
fn each(b: &Batch, f: fn(f64) -> Option<f64>) -> Result<ArrayRef> {
    let x = b.prims::<Float64Type>(0)?;
    b.build::<Float64Type>(|i| Ok(x.get(i).and_then(f)))
}

/// 2^28, from which on `x * x + 1.0` equals `x * x`, which may overflow: there the result is the logarithm of `2 *
/// x`.
const SQUARE_IS_ALL: f64 = 268_435_456.0;

/// Computes `ln(x + sqrt(x² + 1))` as fdlibm does: for small numbers by `ln_1p`, so that no digits are lost.
fn asinh(x: f64) -> f64 {
    let size = x.abs();
    let value = match () {
        () if size.is_nan() || size >= SQUARE_IS_ALL => size.ln() + std::f64::consts::LN_2,
        () if size > 2.0 => (2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size)).ln(),
        () if size < 1.0 / SQUARE_IS_ALL => size,
        () => (size + size * size / (1.0 + (1.0 + size * size).sqrt())).ln_1p(),
    };
    value.copysign(x)
}

/// Computes `ln(x + sqrt(x² - 1))` as fdlibm does.
fn acosh(x: f64) -> f64 {
    match () {
        () if x.is_nan() || x < 1.0 => f64::NAN,
        () if x >= SQUARE_IS_ALL => x.ln() + std::f64::consts::LN_2,
        () if x > 2.0 => (2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt())).ln(),
        () => (x - 1.0 + (2.0 * (x - 1.0) + (x - 1.0) * (x - 1.0)).sqrt()).ln_1p(),
    }
}
