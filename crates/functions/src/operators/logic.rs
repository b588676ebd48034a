//! Binds AND, OR, NOT, tests for null and NaN, and conditional expressions.
//!
//! Conditional expressions become CASE, which evaluates a branch only on the rows that reach it, so that a branch
//! that can fail does not fail on other rows.

use super::compare::compare_args;
use crate::binding::{Arg, BindContext, Bound};
use crate::coerce::coerce_all;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, DisplayForm, Entry, Intervals, MANY, SpecialForm};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, Operator};
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["and", "&&"], 2, 2, |c| both(c, Operator::And))
        .shown(DisplayForm::Infix("AND"))
        .special(SpecialForm::And)
        .unlisted(&["&&"])
        .doc(
            "left, right",
            "Returns whether both conditions hold.",
            &["SELECT true AND false, NULL AND false"],
        ),
    Entry::bind(&["or"], 2, 2, |c| both(c, Operator::Or))
        .shown(DisplayForm::Infix("OR"))
        .special(SpecialForm::Or)
        .doc(
            "left, right",
            "Returns whether one of the conditions holds.",
            &["SELECT true OR false, NULL OR true"],
        ),
    Entry::bind(&["not", "!"], 1, 1, not).shown(DisplayForm::Prefix("NOT")).special(SpecialForm::Not).doc(
        "condition",
        "Returns whether a condition does not hold.",
        &["SELECT NOT true, !false"],
    ),
    Entry::bind(&["isnull"], 1, 1, |c| null_test(c, |e| Expr::IsNull(Box::new(e))))
        .shown(DisplayForm::Is("NULL"))
        .doc("value", "Returns whether a value is null.", &["SELECT isnull(NULL)"]),
    Entry::bind(&["isnotnull"], 1, 1, |c| null_test(c, |e| Expr::IsNotNull(Box::new(e))))
        .shown(DisplayForm::Is("NOT NULL"))
        .doc("value", "Returns whether a value is not null.", &["SELECT isnotnull(1)"]),
    Entry::bind(&["is unknown"], 1, 1, |c| unknown_test(c, |e| Expr::IsNull(Box::new(e))))
        .shown(DisplayForm::Is("UNKNOWN"))
        .unlisted(&["is unknown"]),
    Entry::bind(&["is not unknown"], 1, 1, |c| unknown_test(c, |e| Expr::IsNotNull(Box::new(e))))
        .shown(DisplayForm::Is("NOT UNKNOWN"))
        .unlisted(&["is not unknown"]),
    Entry::bind(&["isnan"], 1, 1, is_nan).doc(
        "number",
        "Returns whether a floating-point number is NaN.",
        &["SELECT isnan(double('NaN'))"],
    ),
    Entry::bind(&["nanvl"], 2, 2, nanvl).doc(
        "number, other",
        "Returns the first number, or the second one if the first is NaN.",
        &["SELECT nanvl(double('NaN'), 1.0)"],
    ),
    Entry::bind(&["when", "case"], 2, MANY, when).shown(DisplayForm::Case).doc(
        "condition, value, ...",
        "Returns the value after the first condition that holds, or the last value if no condition holds.",
        &[
            "SELECT CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END",
            "SELECT CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END",
        ],
    ),
    Entry::syntax(&["case of"], 3, MANY, SpecialForm::CaseOf)
        .shown(DisplayForm::CaseOf)
        .unlisted(&["case of"]),
    Entry::bind(&["if"], 3, 3, when).shown(DisplayForm::If).doc(
        "condition, then, otherwise",
        "Returns the second value if a condition holds, otherwise the third one.",
        &["SELECT if(1 < 2, 'yes', 'no')"],
    ),
    Entry::bind(&["coalesce"], 1, MANY, coalesce).doc(
        "value, ...",
        "Returns the first value that is not null.",
        &["SELECT coalesce(NULL, 2, 3)"],
    ),
    Entry::bind(&["nvl", "ifnull"], 2, 2, coalesce).doc(
        "value, other",
        "Returns the first value, or the second one if the first is null.",
        &["SELECT nvl(NULL, 'other')"],
    ),
    Entry::bind(&["nvl2"], 3, 3, nvl2).doc(
        "value, present, absent",
        "Returns the second value if the first one is not null, otherwise the third one.",
        &["SELECT nvl2(1, 'present', 'absent')"],
    ),
    Entry::bind(&["nullif"], 2, 2, nullif).intervals(Intervals::First).doc(
        "value, other",
        "Returns null if both values are equal, otherwise the first one.",
        &["SELECT nullif(2, 2), nullif(2, 3)"],
    ),
    Entry::bind(&["nullifzero"], 1, 1, nullifzero).doc(
        "number",
        "Returns null for zero, any other number unchanged.",
        &["SELECT nullifzero(0)"],
    ),
    Entry::bind(&["zeroifnull"], 1, 1, zeroifnull).doc(
        "number",
        "Returns zero for null, any number unchanged.",
        &["SELECT zeroifnull(NULL)"],
    ),
];

fn infallible(expr: Expr, data_type: DataType, nullable: bool) -> Bound {
    Bound { expr, data_type, nullable, fallible: false }
}

fn both(mut call: Call, operator: Operator) -> Result<Bound> {
    call.coerce(0, &DataType::Boolean)?;
    call.coerce(1, &DataType::Boolean)?;
    let [left, right] = call.take()?;
    let nullable = left.nullable || right.nullable;
    // DataFusion's AND and OR have the three-valued logic of SQL.
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
    Ok(infallible(expr, DataType::Boolean, nullable))
}

