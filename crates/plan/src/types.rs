//! Marks of columns that a plan carries in the metadata of Arrow fields.

use arrow::datatypes::Field;

/// The key of a field's metadata that marks an event-time column; its value is the delay in microseconds.
pub const EVENT_TIME_KEY: &str = "thalweg.event_time_delay_us";

/// The delay of the watermark on this column in microseconds, if it is an event-time column.
pub fn event_time_of(field: &Field) -> Option<i64> {
    field.metadata().get(EVENT_TIME_KEY).and_then(|text| text.parse().ok())
}
