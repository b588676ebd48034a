//! Binds comparisons: `= <> < <= > >= <=>`, IN and BETWEEN.
//!
//! They are native expressions, so that pruning and hash joins recognise them. Floating-point numbers are compared as
//! keys: NaN equals itself and is the greatest value, and -0.0 equals 0.0. Nested values have kernels of their own.

use crate::binding::{Arg, BindContext, Bound};
use crate::coerce::{as_arg, coerce_all, common_type, to_type};
use crate::errors::{data_diff_types, different_types, from_arrow, wrong_operand};
use crate::kernel::{Batch, Kernel, Nulls, Run};
use crate::operators::key::{key, normal};
use crate::registry::{Call, Display, DisplayForm, Entry, MANY, SpecialForm};
use crate::types::{is_decimal, is_float, is_nested};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::cmp::Ordering;
use std::sync::Arc;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["=", "=="], 2, 2, |c| compare(c, Operator::Eq))
        .shown(DisplayForm::Infix("="))
        .special(SpecialForm::Equal)
        .doc(
            "left, right",
            "Returns whether two values are equal; null if one of them is null.",
            &["SELECT 2 = 2.0, 1 == NULL"],
        ),
    Entry::bind(&["!=", "<>"], 2, 2, |c| compare(c, Operator::NotEq)).shown(DisplayForm::NotEqual).doc(
        "left, right",
        "Returns whether two values differ; null if one of them is null.",
        &["SELECT 1 != 2, 1 <> 1"],
    ),
    Entry::bind(&["<"], 2, 2, |c| compare(c, Operator::Lt)).shown(DisplayForm::Infix("<")).doc(
        "left, right",
        "Returns whether the left value comes before the right one.",
        &["SELECT 1 < 2"],
    ),
    Entry::bind(&["<="], 2, 2, |c| compare(c, Operator::LtEq)).shown(DisplayForm::Infix("<=")).doc(
        "left, right",
        "Returns whether the left value does not come after the right one.",
        &["SELECT 2 <= 2"],
    ),
    Entry::bind(&[">"], 2, 2, |c| compare(c, Operator::Gt)).shown(DisplayForm::Infix(">")).doc(
        "left, right",
        "Returns whether the left value comes after the right one.",
        &["SELECT 1 > 2"],
    ),
    Entry::bind(&[">="], 2, 2, |c| compare(c, Operator::GtEq)).shown(DisplayForm::Infix(">=")).doc(
        "left, right",
        "Returns whether the left value does not come before the right one.",
        &["SELECT 2 >= 2"],
    ),
    Entry::bind(&["<=>", "equal_null"], 2, 2, |c| compare(c, Operator::IsNotDistinctFrom))
        .display(Display::form_of(DisplayForm::Infix("<=>"), &["<=>"]))
        .doc(
            "left, right",
            "Returns whether two values are equal, where null equals null.",
            &["SELECT NULL <=> NULL, 1 <=> NULL"],
        ),
    Entry::bind(&["in"], 2, MANY, in_list).shown(DisplayForm::In).doc(
        "value, candidate, ...",
        "Returns whether a value equals one of the candidates.",
        &["SELECT 2 IN (1, 2, 3)"],
    ),
    Entry::bind(&["between"], 3, 3, between).special(SpecialForm::Between).doc(
        "value, low, high",
        "Returns whether a value lies between two others, both included.",
        &["SELECT 5 BETWEEN 1 AND 5"],
    ),
];

fn compare(call: Call, operator: Operator) -> Result<Bound> {
    let ctx = call.ctx;
    let [left, right] = call.take()?;
    compare_args(operator, left, right, ctx)
}

/// Casts two arguments to a common type and compares them.
pub(crate) fn compare_args(operator: Operator, left: Arg, right: Arg, ctx: &BindContext) -> Result<Bound> {
    let (left, right, common) = coerce_operands(operator, left, right, ctx)?;
    let nullable = operator != Operator::IsNotDistinctFrom && (left.nullable || right.nullable);
    if common == DataType::Null {
        // Two NULLs without a type: the answer is known without comparing.
        let value = (operator == Operator::IsNotDistinctFrom).then_some(true);
        let expr = Expr::Literal(ScalarValue::Boolean(value), None);
        return Ok(Bound { expr, data_type: DataType::Boolean, nullable, fallible: false });
    }
    if is_nested(&common) {
        return nested(operator, left, right);
    }
    let expr = if is_float(&common) {
        floats(operator, left, right)
    } else {
        binary(left.expr, operator, right.expr)
    };
    Ok(Bound { expr, data_type: DataType::Boolean, nullable, fallible: false })
}

