//! Binds window functions: ranks, neighbours and edges of a frame, and any aggregate over a window.
//!
//! The caller sets partition, order and frame. DataFusion's ranks are unsigned; `finish` casts them to INT.

use crate::aggregate::{AggregateCall, windowed};
use crate::binding::{Arg, BindContext};
use crate::coerce::{coerce_argument, common_type, to_type};
use crate::errors::{bad_value, data_diff_types, not_constant};
use crate::registry::{Defaults, Display, Entry, Function, NullClause, WindowForm};
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
    /// DataFusion's window function.
    pub function: WindowFunction,
    /// Spark's type of the final result.
    pub data_type: DataType,
    /// Whether Spark declares the final result nullable.
    pub nullable: bool,
    /// Whether Spark refuses the function without ORDER BY.
    pub needs_order: bool,
    /// Whether the function accepts a frame; the others have a fixed one.
    pub takes_frame: bool,
    /// Converts a column with the function's result to the final result. `None` if they are the same.
    pub finish: Option<fn(Expr) -> Expr>,
}

/// A call over a window that is being bound. The number of arguments has been checked.
pub(crate) struct WindowArgs<'a> {
    pub name: &'static str,
    pub args: Vec<Arg>,
    pub ignore_nulls: Option<bool>,
    pub ctx: &'a BindContext<'a>,
}

/// The functions that exist only over windows.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry::window(&["row_number"], 0, 0, WindowForm::Number, |w| {
        Ok(rank(df::row_number::row_number_udwf(), w.args, DataType::Int32))
    })
    .doc(
        "",
        "Returns the number of a row in its window's partition, counted from 1.",
        &["SELECT v, row_number() OVER (ORDER BY v) FROM VALUES (10), (20), (20) AS t(v)"],
    ),
    Entry::window(&["rank"], 0, 0, WindowForm::Rank, |w| {
        Ok(rank(df::rank::rank_udwf(), w.args, DataType::Int32))
    })
    .doc(
        "",
        "Returns one more than the number of rows that come before, with gaps after equal rows.",
        &["SELECT v, rank() OVER (ORDER BY v) FROM VALUES (10), (10), (20) AS t(v)"],
    ),
    Entry::window(&["dense_rank"], 0, 0, WindowForm::Rank, |w| {
        Ok(rank(df::rank::dense_rank_udwf(), w.args, DataType::Int32))
    })
    .doc(
        "",
        "Returns the rank of a row, without gaps after equal rows.",
        &["SELECT v, dense_rank() OVER (ORDER BY v) FROM VALUES (10), (10), (20) AS t(v)"],
    ),
    Entry::window(&["percent_rank"], 0, 0, WindowForm::Rank, |w| {
        Ok(rank(df::rank::percent_rank_udwf(), w.args, DataType::Float64))
    })
    .doc(
        "",
        "Returns the rank of a row as a fraction from 0 to 1.",
        &["SELECT v, percent_rank() OVER (ORDER BY v) FROM VALUES (10), (20), (30) AS t(v)"],
    ),
    Entry::window(&["cume_dist"], 0, 0, WindowForm::Frame, |w| {
        Ok(rank(df::cume_dist::cume_dist_udwf(), w.args, DataType::Float64))
    })
    .doc(
        "",
        "Returns the fraction of the rows that do not come after a row.",
        &["SELECT v, cume_dist() OVER (ORDER BY v) FROM VALUES (10), (20), (20), (30) AS t(v)"],
    ),
    Entry::window(&["ntile"], 0, 1, WindowForm::Number, ntile)
        .defaults(&[Defaults { given: 0, shown: &["1"] }])
        .doc(
            "[count]",
            "Divides the rows of a window's partition into groups of equal size, and returns the number of the group.",
            &["SELECT v, ntile(2) OVER (ORDER BY v) FROM VALUES (10), (20), (30) AS t(v)"],
        ),
    Entry::window(&["lag"], 1, 3, WindowForm::Lag, |w| lag_or_lead(w, df::lead_lag::lag_udwf()))
        .nulls(NullClause::Hidden)
        .doc(
            "value[, offset[, default]]",
            "Returns the value of the row a given number of rows before, by default one.",
            &["SELECT v, lag(v) OVER (ORDER BY v) FROM VALUES (10), (20) AS t(v)"],
        ),
    Entry::window(&["lead"], 1, 3, WindowForm::Lead, |w| lag_or_lead(w, df::lead_lag::lead_udwf()))
        .nulls(NullClause::Hidden)
        .doc(
            "value[, offset[, default]]",
            "Returns the value of the row a given number of rows after, by default one.",
            &["SELECT v, lead(v, 1, 0) OVER (ORDER BY v) FROM VALUES (10), (20) AS t(v)"],
        ),
    Entry::window(&["nth_value"], 2, 3, WindowForm::Frame, nth)
        .display(Display::first_arguments(2))
        .nulls(NullClause::ShownIfIgnored)
        .doc(
            "value, n[, ignoreNulls]",
            "Returns the value of the n-th row of the frame, or of the n-th that is not null.",
            &["SELECT v, nth_value(v, 2) OVER (ORDER BY v) FROM VALUES (10), (20) AS t(v)"],
        ),
];

