//! Reads the event times of a column: timestamps, or windows, which count with their end.

use crate::error::unsupported;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use thalweg_common::Result;

/// Returns the event time of each row of `column`, in microseconds since 1970.
///
/// # Errors
/// If the column is missing, or is neither a `Timestamp(Microsecond)` nor a `Struct<start, end>` of these.
pub(crate) fn event_times(column: Option<&ArrayRef>) -> Result<Vec<Option<i64>>> {
    let column = column.ok_or_else(|| unsupported("an event time whose column is missing"))?;
    let times = match column.as_struct_opt() {
        None => column,
        Some(window) => window.columns().get(1).ok_or_else(|| unsupported("a window without an end"))?,
    };
    let times = times.as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.ok_or_else(|| unsupported("an event time that is not a timestamp"))?;
    // A null window may have an end in its buffers.
    let value = |row: usize| (column.is_valid(row) && times.is_valid(row)).then(|| times.value(row));
    Ok((0..column.len()).map(value).collect())
}