/// Casts both operands to their common type and returns it.
fn coerce_operands(
    operator: Operator,
    left: Arg,
    right: Arg,
    ctx: &BindContext,
) -> Result<(Arg, Arg, DataType)> {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    if matches!(l, DataType::Map(..)) {
        return Err(wrong_operand(&operator.to_string(), "\"ORDERED\"", &l));
    }
    let common = match (exact_literal(&left, &r), exact_literal(&right, &l)) {
        (true, _) => r,
        (_, true) => l,
        _ => common_type(&[l.clone(), r.clone()])
            .ok_or_else(|| different_types(&operator.to_string(), &l, &r))?,
    };
    Ok((to_type(left, &common, ctx)?, to_type(right, &common, ctx)?, common))
}

/// Returns whether an argument is a decimal literal that the decimal type of the other side holds exactly. Then the
/// literal is cast and not the column, so that scans can prune.
fn exact_literal(arg: &Arg, other: &DataType) -> bool {
    match (arg.literal(), other) {
        (Some(ScalarValue::Decimal128(Some(v), _, s)), DataType::Decimal128(p2, s2)) => {
            is_decimal(other) && s <= s2 && crate::cast::rescale(*v, *s, *p2, *s2).is_some()
        }
        _ => false,
    }
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// Returns whether an argument is a constant number other than zero and NaN: such a number equals only itself, so its
/// bits can be compared.
fn plain_literal(arg: &Arg) -> bool {
    match arg.literal() {
        Some(ScalarValue::Float64(Some(v))) => !v.is_nan() && *v != 0.0,
        Some(ScalarValue::Float32(Some(v))) => !v.is_nan() && *v != 0.0,
        _ => false,
    }
}

/// Compares floating-point numbers as keys. A comparison by which a scan can prune is added as a conjunction.
///
/// The statistics of files leave NaN out, so only comparisons that are false for NaN may be pruned by: equality with
/// a number, and being less than a number. The conjunction keeps this right under NOT: negated, it is a disjunction,
/// by which no scan prunes.
fn floats(operator: Operator, left: Arg, right: Arg) -> Expr {
    let prunes = match operator {
        Operator::Eq => {
            is_column(&left) && plain_literal(&right) || plain_literal(&left) && is_column(&right)
        }
        Operator::Lt | Operator::LtEq => is_column(&left) && plain_literal(&right),
        Operator::Gt | Operator::GtEq => plain_literal(&left) && is_column(&right),
        _ => false,
    };
    let native = prunes.then(|| binary(left.expr.clone(), operator, right.expr.clone()));
    let exact = binary(key(left).expr, operator, key(right).expr);
    // The native comparison must not exclude a row that the exact one accepts. It does not: Arrow's order differs
    // only for zeros, which `plain_literal` excludes, and in counting negative NaNs as less than any number.
    native.map_or(exact.clone(), |native| binary(native, Operator::And, exact))
}

fn is_column(arg: &Arg) -> bool {
    matches!(arg.expr, Expr::Column(_))
}

/// Compares arrays and structs with kernels.
fn nested(operator: Operator, left: Arg, right: Arg) -> Result<Bound> {
    // Only the last one compares nulls too, and is never null.
    type Test = (&'static str, Run, Nulls);
    let (name, run, nulls): Test = match operator {
        Operator::Eq => ("nested_eq", |b| ordered(b, |o| o.is_eq()), Nulls::Args),
        Operator::NotEq => ("nested_ne", |b| ordered(b, |o| o.is_ne()), Nulls::Args),
        Operator::Lt => ("nested_lt", |b| ordered(b, |o| o.is_lt()), Nulls::Args),
        Operator::LtEq => ("nested_le", |b| ordered(b, |o| o.is_le()), Nulls::Args),
        Operator::Gt => ("nested_gt", |b| ordered(b, |o| o.is_gt()), Nulls::Args),
        Operator::GtEq => ("nested_ge", |b| ordered(b, |o| o.is_ge()), Nulls::Args),
        _ => ("nested_same", same, Nulls::Never),
    };
    Ok(Kernel::new(name, DataType::Boolean, run).nulls(nulls).call(vec![left, right]))
}

/// Compares nested values in Spark's order: nulls inside of them come first and equal each other.
fn ordered(b: &Batch, test: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let (left, right) = (normal(&b.array(0)?)?, normal(&b.array(1)?)?);
    let order = arrow::array::make_comparator(&left, &right, SortOptions::default()).map_err(from_arrow)?;
    // Only a null at the top makes the result null.
    let made: BooleanArray =
        (0..b.rows).map(|i| (left.is_valid(i) && right.is_valid(i)).then(|| test(order(i, i)))).collect();
    Ok(Arc::new(made))
}

fn same(b: &Batch) -> Result<ArrayRef> {
    let (left, right) = (normal(&b.array(0)?)?, normal(&b.array(1)?)?);
    let order = arrow::array::make_comparator(&left, &right, SortOptions::default()).map_err(from_arrow)?;
    let made: BooleanArray = (0..b.rows).map(|i| Some(order(i, i).is_eq())).collect();
    Ok(Arc::new(made))
}

/// Binds `x IN (a, b, ..)`: null if no item is equal and one is null.
fn in_list(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let nullable = call.args.iter().any(|a| a.nullable);
    let (args, common) = coerce_all("in", call.args, ctx)?;
    if matches!(common, DataType::Map(..)) {
        return Err(data_diff_types("in", &[common]));
    }
    let mut args = args.into_iter();
    let Some(value) = args.next() else {
        return Err(crate::errors::wrong_num_args("in", "> 1", 0));
    };
    // DataFusion's list would compare floating-point numbers by bits, also those inside of nested values.
    if is_nested(&common) || is_float(&common) || common == DataType::Null {
        return any_equal(value, args.collect(), ctx);
    }
    let (constants, others): (Vec<Arg>, Vec<Arg>) = args.partition(|a| is_constant(&a.expr));
    let constants: Vec<Expr> = constants.into_iter().map(|a| a.expr).collect();
    let listed = Expr::InList(InList::new(Box::new(value.expr.clone()), constants.clone(), false));
    let listed = Bound { expr: listed, data_type: DataType::Boolean, nullable, fallible: false };
    match (constants.is_empty(), others.is_empty()) {
        (_, true) => Ok(listed),
        (true, false) => any_equal(value, others, ctx),
        (false, false) => Ok(either(listed, any_equal(value, others, ctx)?)),
    }
}

/// Returns whether an item of a list is the same on every row. DataFusion decides this by evaluating the item on no
/// rows, where a CASE is a constant null. Only items without one go into its lists.
fn is_constant(expr: &Expr) -> bool {
    let varies = |e: &Expr| Ok(!matches!(e, Expr::Literal(..) | Expr::Cast(_) | Expr::ScalarFunction(_)));
    expr.exists(varies).is_ok_and(|varies| !varies)
}

fn either(left: Bound, right: Bound) -> Bound {
    Bound {
        expr: binary(left.expr, Operator::Or, right.expr),
        data_type: DataType::Boolean,
        nullable: left.nullable || right.nullable,
        fallible: false,
    }
}

/// Makes a chain of OR over comparisons with each item of a list.
fn any_equal(value: Arg, list: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
    let mut found: Option<Bound> = None;
    for item in list {
        let equal = compare_args(Operator::Eq, value.clone(), item, ctx)?;
        found = Some(match found {
            None => equal,
            Some(f) => either(f, equal),
        });
    }
    found.ok_or_else(|| crate::errors::wrong_num_args("in", "> 1", 1))
}

/// Binds `value BETWEEN low AND high` as a conjunction of two comparisons.
fn between(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let [value, low, high] = call.take()?;
    // The value occurs twice. The resolver shares it if evaluating it twice could give two values.
    let low = compare_args(Operator::GtEq, value.clone(), low, ctx)?;
    let high = compare_args(Operator::LtEq, value, high, ctx)?;
    let (low, high) = (as_arg(low), as_arg(high));
    let nullable = low.nullable || high.nullable;
    let expr = binary(low.expr, Operator::And, high.expr);
    Ok(Bound { expr, data_type: DataType::Boolean, nullable, fallible: false })
}