/// Binds `first_value` over a window.
pub(crate) fn first(call: WindowArgs) -> Result<BoundWindow> {
    first_or_last(call, df::nth_value::first_value_udwf())
}

/// Binds `last_value` over a window.
pub(crate) fn last(call: WindowArgs) -> Result<BoundWindow> {
    first_or_last(call, df::nth_value::last_value_udwf())
}

fn to_int(e: Expr) -> Expr {
    // Spark's ranks are INT.
    Expr::Cast(Cast::new(Box::new(e), DataType::Int32))
}

fn window(udwf: Arc<WindowUDF>, args: Vec<Arg>, data_type: DataType, nullable: bool) -> BoundWindow {
    let args = args.into_iter().map(|a| a.expr).collect();
    let function = WindowFunction::new(WindowFunctionDefinition::WindowUDF(udwf), args);
    // The defaults of ranks and neighbours; the edges of a frame override them.
    BoundWindow { function, data_type, nullable, needs_order: true, takes_frame: false, finish: None }
}

fn rank(udwf: Arc<WindowUDF>, args: Vec<Arg>, data_type: DataType) -> BoundWindow {
    let finish = (data_type == DataType::Int32).then_some(to_int as fn(Expr) -> Expr);
    BoundWindow { finish, ..window(udwf, args, data_type, false) }
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

/// Binds `ntile`, by default with one bucket.
fn ntile(call: WindowArgs) -> Result<BoundWindow> {
    // DataFusion also needs a constant here.
    let n = match call.args.first() {
        None => 1,
        Some(arg) => integer(arg.literal()).ok_or_else(|| not_constant("ntile", "buckets", "INT"))?,
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

/// Binds `lag` and `lead`: `lag(x [, offset [, default]])`.
fn lag_or_lead(call: WindowArgs, udwf: Arc<WindowUDF>) -> Result<BoundWindow> {
    let WindowArgs { name, args, ignore_nulls, ctx } = call;
    let mut args = args.into_iter();
    let Some(value) = args.next() else { return Err(lost(name)) };
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
        // With a default a row at the edge is not null.
        nullable = value.nullable || default.nullable;
        taken = vec![to_type(value, &common, ctx)?, long(offset)];
        // A null default is the same as none, and DataFusion would refuse its type.
        if !default.literal().is_some_and(ScalarValue::is_null) {
            let folded = fold_literal(coerce_argument(name, 2, default, &common, ctx)?).ok_or_else(|| {
                Error::unsupported(format!("{name} with a default that is not a constant"))
                    .hint(format!("Use coalesce({name}(value, offset), default) where no value is null."))
            })?;
            taken.push(folded);
        }
    }
    let data_type = taken.first().map_or(DataType::Null, |a| a.data_type.clone());
    let mut made = window(udwf, taken, data_type, nullable);
    set_nulls(&mut made.function, ignore_nulls);
    Ok(made)
}

/// Evaluates the cast of a literal: DataFusion requires the default to be one.
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

fn lost(name: &str) -> Error {
    Error::internal(format!("{name} over a window has fewer arguments than were checked"))
}

/// Binds `nth_value`; null before the frame has so many rows.
fn nth(call: WindowArgs) -> Result<BoundWindow> {
    let mut args = call.args.into_iter();
    let (Some(value), Some(n)) = (args.next(), args.next()) else { return Err(lost(call.name)) };
    let ignore_nulls = flag_or(call.name, args.next(), call.ignore_nulls)?;
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

/// Returns whether nulls are ignored: as an argument says, if there is one, and otherwise as the clause.
fn flag_or(name: &'static str, flag: Option<Arg>, clause: Option<bool>) -> Result<Option<bool>> {
    match flag.as_ref().map(Arg::literal) {
        None => Ok(clause),
        Some(Some(ScalarValue::Boolean(Some(ignore)))) => Ok(Some(*ignore)),
        Some(_) => Err(not_constant(name, "ignoreNulls", "BOOLEAN")),
    }
}

/// Binds `first_value` and `last_value`, optionally of the values that are not null.
fn first_or_last(call: WindowArgs, udwf: Arc<WindowUDF>) -> Result<BoundWindow> {
    let WindowArgs { name, args, ignore_nulls, .. } = call;
    let mut args = args.into_iter();
    let Some(value) = args.next() else { return Err(lost(name)) };
    let ignore_nulls = flag_or(name, args.next(), ignore_nulls)?;
    let (data_type, nullable) = (value.data_type.clone(), true);
    let mut made = window(udwf, vec![value], data_type, nullable);
    (made.needs_order, made.takes_frame) = (false, true);
    set_nulls(&mut made.function, ignore_nulls);
    Ok(made)
}

/// Binds any other aggregate over a window.
pub(crate) fn aggregate_over_window(
    function: &Function,
    args: Vec<Arg>,
    ignore_nulls: Option<bool>,
    ctx: &BindContext,
) -> Result<BoundWindow> {
    // Spark supports neither DISTINCT nor FILTER over windows.
    let call = AggregateCall { ignore_nulls, ..AggregateCall::default() };
    let bound = function.bind_aggregate(args, call, ctx)?;
    let Expr::AggregateFunction(f) = bound.aggregate else {
        return Err(Error::internal("binding an aggregate made an expression of another kind"));
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
