//! Window functions: ranks, neighbours and edges of a frame; any aggregate over a window.
//!
//! The caller sets partition, order and frame. DataFusion counts ranks unsigned; `finish` makes them INT.

use crate::aggregate::{AggregateCall, bind_aggregate, windowed};
use crate::binding::{Arg, BindContext};
use crate::coerce::{coerce_argument, common_type, to_type};
use crate::errors::{bad_value, data_diff_types, not_constant, wrong_num_args};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_window as df;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Cast, Expr, WindowFrame, WindowFunctionDefinition, WindowUDF};
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// A bound window function, without partition, order and frame.
#[allow(unpredictable_function_pointer_comparisons)]
#[derive(Debug, Clone, PartialEq)]
pub struct BoundWindow {
    pub function: WindowFunction,
    /// Spark's type and nullability of the final result.
    pub data_type: DataType,
    pub nullable: bool,
    /// Whether Spark refuses it without ORDER BY.
    pub needs_order: bool,
    /// Whether a frame changes its result; the others refuse one.
    pub takes_frame: bool,
    /// Applied to a column that holds the function's result; none: as it is.
    pub finish: Option<fn(Expr) -> Expr>,
}

/// The functions that exist only over windows.
pub(crate) const NAMES: &[&str] =
    &["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value"];

/// Binds a window function, or an aggregate over a window.
///
/// # Errors
/// As [`bind_aggregate`], and for constants that are none.
pub fn bind_window(
    name: &str,
    args: Vec<Arg>,
    ignore_nulls: Option<bool>,
    ctx: &BindContext,
) -> Result<BoundWindow> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "row_number" => rank(name, df::row_number::row_number_udwf(), args, DataType::Int32),
        "rank" => rank(name, df::rank::rank_udwf(), args, DataType::Int32),
        "dense_rank" => rank(name, df::rank::dense_rank_udwf(), args, DataType::Int32),
        "percent_rank" => rank(name, df::rank::percent_rank_udwf(), args, DataType::Float64),
        "cume_dist" => rank(name, df::cume_dist::cume_dist_udwf(), args, DataType::Float64),
        "ntile" => ntile(args, ctx),
        "lag" => shift("lag", df::lead_lag::lag_udwf(), args, ignore_nulls, ctx),
        "lead" => shift("lead", df::lead_lag::lead_udwf(), args, ignore_nulls, ctx),
        "nth_value" => nth(args, ignore_nulls),
        "first_value" | "first" | "any_value" => {
            edge(df::nth_value::first_value_udwf(), name, args, ignore_nulls)
        }
        "last_value" | "last" => edge(df::nth_value::last_value_udwf(), name, args, ignore_nulls),
        _ => over_window(name, args, ignore_nulls, ctx),
    }
}

fn to_int(e: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(e), DataType::Int32))
}

fn window(udwf: Arc<WindowUDF>, args: Vec<Arg>, data_type: DataType, nullable: bool) -> BoundWindow {
    let args = args.into_iter().map(|a| a.expr).collect();
    let function = WindowFunction::new(WindowFunctionDefinition::WindowUDF(udwf), args);
    BoundWindow { function, data_type, nullable, needs_order: true, takes_frame: false, finish: None }
}

fn rank(name: &str, udwf: Arc<WindowUDF>, args: Vec<Arg>, data_type: DataType) -> Result<BoundWindow> {
    if !args.is_empty() {
        return Err(wrong_num_args(name, "0", args.len()));
    }
    let finish = (data_type == DataType::Int32).then_some(to_int as fn(Expr) -> Expr);
    Ok(BoundWindow { finish, ..window(udwf, args, data_type, false) })
}

fn integer(value: Option<&ScalarValue>) -> Option<i64> {
    match value? {
        ScalarValue::Int8(Some(v)) => Some(i64::from(*v)),
        ScalarValue::Int16(Some(v)) => Some(i64::from(*v)),
        ScalarValue::Int32(Some(v)) => Some(i64::from(*v)),
        ScalarValue::Int64(Some(v)) => Some(*v),
        _ => None,
    }
}

fn long(value: i64) -> Arg {
    let expr = Expr::Literal(ScalarValue::Int64(Some(value)), None);
    Arg { expr, data_type: DataType::Int64, nullable: false }
}

fn ntile(args: Vec<Arg>, _ctx: &BindContext) -> Result<BoundWindow> {
    let n = match args.as_slice() {
        [] => 1,
        [arg] => integer(arg.literal()).ok_or_else(|| not_constant("ntile", "buckets", "INT"))?,
        more => return Err(wrong_num_args("ntile", "[0, 1]", more.len())),
    };
    if n <= 0 {
        return Err(bad_value("ntile", "buckets", "a positive integer", &n.to_string()));
    }
    let made = window(df::ntile::ntile_udwf(), vec![long(n)], DataType::Int32, false);
    Ok(BoundWindow { finish: Some(to_int), ..made })
}

fn treatment(ignore_nulls: Option<bool>) -> Option<NullTreatment> {
    match ignore_nulls {
        Some(true) => Some(NullTreatment::IgnoreNulls),
        _ => None,
    }
}

