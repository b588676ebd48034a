//! Binds `+ - * / % div` and their `try_` forms: finds the types of operands and result, and chooses the kernel.
//!
//! Floating-point numbers are added, subtracted and multiplied by DataFusion's operators; everything else runs in
//! checked kernels. Operands that are dates, times or intervals are bound by `temporal`.

use super::{decimals, integers, temporal};
use crate::binding::{Arg, Bound};
use crate::coerce::{common_type, to_type};
use crate::errors::{different_types, wrong_operand};
use crate::kernel::{Kernel, Nulls, Run};
use crate::registry::{Call, Display, DisplayForm, Entry, Intervals};
use crate::types::{
    decimal_adjusted, decimal_bounded, is_datetime, is_decimal, is_float, is_integral, is_interval,
    is_numeric, is_string,
};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use thalweg_common::Result;
use thalweg_values::types::exact_digits;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["+"], 1, 2, add).shown(DisplayForm::Sign("+")).intervals(Intervals::Sum).doc(
        "left, right",
        "Adds numbers, moves a date by days, or moves a date or a time by an interval.",
        &["SELECT 1 + 2"],
    ),
    Entry::bind(&["-"], 1, 2, subtract).shown(DisplayForm::Sign("-")).intervals(Intervals::Difference).doc(
        "left, right",
        "Subtracts numbers, dates, times or intervals.",
        &["SELECT 7 - 2, DATE '2024-03-01' - DATE '2024-02-28'"],
    ),
    Entry::bind(&["*"], 2, 2, |c| ansi(c, Arithmetic::Multiply))
        .shown(DisplayForm::Infix("*"))
        .intervals(Intervals::AllFields)
        .doc("left, right", "Multiplies numbers, or an interval by a number.", &["SELECT 6 * 7"]),
    Entry::bind(&["/"], 2, 2, |c| ansi(c, Arithmetic::Divide))
        .shown(DisplayForm::Infix("/"))
        .intervals(Intervals::AllFields)
        .doc(
            "left, right",
            "Divides as decimals or floating-point numbers; division by zero raises an error.",
            &["SELECT 7 / 2"],
        ),
    Entry::bind(&["%", "mod"], 2, 2, |c| ansi(c, Arithmetic::Remainder))
        .display(Display::form_of(DisplayForm::Infix("%"), &["%"]))
        .doc(
            "left, right",
            "Returns the remainder of a division, with the sign of the dividend.",
            &["SELECT -7 % 3, mod(7, 3)"],
        ),
    Entry::bind(&["pmod"], 2, 2, |c| ansi(c, Arithmetic::Pmod)).doc(
        "left, right",
        "Returns the remainder of a division, which is not negative for a positive divisor.",
        &["SELECT pmod(-7, 3)"],
    ),
    Entry::bind(&["div"], 2, 2, |c| ansi(c, Arithmetic::IntegralDivide))
        .shown(DisplayForm::Infix("div"))
        .doc("left, right", "Returns the whole part of a quotient.", &["SELECT 7 div 2"]),
    Entry::bind(&["try_add"], 2, 2, |c| tries(c, Arithmetic::Add)).doc(
        "left, right",
        "Adds, and returns null instead of an overflow.",
        &["SELECT try_add(2147483647, 1)"],
    ),
    Entry::bind(&["try_subtract"], 2, 2, |c| tries(c, Arithmetic::Subtract)).doc(
        "left, right",
        "Subtracts, and returns null instead of an overflow.",
        &["SELECT try_subtract(5, 3)"],
    ),
    Entry::bind(&["try_multiply"], 2, 2, |c| tries(c, Arithmetic::Multiply)).doc(
        "left, right",
        "Multiplies, and returns null instead of an overflow.",
        &["SELECT try_multiply(1000000000, 10)"],
    ),
    Entry::bind(&["try_divide"], 2, 2, |c| tries(c, Arithmetic::Divide)).doc(
        "left, right",
        "Divides, and returns null for division by zero.",
        &["SELECT try_divide(3, 2), try_divide(1, 0)"],
    ),
    Entry::bind(&["try_mod"], 2, 2, |c| tries(c, Arithmetic::Remainder)).doc(
        "left, right",
        "Returns the remainder, or null for division by zero.",
        &["SELECT try_mod(7, 0)"],
    ),
    Entry::bind(&["negative"], 1, 1, negative).shown(DisplayForm::Prefix("-")).doc(
        "number",
        "Returns the number or interval with the other sign.",
        &["SELECT negative(3) AS opposite"],
    ),
    Entry::bind(&["positive"], 1, 1, positive).shown(DisplayForm::Prefix("+")).doc(
        "number",
        "Returns the number or interval unchanged.",
        &["SELECT positive(3)"],
    ),
    Entry::bind(&["abs"], 1, 1, absolute).doc(
        "number",
        "Returns the magnitude of a number or interval.",
        &["SELECT abs(-2.5)"],
    ),
];

