//! Computes event-time windows: the tumbling or sliding windows that contain an instant.
//!
//! A window is the struct `{start, end}`, end excluded. Windows are aligned to 1970-01-01 UTC plus `start`. All
//! lengths are in microseconds.

use crate::binding::{Arg, Bound};
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel, Nulls, Prims};
use crate::registry::{DisplayForm, Entry, SpecialForm};
use crate::types::timestamp;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimestampMicrosecondType};
use datafusion::logical_expr::Expr;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

/// The bound on the windows that contain one instant: each of them becomes a row.
const OVERLAP_MAX: i64 = 100_000;

/// The name of the kernel of sliding windows.
const SLIDING: &str = "windows";

/// The example of `window`, which is too long for the table.
const WINDOW_EXAMPLE: &str = "SELECT window.start, count(*) FROM VALUES (TIMESTAMP '2024-01-01 00:01:00'), (TIMESTAMP \
    '2024-01-01 00:06:00') AS t(v) GROUP BY window(v, '5 minutes') ORDER BY 1";
/// The example of `window_time`, which is too long for the table.
const WINDOW_TIME_EXAMPLE: &str = "SELECT window_time(window) FROM (SELECT window, count(*) FROM VALUES (TIMESTAMP \
    '2024-01-01 00:01:00') AS t(v) GROUP BY window(v, '5 minutes'))";

/// The functions of windows. The resolver makes their calls, since sizes are texts that it parses.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry::syntax(&["window"], 2, 4, SpecialForm::Window).shown(DisplayForm::Window).doc(
        "time, size[, slide[, start]]",
        "Returns the windows of a size that an event time lies in, one for each slide.",
        &[WINDOW_EXAMPLE],
    ),
    Entry::syntax(&["window_time"], 1, 1, SpecialForm::WindowTime).doc(
        "window",
        "Returns the last instant of a window, as an event time.",
        &[WINDOW_TIME_EXAMPLE],
    ),
];

fn fields() -> Fields {
    Fields::from(vec![Field::new("start", timestamp(), true), Field::new("end", timestamp(), true)])
}

/// Returns the type of a window: `STRUCT<start: TIMESTAMP, end: TIMESTAMP>`.
pub fn window_struct_type() -> DataType {
    DataType::Struct(fields())
}

/// Returns the window of `size` microseconds, aligned to `start`, that contains `time`; null where `time` is null.
///
/// # Errors
/// `DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE` for a size that is not positive or a start that is not less than the size.
pub fn tumbling_window(time: Arg, size: i64, start: i64) -> Result<Bound> {
    check_sizes(size, size, start)?;
    let kernel = Kernel::new("window", window_struct_type(), tumbling).nulls(Nulls::Args);
    Ok(kernel.params(Windows { size, slide: size, start }).call(vec![time]))
}

/// The parameters of windows, in microseconds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Windows {
    size: i64,
    slide: i64,
    start: i64,
}

/// Returns the list of all windows of `size` microseconds, one every `slide`, that contain `time`, earliest first.
/// The list is empty where `time` is null.
///
/// # Errors
/// `DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE` for lengths that are not positive, a slide that is longer than the size, a
/// start that is not less than the slide, and more than 100,000 windows for one instant.
pub fn sliding_windows(time: Arg, size: i64, slide: i64, start: i64) -> Result<Bound> {
    check_sizes(size, slide, start)?;
    let returns = DataType::List(Arc::new(Field::new("element", window_struct_type(), false)));
    Ok(Kernel::new(SLIDING, returns, sliding)
        .nulls(Nulls::Never)
        .params(Windows { size, slide, start })
        .call(vec![time]))
}

/// The sliding windows that a call computes, with lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlidingWindowCall<'e> {
    /// The instants.
    pub time: &'e Expr,
    /// The length of each window.
    pub size: i64,
    /// The distance of their starts.
    pub slide: i64,
    /// The offset of their starts from 1970-01-01 UTC.
    pub start: i64,
}

/// Returns the windows that a call of [`sliding_windows`] computes; none for any other expression.
pub fn as_sliding_windows(expr: &Expr) -> Option<SlidingWindowCall<'_>> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let Windows { size, slide, start } = *crate::kernel::params_of::<Windows>(call)?;
    let [time] = call.args.as_slice() else { return None };
    (call.name() == SLIDING).then_some(SlidingWindowCall { time, size, slide, start })
}