/// `lag(x [, offset [, default]])`.
fn shift(
    name: &'static str,
    udwf: Arc<WindowUDF>,
    args: Vec<Arg>,
    ignore_nulls: Option<bool>,
    ctx: &BindContext,
) -> Result<BoundWindow> {
    let count = args.len();
    let mut args = args.into_iter();
    let (Some(value), true) = (args.next(), count <= 3) else {
        return Err(wrong_num_args(name, "[1, 2, 3]", count));
    };
    let offset = match args.next() {
        None => 1,
        Some(arg) => integer(arg.literal()).ok_or_else(|| not_constant(name, "offset", "INT"))?,
    };
    let mut nullable = true;
    let mut taken = vec![value, long(offset)];
    if let Some(default) = args.next() {
        let value = taken.swap_remove(0);
        let types = [value.data_type.clone(), default.data_type.clone()];
        let common = common_type(&types).ok_or_else(|| data_diff_types(name, &types))?;
        nullable = value.nullable || default.nullable;
        taken = vec![to_type(value, &common, ctx)?, long(offset)];
        if !default.literal().is_some_and(ScalarValue::is_null) {
            let folded = fold_literal(coerce_argument(name, 2, default, &common, ctx)?)
                .ok_or_else(|| Error::unsupported(format!("{name} with a default that is no constant")))?;
            taken.push(folded);
        }
    }
    let data_type = taken.first().map_or(DataType::Null, |a| a.data_type.clone());
    let mut made = window(udwf, taken, data_type, nullable);
    set_nulls(&mut made.function, ignore_nulls);
    Ok(made)
}

/// A cast of a literal as a literal.
fn fold_literal(arg: Arg) -> Option<Arg> {
    match &arg.expr {
        Expr::Literal(..) => Some(arg),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(value, _) => {
                let expr = Expr::Literal(value.cast_to(&arg.data_type).ok()?, None);
                Some(Arg { expr, data_type: arg.data_type.clone(), nullable: arg.nullable })
            }
            _ => None,
        },
        _ => None,
    }
}

fn set_nulls(function: &mut WindowFunction, ignore_nulls: Option<bool>) {
    function.params.null_treatment = treatment(ignore_nulls);
}

fn nth(args: Vec<Arg>, ignore_nulls: Option<bool>) -> Result<BoundWindow> {
    let count = args.len();
    let mut args = args.into_iter();
    let (Some(value), Some(n), None) = (args.next(), args.next(), args.next()) else {
        return Err(wrong_num_args("nth_value", "2", count));
    };
    let n = integer(n.literal()).ok_or_else(|| not_constant("nth_value", "offset", "INT"))?;
    if n <= 0 {
        return Err(bad_value("nth_value", "offset", "a positive integer", &n.to_string()));
    }
    let data_type = value.data_type.clone();
    let mut made = window(df::nth_value::nth_value_udwf(), vec![value, long(n)], data_type, true);
    made.takes_frame = true;
    set_nulls(&mut made.function, ignore_nulls);
    Ok(made)
}

fn edge(udwf: Arc<WindowUDF>, name: &str, args: Vec<Arg>, ignore_nulls: Option<bool>) -> Result<BoundWindow> {
    let count = args.len();
    let mut args = args.into_iter();
    let Some(value) = args.next() else {
        return Err(wrong_num_args(name, "[1, 2]", count));
    };
    let ignore_nulls = match args.next() {
        None => ignore_nulls,
        Some(flag) => match flag.literal() {
            Some(ScalarValue::Boolean(Some(ignore))) => Some(*ignore),
            _ => return Err(not_constant(name, "ignoreNulls", "BOOLEAN")),
        },
    };
    let (data_type, nullable) = (value.data_type.clone(), true);
    let mut made = window(udwf, vec![value], data_type, nullable);
    (made.needs_order, made.takes_frame) = (false, true);
    set_nulls(&mut made.function, ignore_nulls);
    Ok(made)
}

fn over_window(
    name: &str,
    args: Vec<Arg>,
    ignore_nulls: Option<bool>,
    ctx: &BindContext,
) -> Result<BoundWindow> {
    let call = AggregateCall { ignore_nulls, ..AggregateCall::default() };
    let bound = bind_aggregate(name, args, call, ctx)?;
    let Expr::AggregateFunction(f) = bound.aggregate else {
        return Err(Error::internal("an aggregate is an aggregate expression"));
    };
    let params = WindowFunctionParams {
        args: f.params.args,
        partition_by: Vec::new(),
        order_by: Vec::new(),
        window_frame: WindowFrame::new(None),
        filter: f.params.filter,
        null_treatment: f.params.null_treatment,
        distinct: f.params.distinct,
    };
    let function = WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(windowed(f.func)), params };
    Ok(BoundWindow {
        function,
        data_type: bound.data_type,
        nullable: bound.nullable,
        needs_order: false,
        takes_frame: true,
        finish: bound.finish,
    })
}