/// What a binary arithmetic operator computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Pmod,
    IntegralDivide,
}

impl Arithmetic {
    /// The operator as a user writes it.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Pmod => "pmod",
            Self::IntegralDivide => "div",
        }
    }

    /// Whether the operator divides. Spark declares every division nullable, although ANSI mode raises for a divisor
    /// of zero.
    fn divides(self) -> bool {
        match self {
            Self::Add | Self::Subtract | Self::Multiply => false,
            Self::Divide | Self::Remainder | Self::Pmod | Self::IntegralDivide => true,
        }
    }
}

/// A binary arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Op {
    base: Arithmetic,
    /// Whether a result that does not fit is null.
    tries: bool,
}

impl Op {
    fn nulls(self) -> Nulls {
        if self.tries || self.base.divides() { Nulls::Always } else { Nulls::Args }
    }
}

/// An operator that raises an error for a result that does not fit.
fn ansi(call: Call, base: Arithmetic) -> Result<Bound> {
    number_or_time(call, Op { base, tries: false })
}

/// An operator that returns null for a result that does not fit.
fn tries(call: Call, base: Arithmetic) -> Result<Bound> {
    number_or_time(call, Op { base, tries: true })
}

fn add(call: Call) -> Result<Bound> {
    if call.args.len() == 1 { positive(call) } else { ansi(call, Arithmetic::Add) }
}

fn subtract(call: Call) -> Result<Bound> {
    if call.args.len() == 1 { negative(call) } else { ansi(call, Arithmetic::Subtract) }
}

/// Binds a binary operator: coerces numbers, and passes dates, times and intervals to `temporal`.
fn number_or_time(call: Call, op: Op) -> Result<Bound> {
    let ctx = call.ctx;
    let temporal = |t: &DataType| is_datetime(t) || is_interval(t);
    let [left, right] = call.take()?;
    if temporal(&left.data_type) || temporal(&right.data_type) {
        return temporal::bind(op.base.symbol(), op.tries, left, right, ctx);
    }
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    let number = |t: &DataType| is_numeric(t) || is_string(t) || t == &DataType::Null;
    if !number(&l) || !number(&r) {
        return Err(different_or_wrong(op, &l, &r));
    }
    // A text beside a number is cast to the number's type. For two texts Spark has no type to choose.
    if is_string(&l) && is_string(&r) {
        return Err(wrong_operand(op.base.symbol(), "\"NUMERIC\"", &l));
    }
    if op.base == Arithmetic::IntegralDivide && (is_float(&l) || is_float(&r)) {
        // Spark gives integers beside a floating-point number no common type for `div`, and casts all others to it.
        return Err(match is_integral(&l) || is_integral(&r) {
            true => different_types(op.base.symbol(), &l, &r),
            false => {
                wrong_operand(op.base.symbol(), INTEGRAL_DIVIDE_TYPES, if is_float(&l) { &l } else { &r })
            }
        });
    }
    let wanted = operand_types(op, &left, &right).ok_or_else(|| different_types(op.base.symbol(), &l, &r))?;
    let left = to_type(left, &wanted.0, ctx)?;
    let right = to_type(right, &wanted.1, ctx)?;
    Ok(compute(op, left, right))
}

/// The types that `div` takes, as Spark's error names them.
const INTEGRAL_DIVIDE_TYPES: &str =
    "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";

fn different_or_wrong(op: Op, l: &DataType, r: &DataType) -> thalweg_common::Error {
    if l == r {
        wrong_operand(op.base.symbol(), "\"NUMERIC\"", l)
    } else {
        different_types(op.base.symbol(), l, r)
    }
}