/// Returns the last instant of a window. Used as an event time, it falls into the enclosing windows that the window
/// belongs to, which its excluded end would not.
///
/// # Errors
/// `DATATYPE_MISMATCH` if the argument is not a window.
pub fn window_time(window: Arg) -> Result<Bound> {
    let is_window = match &window.data_type {
        DataType::Struct(found) => found
            .iter()
            .map(|f| (f.name(), f.data_type()))
            .eq(fields().iter().map(|f| (f.name(), f.data_type()))),
        _ => false,
    };
    if !is_window {
        return Err(unexpected_type("window_time", 0, "STRUCT", &window.data_type));
    }
    let kernel = Kernel::new("window_time", timestamp(), |b| {
        let array = b.array(0)?;
        let window = array.as_struct();
        let ends = window.columns().get(1).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let ends = ends.ok_or_else(|| {
            Error::internal("an event-time window has no end, although its type was checked")
        })?;
        let last = |row: usize| (window.is_valid(row) && ends.is_valid(row)).then(|| ends.value(row) - 1);
        b.build::<TimestampMicrosecondType>(|row| Ok(last(row)))
    });
    Ok(kernel.call(vec![window]))
}

/// Checks the lengths of windows as Spark does, and that an instant is not in too many of them.
fn check_sizes(size: i64, slide: i64, start: i64) -> Result<()> {
    let problem = if size <= 0 {
        format!("The window duration ({size}) must be greater than 0")
    } else if slide <= 0 {
        format!("The slide duration ({slide}) must be greater than 0")
    } else if slide > size {
        format!("The slide duration ({slide}) must be less than or equal to the windowDuration ({size})")
    // Spark has the same rule: a larger start would only be another name for a smaller one.
    } else if start.checked_abs().is_none_or(|s| s >= slide) {
        format!("The absolute value of start time ({start}) must be less than the slideDuration ({slide})")
    } else if size / slide >= OVERLAP_MAX {
        format!("An instant may lie in at most {OVERLAP_MAX} windows, not in {}", size / slide)
    } else {
        return Ok(());
    };
    let text = format!("Cannot resolve \"window\" due to data type mismatch: {problem}.");
    Err(Error::new(ErrorKind::Analysis, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "42K09", text))
}

/// Returns the start of the last window that begins at or before `time`. The remainder is never negative, so this
/// also holds before 1970.
fn last_start(time: i64, slide: i64, start: i64) -> i64 {
    time - (time - start).rem_euclid(slide)
}

/// Computes the window of each time; null for null.
fn tumbling(b: &Batch) -> Result<ArrayRef> {
    let time: Prims<TimestampMicrosecondType> = b.prims(0)?;
    let Windows { size, slide, start } = *b.params()?;
    let mut starts = Vec::with_capacity(b.rows);
    let mut valid = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let t = time.get(row);
        valid.push(t.is_some());
        starts.push(t.map_or(0, |t| last_start(t, slide, start)));
    }
    let nulls = NullBuffer::from(valid);
    Ok(Arc::new(windows(starts, size, (nulls.null_count() > 0).then_some(nulls))?))
}

/// Computes the list of windows of each time; an empty one for null.
fn sliding(b: &Batch) -> Result<ArrayRef> {
    let time: Prims<TimestampMicrosecondType> = b.prims(0)?;
    let Windows { size, slide, start } = *b.params()?;
    let mut starts = Vec::with_capacity(b.rows.saturating_mul((size / slide) as usize + 1));
    let mut lengths = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let before = starts.len();
        if let Some(t) = time.get(row) {
            let last = last_start(t, slide, start);
            // A window contains `t` if it begins after `t - size` and not after `t`: these are `last` and every
            // `slide` before it, rounded up.
            let count = (size - (t - last) + slide - 1) / slide;
            starts.extend((0..count).rev().map(|i| last - i * slide));
        }
        lengths.push(starts.len() - before);
    }
    let values = windows(starts, size, None)?;
    let field = Arc::new(Field::new("element", window_struct_type(), false));
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), Arc::new(values), None);
    Ok(Arc::new(crate::kernel::arrow(list)?))
}

/// Makes windows of a size from their starts.
fn windows(starts: Vec<i64>, size: i64, nulls: Option<NullBuffer>) -> Result<StructArray> {
    // At the end of the range of timestamps a window is cut instead of wrapping around.
    let ends: Vec<i64> = starts.iter().map(|s| s.saturating_add(size)).collect();
    let column = |v: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::new(v.into(), nulls.clone()).with_timezone("UTC"))
    };
    let columns = vec![column(starts), column(ends)];
    crate::kernel::arrow(StructArray::try_new(fields(), columns, nulls))
}
