//! Resolves calls over a window of rows: partition, order and frame.

use crate::clause::Clause;
use crate::column_copies::computed_with;
use crate::errors::{analysis, unsupported_in_operator};
use crate::expr::placeholder;
use crate::expr_scope::{ExprScope, ResolvedExpr, WindowFound};
use crate::function::call_name;
use crate::{Resolver, column};
use arrow::datatypes::{DataType as Arrow, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, lit};
use thalweg_common::{Error, Result};
use thalweg_functions::{AggregateForm, BoundWindow, Kind};
use thalweg_sql::ir::{self, ExprNode, FrameBound, WindowCall};
use thalweg_sql::types::DataType;

/// An offset that leads past the last row of any partition, and whose sum with a row's number does not overflow.
const BEYOND_ALL_ROWS: u64 = 1 << 62;

const WINDOW_OF_ALIAS: (&str, &str) =
    ("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_WINDOW", "a window expression");

impl Resolver<'_> {
    pub(crate) fn window(&self, call: &WindowCall, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let Some(calls) = expr_scope.calls.filter(|_| expr_scope.windows) else {
            let clause = expr_scope.clause.name();
            if matches!(expr_scope.clause, Clause::InnerJoin | Clause::Join) {
                let shown =
                    self.name_of(&ir::Expr::new(ExprNode::Window(Box::new(call.clone()))), expr_scope);
                return Err(unsupported_in_operator(&shown));
            }
            if matches!(expr_scope.clause, Clause::Where | Clause::Having) {
                let text = format!("It is not allowed to use window functions inside {clause} clause.");
                let error = analysis("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE", "42601", text);
                return Err(error.param("clauseName", clause));
            }
            let text = format!("It is not allowed to use a window function inside {clause}.");
            return Err(analysis("UNSUPPORTED_EXPR_FOR_WINDOW", "42P20", text));
        };
        let (window, spark, (data_type, nullable, finish)) =
            self.without_aliases(expr_scope.inside_window(), WINDOW_OF_ALIAS, |inside| {
                let (bound, spark) = self.bound_window(call, inside)?;
                let of = (bound.data_type.clone(), bound.nullable, bound.finish);
                Ok((self.placed(bound, call, inside)?, spark, of))
            })?;
        // The calls are borrowed only now: the keys and arguments of the window may have added aggregates to them.
        let mut calls = calls.borrow_mut();
        // Equal calls share one column, so that QUALIFY and ORDER BY use the window of the select list.
        let same = calls.windows.iter().find(|w| w.window == window && w.data_type == data_type);
        let id = same.map(|w| w.id.clone()).unwrap_or_else(|| {
            let id = self.new_id();
            calls.windows.push(WindowFound { id: id.clone(), window, data_type: data_type.clone(), finish });
            id
        });
        Ok(ResolvedExpr { spark, ..placeholder(&id, data_type, nullable) })
    }

    /// Binds the function, and returns Spark's type of its result if Arrow's does not determine it.
    fn bound_window(
        &self,
        call: &WindowCall,
        expr_scope: &ExprScope,
    ) -> Result<(BoundWindow, Option<DataType>)> {
        let ExprNode::Function(function) = &call.function.node else {
            return Err(Error::unsupported("OVER after an expression that is not a function call"));
        };
        let name = call_name(function);
        if function.distinct {
            let text = format!("Distinct window functions are not supported: {name}.");
            return Err(analysis("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", "0A000", text));
        }
        if !function.order_within.is_empty() {
            return Err(Error::unsupported(format!("WITHIN GROUP of {name} over a window")));
        }
        let found = self.called(function);
        let whole = found.is_some_and(|f| f.entry().kind() == Kind::Aggregate(AggregateForm::WholePartition));
        if whole && has_order_or_frame(call) {
            let shown = self.name_of(&call.function, expr_scope);
            let text = format!("Cannot specify ORDER BY or a window frame for \"{shown}\".");
            let error = analysis("INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC", "42601", text);
            return Err(self.at(error.param("aggFunc", format!("\"{shown}\"")), call.function.origin));
        }
        let filter = function.filter.as_deref().map(|f| self.filter_clause(f, expr_scope)).transpose()?;
        let args = match found {
            Some(found) => self.aggregate_arguments(found, function, expr_scope)?,
            None => self.arguments(&function.args, expr_scope)?,
        };
        let args: Vec<ResolvedExpr> = args.into_iter().map(|a| self.drawn(a, expr_scope)).collect();
        let given = args.iter().map(ResolvedExpr::arg).collect();
        let found = found.ok_or_else(|| thalweg_functions::unknown(&name))?;
        self.null_clause(found, function)?;
        let mut bound = found.bind_window(given, function.ignore_nulls, &self.binding())?;
        bound.function.params.filter = filter.map(|f| Box::new(f.expr));
        if bound.needs_order && call.order.is_empty() {
            let text = format!(
                "Window function {name}() requires window to be ordered, please add ORDER BY clause. For example \
                 SELECT {name}()(value_expr) OVER (PARTITION BY window_partition ORDER BY window_ordering) from \
                 table."
            );
            return Err(analysis("_LEGACY_ERROR_TEMP_1037", "42601", text).param("wf", format!("{name}()")));
        }
        let spark = crate::interval_fields::of_call(found.entry().interval_fields(), &bound.data_type, &args);
        Ok((bound, spark))
    }

    /// Adds the partition, order and frame to a call.
    fn placed(&self, bound: BoundWindow, call: &WindowCall, expr_scope: &ExprScope) -> Result<Expr> {
        let mut function = bound.function;
        function.params.partition_by = call
            .partition
            .iter()
            .map(|p| Ok(self.drawn(self.expr(p, expr_scope)?, expr_scope).key()))
            .collect::<Result<_>>()?;
        let keys = call.order.iter().map(|k| Ok(self.drawn(self.expr(&k.expr, expr_scope)?, expr_scope)));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        function.params.order_by = keys
            .iter()
            .zip(&call.order)
            .map(|(resolved, key)| {
                let nulls_first = key.nulls_first.unwrap_or(!key.descending);
                Sort::new(resolved.key(), !key.descending, nulls_first)
            })
            .collect();
        if let (Some(frame), [key], [order], [sort]) =
            (&call.frame, keys.as_slice(), call.order.as_slice(), function.params.order_by.as_mut_slice())
            && bound.takes_frame
        {
            sort.expr = self.in_range(frame, key, order.descending, expr_scope)?;
        }
        function.params.window_frame = match &call.frame {
            Some(frame) if bound.takes_frame => self.frame(frame, &keys, expr_scope)?,
            Some(_) => {
                let name = function.fun.name();
                let text = format!("Cannot specify window frame for {name} function.");
                return Err(analysis("CANNOT_SPECIFY_WINDOW_FRAME", "42601", text));
            }
            None if call.order.is_empty() => whole_partition(),
            // This is the default of SQL with an order: up to the last row that is equal to the current one.
            None if bound.takes_frame => bounded(WindowFrameUnits::Range, unbounded_start(), current_row()),
            None => bounded(WindowFrameUnits::Rows, unbounded_start(), current_row()),
        };
        Ok(Expr::from(function))
    }

    /// Replaces a volatile expression by a column that is computed once for each row below the windows.
    fn drawn(&self, resolved: ResolvedExpr, expr_scope: &ExprScope) -> ResolvedExpr {
        let Some(calls) = expr_scope.calls.filter(|_| resolved.volatile) else { return resolved };
        let id = self.new_id();
        calls.borrow_mut().drawn.push((id.clone(), resolved.expr));
        ResolvedExpr { expr: column(&id), volatile: false, fallible: false, ..resolved }
    }

    /// Returns the order key of a range frame, which raises if a bound of the frame overflows the key's type.
    fn in_range(
        &self,
        frame: &ir::WindowFrame,
        key: &ResolvedExpr,
        descending: bool,
        expr_scope: &ExprScope,
    ) -> Result<Expr> {
        let integral = matches!(key.data_type, Arrow::Int8 | Arrow::Int16 | Arrow::Int32 | Arrow::Int64);
        // In ANSI mode Spark raises where the bound of a row overflows. DataFusion computes bounds itself, so the same
        // sums are computed together with the key, for their errors alone.
        let mut args = vec![key.key()];
        for bound in [&frame.lower, &frame.upper] {
            let FrameBound::Value(offset) = bound else { continue };
            let value = self.constant(offset, expr_scope)?.and_then(|v| v.cast_to(&key.data_type).ok());
            let Some(value) = value.filter(|v| integral && !frame.rows && !v.is_null()) else { continue };
            let offset = ResolvedExpr::new(lit(value), key.data_type.clone(), false);
            let operator = if descending { "-" } else { "+" };
            args.push(self.scalar(operator, vec![key.clone(), offset])?.expr);
        }
        Ok(if args.len() > 1 { computed_with(args) } else { key.key() })
    }

    fn frame(
        &self,
        frame: &ir::WindowFrame,
        keys: &[ResolvedExpr],
        expr_scope: &ExprScope,
    ) -> Result<WindowFrame> {
        self.check_bounds(frame, expr_scope)?;
        let target = match (frame.rows, keys) {
            (true, _) => Arrow::UInt64,
            (false, [key]) => key.data_type.clone(),
            (false, []) => {
                let unbounded = matches!(
                    (&frame.lower, &frame.upper),
                    (FrameBound::UnboundedPreceding, FrameBound::UnboundedFollowing)
                );
                if unbounded {
                    return Ok(whole_partition());
                }
                let text = "A range window frame cannot be used in an unordered window specification.";
                return Err(analysis(
                    "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER",
                    "42K09",
                    text.to_owned(),
                ));
            }
            (false, _) => {
                let has_offset = |b: &FrameBound| matches!(b, FrameBound::Value(_));
                if has_offset(&frame.lower) || has_offset(&frame.upper) {
                    let text = "A range window frame with value boundaries cannot be used in a window specification \
                                with multiple order by expressions.";
                    return Err(analysis(
                        "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER",
                        "42K09",
                        text.to_owned(),
                    ));
                }
                Arrow::Null
            }
        };
        let (lower, upper) =
            (self.bound(&frame.lower, &target, expr_scope)?, self.bound(&frame.upper, &target, expr_scope)?);
        if is_after(&lower, &upper) {
            return self.inverted(frame, expr_scope);
        }
        let units = if frame.rows { WindowFrameUnits::Rows } else { WindowFrameUnits::Range };
        Ok(bounded(units, lower, upper))
    }

    /// Refuses the bounds that are wrong whatever the order is, as Spark does: first their types, then their places.
    fn check_bounds(&self, frame: &ir::WindowFrame, expr_scope: &ExprScope) -> Result<()> {
        let shown = || self.frame_name_of(frame, expr_scope);
        for (bound, location) in [(&frame.lower, "lower"), (&frame.upper, "upper")] {
            let FrameBound::Value(offset) = bound else { continue };
            let resolved = self.expr(offset, expr_scope)?;
            if frame.rows
                && resolved.data_type != Arrow::Int32
                && self.constant(offset, expr_scope)?.is_some()
            {
                let given = resolved.type_name();
                let text = format!(
                    "Cannot resolve \"{}\" due to data type mismatch: The data type of the {location} bound \
                     \"{given}\" does not match the expected data type \"INT\".",
                    shown()
                );
                let error =
                    analysis("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE", "42K09", text)
                        .param("sqlExpr", format!("\"{}\"", shown()))
                        .param("location", location)
                        .param("exprType", format!("\"{given}\""))
                        .param("expectedType", "\"INT\"");
                return Err(self.at(error, offset.origin));
            }
        }
        if frame.lower != FrameBound::UnboundedFollowing && frame.upper != FrameBound::UnboundedPreceding {
            return Ok(());
        }
        let [lower, upper] = [&frame.lower, &frame.upper].map(|bound| match bound {
            FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
            FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
            FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
            FrameBound::Value(offset) => self.name_of(offset, expr_scope),
        });
        let text = format!(
            "Cannot resolve \"{}\" due to data type mismatch: Window frame upper bound \"{upper}\" does not follow the \
             lower bound \"{lower}\".",
            shown()
        );
        Err(analysis("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_INVALID_BOUND", "42K09", text)
            .param("sqlExpr", format!("\"{}\"", shown()))
            .param("lower", format!("\"{lower}\""))
            .param("upper", format!("\"{upper}\"")))
    }

    /// A frame whose upper bound is before its lower one. Spark refuses it where both are offsets; otherwise it is
    /// empty, but in a RANGE frame not for a null, which DataFusion cannot say.
    fn inverted(&self, frame: &ir::WindowFrame, expr_scope: &ExprScope) -> Result<WindowFrame> {
        let shown = self.frame_name_of(frame, expr_scope);
        if let (FrameBound::Value(_), FrameBound::Value(_)) = (&frame.lower, &frame.upper) {
            let text = format!(
                "Cannot resolve \"{shown}\" due to data type mismatch: The lower bound of a window frame must be less \
                 than or equal to the upper bound."
            );
            return Err(analysis("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON", "42K09", text)
                .param("sqlExpr", format!("\"{shown}\""))
                .param("comparison", "less than or equal"));
        }
        if !frame.rows {
            return Err(Error::unsupported(format!(
                "the frame {shown}, whose upper bound is before its lower one"
            )));
        }
        // A frame that begins after the last row of any partition is empty on every row.
        let beyond = || WindowFrameBound::Following(ScalarValue::UInt64(Some(BEYOND_ALL_ROWS)));
        Ok(bounded(WindowFrameUnits::Rows, beyond(), beyond()))
    }

    fn bound(&self, bound: &FrameBound, target: &Arrow, expr_scope: &ExprScope) -> Result<WindowFrameBound> {
        let none = if target == &Arrow::UInt64 { ScalarValue::UInt64(None) } else { ScalarValue::Null };
        Ok(match bound {
            FrameBound::CurrentRow => WindowFrameBound::CurrentRow,
            FrameBound::UnboundedPreceding => WindowFrameBound::Preceding(none),
            FrameBound::UnboundedFollowing => WindowFrameBound::Following(none),
            FrameBound::Value(offset) => self.offset(offset, target, expr_scope)?,
        })
    }

    /// Returns an offset from the current row; a negative one precedes it.
    fn offset(&self, offset: &ir::Expr, target: &Arrow, expr_scope: &ExprScope) -> Result<WindowFrameBound> {
        let refused =
            || self.at(Error::unsupported("a window frame whose offset is not a literal"), offset.origin);
        let value = self.constant(offset, expr_scope)?.ok_or_else(refused)?;
        let whole = match &value {
            ScalarValue::Int8(Some(v)) => Some(i64::from(*v)),
            ScalarValue::Int16(Some(v)) => Some(i64::from(*v)),
            ScalarValue::Int32(Some(v)) => Some(i64::from(*v)),
            ScalarValue::Int64(Some(v)) => Some(*v),
            _ => None,
        };
        let (negative, magnitude) = match (target, whole) {
            (Arrow::UInt64, Some(rows)) => (rows < 0, ScalarValue::UInt64(Some(rows.unsigned_abs()))),
            (Arrow::UInt64, None) => return Err(refused()),
            // Spark takes an integer for a number of days; DataFusion gets it as an interval.
            (Arrow::Date32, Some(days)) => {
                (days < 0, days_interval(days.unsigned_abs()).ok_or_else(refused)?)
            }
            (Arrow::Date32 | Arrow::Timestamp(_, _), _) => duration(&value).ok_or_else(refused)?,
            _ => magnitude(&value, target).ok_or_else(refused)?,
        };
        let is_zero = ScalarValue::new_zero(&magnitude.data_type()).is_ok_and(|zero| zero == magnitude);
        Ok(match negative {
            // DataFusion does not take 0 FOLLOWING for the current row.
            _ if is_zero => WindowFrameBound::CurrentRow,
            true => WindowFrameBound::Preceding(magnitude),
            false => WindowFrameBound::Following(magnitude),
        })
    }
}