/// Returns the types that the operands are cast to, or `None` if they have no common one.
fn operand_types(op: Op, left: &Arg, right: &Arg) -> Option<(DataType, DataType)> {
    let (l, r) = (&left.data_type, &right.data_type);
    let decimals = (is_decimal(l) || is_decimal(r)) && exact_digits(l).is_some() && exact_digits(r).is_some();
    // Decimals keep precisions of their own: the result's type is computed from both.
    if decimals {
        return Some((as_decimal(left)?, as_decimal(right)?));
    }
    // A bare NULL is a DOUBLE in arithmetic, and a BIGINT for `div`.
    let both = match (common_type(&[l.clone(), r.clone()])?, op.base) {
        (DataType::Null, Arithmetic::IntegralDivide) => DataType::Int64,
        (DataType::Null, _) => DataType::Float64,
        (t, Arithmetic::IntegralDivide) if is_integral(&t) => DataType::Int64,
        // `/` of integers is a division of doubles in Spark; `div` is the integral one.
        (t, Arithmetic::Divide) if !is_decimal(&t) => DataType::Float64,
        (t, _) => t,
    };
    Some((both.clone(), both))
}

/// Returns the decimal type of an operand. An integer literal has only the digits that it needs, as in Spark, so that
/// `price * 2` does not get the ten digits of an INT.
pub(super) fn as_decimal(arg: &Arg) -> Option<DataType> {
    let needed = match arg.literal() {
        Some(ScalarValue::Int8(Some(v))) => Some(i64::from(*v)),
        Some(ScalarValue::Int16(Some(v))) => Some(i64::from(*v)),
        Some(ScalarValue::Int32(Some(v))) => Some(i64::from(*v)),
        Some(ScalarValue::Int64(Some(v))) => Some(*v),
        _ => None,
    };
    if let Some(v) = needed {
        let digits = v.unsigned_abs().to_string().len();
        return Some(decimal_bounded(i32::try_from(digits).ok()?, 0));
    }
    exact_digits(&arg.data_type).map(|(p, s)| decimal_bounded(p, s))
}

/// Makes the expression for operands that have been coerced.
fn compute(op: Op, left: Arg, right: Arg) -> Bound {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    if let (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) = (&l, &r) {
        let returns =
            decimal_result(op.base, (i32::from(*p1), i32::from(*s1)), (i32::from(*p2), i32::from(*s2)));
        return checked(op, returns, decimals::run_of(op.base), left, right);
    }
    // IEEE arithmetic cannot fail: the answers are infinity and NaN in both systems.
    if let Some(operator) = native_operator(op.base).filter(|_| is_float(&l)) {
        return native(op, operator, left, right);
    }
    let returns = if op.base == Arithmetic::IntegralDivide { DataType::Int64 } else { l };
    checked(op, returns, integers::run_of(op.base), left, right)
}

/// Set if a result that does not fit is null. The kernels of an operator that tries and of one that does not differ in
/// this parameter alone.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Tries(pub bool);

