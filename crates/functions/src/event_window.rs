//! Event-time windows: the tumbling or sliding windows that an instant lies in.
//!
//! A window is the struct `{start, end}`, end excluded. Windows are aligned to the epoch plus `start`.

use crate::binding::{Arg, Bound};
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel, Nulls, Prims};
use crate::registry::{DisplayForm, Entry, SpecialForm};
use crate::types::timestamp;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimestampMicrosecondType};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

/// The most windows that one instant may lie in.
const OVERLAP_MAX: i64 = 100_000;

/// The functions of windows; the resolver makes their calls, of constants.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry::syntax(&["window"], 2, 4, SpecialForm::Window).shown(DisplayForm::Window).doc("time, size[, slide[, start]]", "Returns the windows of a size that an event time lies in, one for each slide.", &["SELECT window.start, count(*) FROM VALUES (TIMESTAMP '2024-01-01 00:01:00'), (TIMESTAMP '2024-01-01 00:06:00') AS t(v) GROUP BY window(v, '5 minutes') ORDER BY 1"]),
    Entry::syntax(&["window_time"], 1, 1, SpecialForm::WindowTime).doc("window", "Returns the last instant of a window, as an event time.", &["SELECT window_time(window) FROM (SELECT window, count(*) FROM VALUES (TIMESTAMP '2024-01-01 00:01:00') AS t(v) GROUP BY window(v, '5 minutes'))"]),
];

fn fields() -> Fields {
    Fields::from(vec![Field::new("start", timestamp(), true), Field::new("end", timestamp(), true)])
}

/// The type of a window: `Struct<start, end>`.
pub fn window_struct_type() -> DataType {
    DataType::Struct(fields())
}

/// The window of `size` microseconds, aligned to `start`, that `time` lies in; null where time is.
///
/// # Errors
/// A size that is not positive.
pub fn tumbling_window(time: Arg, size: i64, start: i64) -> Result<Bound> {
    check_sizes(size, size, start)?;
    let kernel = Kernel::new("window", window_struct_type(), tumbling).nulls(Nulls::Args);
    Ok(kernel.params(Windows { size, slide: size, start }).call(vec![time]))
}

/// The windows of an event time, in microseconds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Windows {
    size: i64,
    slide: i64,
    start: i64,
}

/// All windows of `size` microseconds, one every `slide`, that `time` lies in, earliest first; none for null.
///
/// # Errors
/// Sizes that are not positive, a slide longer than the size.
pub fn sliding_windows(time: Arg, size: i64, slide: i64, start: i64) -> Result<Bound> {
    check_sizes(size, slide, start)?;
    let returns = DataType::List(Arc::new(Field::new("element", window_struct_type(), false)));
    Ok(Kernel::new("windows", returns, sliding)
        .nulls(Nulls::Never)
        .params(Windows { size, slide, start })
        .call(vec![time]))
}

/// The last instant of a window, which lies in the same windows as the window does.
///
/// # Errors
/// `DATATYPE_MISMATCH` if the argument is no window.
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
        let ends = ends.ok_or_else(|| Error::internal("a window has an end"))?;
        let last = |row: usize| (window.is_valid(row) && ends.is_valid(row)).then(|| ends.value(row) - 1);
        b.build::<TimestampMicrosecondType>(|row| Ok(last(row)))
    });
    Ok(kernel.call(vec![window]))
}

fn check_sizes(size: i64, slide: i64, start: i64) -> Result<()> {
    let problem = if size <= 0 {
        format!("The window duration ({size}) must be greater than 0")
    } else if slide <= 0 {
        format!("The slide duration ({slide}) must be greater than 0")
    } else if slide > size {
        format!("The slide duration ({slide}) must be less than or equal to the windowDuration ({size})")
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

/// The start of the last window that begins at or before `time`.
fn last_start(time: i64, slide: i64, start: i64) -> i64 {
    time - (time - start).rem_euclid(slide)
}

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

fn sliding(b: &Batch) -> Result<ArrayRef> {
    let time: Prims<TimestampMicrosecondType> = b.prims(0)?;
    let Windows { size, slide, start } = *b.params()?;
    let mut starts = Vec::with_capacity(b.rows.saturating_mul((size / slide) as usize + 1));
    let mut lengths = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let before = starts.len();
        if let Some(t) = time.get(row) {
            let last = last_start(t, slide, start);
            // Windows that hold `t` begin after `t - size`: from the earliest, every `slide`, to `last`.
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

fn windows(starts: Vec<i64>, size: i64, nulls: Option<NullBuffer>) -> Result<StructArray> {
    let ends: Vec<i64> = starts.iter().map(|s| s.saturating_add(size)).collect();
    let column = |v: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::new(v.into(), nulls.clone()).with_timezone("UTC"))
    };
    let columns = vec![column(starts), column(ends)];
    crate::kernel::arrow(StructArray::try_new(fields(), columns, nulls))
}