/// Returns whether a frame from `lower` to `upper` ends before it begins.
fn is_after(lower: &WindowFrameBound, upper: &WindowFrameBound) -> bool {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    match (lower, upper) {
        // A null is an unbounded side.
        (Preceding(v), _) | (_, Following(v)) if v.is_null() => false,
        (Preceding(before), Preceding(until)) => before < until,
        (Following(from), Following(until)) => from > until,
        (Following(_), Preceding(_) | CurrentRow) | (CurrentRow, Preceding(_)) => true,
        (Preceding(_), CurrentRow | Following(_)) | (CurrentRow, CurrentRow | Following(_)) => false,
    }
}

fn bounded(units: WindowFrameUnits, lower: WindowFrameBound, upper: WindowFrameBound) -> WindowFrame {
    WindowFrame::new_bounds(units, lower, upper)
}

fn unbounded_start() -> WindowFrameBound {
    WindowFrameBound::Preceding(ScalarValue::UInt64(None))
}

fn current_row() -> WindowFrameBound {
    WindowFrameBound::CurrentRow
}

pub(crate) fn whole_partition() -> WindowFrame {
    let end = WindowFrameBound::Following(ScalarValue::UInt64(None));
    bounded(WindowFrameUnits::Rows, unbounded_start(), end)
}