fn not(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Boolean)?;
    let [arg] = call.take()?;
    Ok(infallible(Expr::Not(Box::new(arg.expr)), DataType::Boolean, arg.nullable))
}

fn null_test(call: Call, test: fn(Expr) -> Expr) -> Result<Bound> {
    let [arg] = call.take()?;
    Ok(infallible(test(arg.expr), DataType::Boolean, false))
}

/// A null test of a condition: `IS UNKNOWN` takes nothing else.
fn unknown_test(mut call: Call, test: fn(Expr) -> Expr) -> Result<Bound> {
    call.coerce(0, &DataType::Boolean)?;
    null_test(call, test)
}

fn is_nan(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Float64)?;
    let [arg] = call.take()?;
    // `isnan(NULL)` is false in Spark, so the result is never null.
    Ok(Kernel::new("isnan", DataType::Boolean, nan).nulls(Nulls::Never).call(vec![arg]))
}

fn nan(b: &Batch) -> Result<ArrayRef> {
    let value = b.prims::<Float64Type>(0)?;
    b.build_bool(|row| Ok(Some(value.get(row).is_some_and(f64::is_nan))))
}

fn nanvl(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Float64)?;
    call.coerce(1, &DataType::Float64)?;
    let [value, other] = call.take()?;
    let nullable = value.nullable || other.nullable;
    // A null number is not NaN and is returned.
    let test = Kernel::new("isnan", DataType::Boolean, nan).nulls(Nulls::Never).call(vec![value.clone()]);
    Ok(case(vec![(test.expr, other.expr)], Some(value.expr), DataType::Float64, nullable))
}

/// Makes a CASE of conditions that are booleans and of values that have one type.
pub(super) fn case(
    branches: Vec<(Expr, Expr)>,
    otherwise: Option<Expr>,
    data_type: DataType,
    nullable: bool,
) -> Bound {
    let branches = branches.into_iter().map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    infallible(Expr::Case(Case::new(None, branches, otherwise.map(Box::new))), data_type, nullable)
}

/// Binds `when(c1, v1, c2, v2, .. [, else])`.
fn when(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut args = call.args.into_iter();
    let mut otherwise = false;
    while let Some(first) = args.next() {
        match args.next() {
            Some(value) => {
                let i = conditions.len() * 2;
                conditions.push(crate::coerce::coerce_argument(name, i, first, &DataType::Boolean, ctx)?);
                values.push(value);
            }
            None => {
                otherwise = true;
                values.push(first);
            }
        }
    }
    // Without ELSE a row that meets no condition is null.
    let nullable = !otherwise || values.iter().any(|v| v.nullable);
    let (values, common) = coerce_all(name, values, ctx)?;
    let mut values = values.into_iter().map(|v| v.expr);
    let branches: Vec<_> = conditions.into_iter().map(|c| c.expr).zip(values.by_ref()).collect();
    let otherwise = values.next();
    Ok(case(branches, otherwise, common, nullable))
}

/// Binds `coalesce` as a CASE, which evaluates a later argument only on the rows where all earlier ones are null.
fn coalesce(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let nullable = call.args.iter().all(|a| a.nullable);
    let (args, common) = coerce_all(name, call.args, ctx)?;
    let mut exprs: Vec<Expr> = args.into_iter().map(|a| a.expr).collect();
    let last = exprs.pop();
    if exprs.is_empty() {
        let only = last.unwrap_or(Expr::Literal(ScalarValue::Null, None));
        return Ok(infallible(only, common, nullable));
    }
    let branches = exprs.into_iter().map(|e| (Expr::IsNotNull(Box::new(e.clone())), e)).collect();
    Ok(case(branches, last, common, nullable))
}

fn nvl2(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let [test, present, absent] = call.take()?;
    let nullable = present.nullable || absent.nullable;
    let (values, common) = coerce_all(name, vec![present, absent], ctx)?;
    let mut values = values.into_iter().map(|v| v.expr);
    let branch: Vec<_> =
        values.next().map(|p| (Expr::IsNotNull(Box::new(test.expr)), p)).into_iter().collect();
    Ok(case(branch, values.next(), common, nullable))
}

fn null_of(data_type: &DataType) -> Result<Expr> {
    let value = ScalarValue::try_new_null(data_type).map_err(crate::errors::from_datafusion)?;
    Ok(Expr::Literal(value, None))
}

fn null_where_equal(value: Arg, other: Arg, ctx: &BindContext) -> Result<Bound> {
    // The comparison casts to a common type, but the result keeps the type of the first argument.
    let equal = compare_args(Operator::Eq, value.clone(), other, ctx)?;
    let null = null_of(&value.data_type)?;
    Ok(case(vec![(equal.expr, null)], Some(value.expr), value.data_type, true))
}

fn nullif(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let [value, other] = call.take()?;
    null_where_equal(value, other, ctx)
}

fn zero() -> Arg {
    let expr = Expr::Literal(ScalarValue::Int32(Some(0)), None);
    Arg { expr, data_type: DataType::Int32, nullable: false }
}

fn nullifzero(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let [value] = call.take()?;
    null_where_equal(value, zero(), ctx)
}

fn zeroifnull(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let [value] = call.take()?;
    coalesce(Call { name, args: vec![value, zero()], ctx })
}