/// Calls a checked kernel, which raises errors or returns null for functions that try.
fn checked(op: Op, returns: DataType, (name, run): (&'static str, Run), left: Arg, right: Arg) -> Bound {
    let kernel = Kernel::new(name, returns, run).nulls(op.nulls()).fallible(!op.tries);
    kernel.params(Tries(op.tries)).call(vec![left, right])
}

/// Returns DataFusion's own operator, for those that never raise on floating-point numbers.
fn native_operator(base: Arithmetic) -> Option<Operator> {
    match base {
        Arithmetic::Add => Some(Operator::Plus),
        Arithmetic::Subtract => Some(Operator::Minus),
        Arithmetic::Multiply => Some(Operator::Multiply),
        Arithmetic::Divide | Arithmetic::Remainder | Arithmetic::Pmod | Arithmetic::IntegralDivide => None,
    }
}

/// Makes DataFusion's own operator.
fn native(op: Op, operator: Operator, left: Arg, right: Arg) -> Bound {
    let nullable = op.tries || left.nullable || right.nullable;
    let data_type = left.data_type;
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
    Bound { expr, data_type, nullable, fallible: false }
}

/// Returns the result type of decimal arithmetic, by Spark's (Hive's) rules, which `decimal_adjusted` limits to 38
/// digits.
fn decimal_result(op: Arithmetic, (p1, s1): (i32, i32), (p2, s2): (i32, i32)) -> DataType {
    match op {
        Arithmetic::Add | Arithmetic::Subtract => {
            let scale = s1.max(s2);
            decimal_adjusted((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Arithmetic::Multiply => decimal_adjusted(p1 + p2 + 1, s1 + s2),
        Arithmetic::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            decimal_adjusted(p1 - s1 + s2 + scale, scale)
        }
        Arithmetic::Remainder | Arithmetic::Pmod => {
            let scale = s1.max(s2);
            decimal_adjusted((p1 - s1).min(p2 - s2) + scale, scale)
        }
        Arithmetic::IntegralDivide => DataType::Int64,
    }
}

fn positive(call: Call) -> Result<Bound> {
    let (ctx, t) = (call.ctx, call.type_of(0));
    let [arg] = call.take()?;
    let arg = numeric_operand("+", arg, &t, ctx)?;
    Ok(Bound { expr: arg.expr, data_type: arg.data_type, nullable: arg.nullable, fallible: false })
}

/// Casts the operand of a unary operator: texts and NULL to DOUBLE.
fn numeric_operand(symbol: &str, arg: Arg, t: &DataType, ctx: &crate::BindContext) -> Result<Arg> {
    if is_string(t) || t == &DataType::Null {
        return to_type(arg, &DataType::Float64, ctx);
    }
    if is_numeric(t) || is_interval(t) { Ok(arg) } else { Err(wrong_operand(symbol, "\"NUMERIC\"", t)) }
}

/// Binds `-x`.
fn negative(call: Call) -> Result<Bound> {
    let (ctx, t) = (call.ctx, call.type_of(0));
    let [arg] = call.take()?;
    let arg = numeric_operand("-", arg, &t, ctx)?;
    if let Some(folded) = negated_literal(&arg) {
        return Ok(folded);
    }
    // The range of decimals is symmetric; only the least integer has no negative.
    let fallible = !is_float(&arg.data_type) && !is_decimal(&arg.data_type);
    let kernel = Kernel::new("negative", arg.data_type.clone(), integers::negative);
    Ok(kernel.fallible(fallible).call(vec![arg]))
}

/// Negates a literal to a literal, so that functions that require constants accept `-1`. `None` for the least
/// integer, whose negative raises at run time.
fn negated_literal(arg: &Arg) -> Option<Bound> {
    let value = match arg.literal()? {
        ScalarValue::Int8(Some(v)) => ScalarValue::Int8(Some(v.checked_neg()?)),
        ScalarValue::Int16(Some(v)) => ScalarValue::Int16(Some(v.checked_neg()?)),
        ScalarValue::Int32(Some(v)) => ScalarValue::Int32(Some(v.checked_neg()?)),
        ScalarValue::Int64(Some(v)) => ScalarValue::Int64(Some(v.checked_neg()?)),
        ScalarValue::Float32(Some(v)) => ScalarValue::Float32(Some(-v)),
        ScalarValue::Float64(Some(v)) => ScalarValue::Float64(Some(-v)),
        ScalarValue::Decimal128(Some(v), p, s) => ScalarValue::Decimal128(Some(v.checked_neg()?), *p, *s),
        ScalarValue::DurationMicrosecond(Some(v)) => ScalarValue::DurationMicrosecond(Some(v.checked_neg()?)),
        ScalarValue::IntervalYearMonth(Some(v)) => ScalarValue::IntervalYearMonth(Some(v.checked_neg()?)),
        _ => return None,
    };
    let expr = Expr::Literal(value, None);
    Some(Bound { expr, data_type: arg.data_type.clone(), nullable: false, fallible: false })
}

/// Binds `abs(x)`.
fn absolute(call: Call) -> Result<Bound> {
    let (ctx, t) = (call.ctx, call.type_of(0));
    let [arg] = call.take()?;
    let arg = numeric_operand("abs", arg, &t, ctx)?;
    let fallible = !is_float(&arg.data_type) && !is_decimal(&arg.data_type);
    let kernel = Kernel::new("abs", arg.data_type.clone(), integers::absolute);
    Ok(kernel.fallible(fallible).call(vec![arg]))
}
