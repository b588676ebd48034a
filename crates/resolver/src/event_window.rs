//! Event-time windows: `window(time, size[, slide[, start]])` and `window_time(window)`.

use crate::Resolver;
use crate::errors::analysis;
use crate::expr::placeholder;
use crate::expr_scope::{ExprScope, ResolvedExpr, UnnestFound};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use std::cell::RefCell;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;
use thalweg_sql::types::DataType;
use thalweg_values::types::to_arrow;

impl Resolver<'_> {
    /// `window(time, size[, slide[, start]])`: a tumbling window is a value, a sliding one many rows.
    pub(crate) fn event_window(
        &self,
        time: &ir::Expr,
        sizes: &[ir::Expr],
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        // The window is computed below the aggregate that groups by it, so its time cannot contain an aggregate.
        let time = self.expr(time, &expr_scope.inside_aggregate())?;
        let time = match time.data_type {
            Arrow::Timestamp(_, _) => time,
            // As in Spark, a window of windows takes the last instant of each.
            Arrow::Struct(_) => self.window_time(time)?,
            _ => self.coerced(time, &to_arrow(&DataType::Timestamp))?,
        };
        let sizes = sizes.iter().map(|s| self.interval(s, expr_scope)).collect::<Result<Vec<_>>>()?;
        let (size, slide, start) = match sizes.as_slice() {
            [size] => (*size, *size, 0),
            [size, slide] => (*size, *slide, 0),
            [size, slide, start] => (*size, *slide, *start),
            _ => return Err(Error::unsupported("window() with more than four arguments")),
        };
        check_window(size, slide, start)?;
        let Some(calls) = expr_scope.calls else {
            return Err(Error::unsupported(format!("window() in {}", expr_scope.clause.name())));
        };
        let event_delay = time.event_delay;
        note_time(calls, &time);
        if size == slide {
            let bound = thalweg_functions::tumbling_window(time.arg(), size, start)?;
            let window = ResolvedExpr::of_bound(bound, &[time]);
            // Rows without a time are filtered out below, so no window is null.
            return Ok(ResolvedExpr { nullable: false, event_delay, ..window });
        }
        let bound = thalweg_functions::sliding_windows(time.arg(), size, slide, start)?;
        let mut calls = calls.borrow_mut();
        // A second unnest of the same windows would pair each window with every other one of its row.
        let same = calls.unnests.iter().find(|u| u.list == bound.expr).map(|u| u.id.clone());
        let id = same.unwrap_or_else(|| {
            let id = self.new_id();
            calls.unnests.push(UnnestFound { id: id.clone(), list: bound.expr, event_delay });
            id
        });
        let window = placeholder(&id, thalweg_functions::window_struct_type(), false);
        Ok(ResolvedExpr { event_delay, ..window })
    }

    /// The last instant of a window: an event time where the window is one.
    pub(crate) fn window_time(&self, window: ResolvedExpr) -> Result<ResolvedExpr> {
        let bound = thalweg_functions::window_time(window.arg())?;
        Ok(ResolvedExpr { event_delay: window.event_delay, ..ResolvedExpr::of_bound(bound, &[window]) })
    }

    /// An interval's length in microseconds: a literal interval or its text.
    fn interval(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<i64> {
        match self.constant(expr, expr_scope)? {
            Some(ScalarValue::Utf8(Some(text))) => thalweg_values::interval::parse_interval_micros(&text),
            Some(ScalarValue::DurationMicrosecond(Some(micros))) => Ok(micros),
            _ => Err(self.at(
                Error::unsupported("window() with a duration that is not a literal")
                    .hint("Write it as a text or an interval: window(time, '10 minutes')."),
                expr.origin,
            )),
        }
    }
}

fn note_time(calls: &RefCell<crate::expr_scope::Calls>, time: &ResolvedExpr) {
    let mut calls = calls.borrow_mut();
    if time.nullable && !calls.times.contains(&time.expr) {
        calls.times.push(time.expr.clone());
    }
}

fn check_window(size: i64, slide: i64, start: i64) -> Result<()> {
    let refuse = |what: String| {
        let text = format!("Cannot resolve \"window\" due to data type mismatch: {what}.");
        Err(analysis("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION", "42K09", text))
    };
    match () {
        () if size <= 0 => refuse("The `window_duration` must be > 0".into()),
        () if slide <= 0 => refuse("The `slide_duration` must be > 0".into()),
        () if slide > size => refuse("The `slide_duration` must be <= the `window_duration`".into()),
        () if start.checked_abs().is_none_or(|s| s >= slide) => {
            refuse("The `abs(start_time)` must be < the `slide_duration`".into())
        }
        () => Ok(()),
    }
}