fn days_interval(days: u64) -> Option<ScalarValue> {
    let days = i32::try_from(days).ok()?;
    Some(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, days, 0))))
}

fn duration(value: &ScalarValue) -> Option<(bool, ScalarValue)> {
    let (negative, months, nanos) = match value {
        ScalarValue::DurationMicrosecond(Some(us)) => (*us < 0, 0, us.checked_abs()?.checked_mul(1_000)?),
        ScalarValue::IntervalYearMonth(Some(months)) => (*months < 0, months.checked_abs()?, 0),
        _ => return None,
    };
    let interval = IntervalMonthDayNano::new(months, 0, nanos);
    Some((negative, ScalarValue::IntervalMonthDayNano(Some(interval))))
}

fn magnitude(value: &ScalarValue, target: &Arrow) -> Option<(bool, ScalarValue)> {
    let zero = ScalarValue::new_zero(&value.data_type()).ok()?;
    let negative = value.partial_cmp(&zero)?.is_lt();
    let positive = if negative { value.arithmetic_negate().ok()? } else { value.clone() };
    Some((negative, positive.cast_to(target).ok()?))
}

/// Whether the rows of a window are less than its whole partition, or have an order.
fn has_order_or_frame(call: &WindowCall) -> bool {
    let is_part = |frame: &ir::WindowFrame| {
        (&frame.lower, &frame.upper) != (&FrameBound::UnboundedPreceding, &FrameBound::UnboundedFollowing)
    };
    !call.order.is_empty() || call.frame.as_ref().is_some_and(is_part)
}
