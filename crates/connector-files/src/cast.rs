//! Converts columns of rows to the types that a table has for them: at any depth, struct fields by name.
//!
//! This is not the CAST of SQL, which `functions` has. A CAST converts between any two types by the rules of the ANSI
//! mode, rounds and truncates, reads texts, and matches the fields of structs by position. Here the types have been
//! checked to hold each other's values ([`fits` of Parquet](crate::parquet::types), `fit` of Delta tables), so that
//! nothing is rounded or read, and structs are matched by name, as the columns of files are. A struct field that the
//! values lack is null. Only a date or timestamp can be out of range. What both need to know of time zones is in
//! `values`: dates and wall-clock times become instants in the session's zone.

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, FieldRef, Fields, TimeUnit, TimestampMicrosecondType};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::calendar::{DAY, SECOND};
use thalweg_values::datetime::Timestamp;
use thalweg_values::names::same_name;
use thalweg_values::zone::Zone;

/// The instant at which clocks of a zone show a time; none if it is out of range.
fn instant_in(zone: Zone, local: i64) -> Option<i64> {
    Timestamp { local, zone: None }.instant(zone)
}

/// Returns the position of a field: the one that is spelled the same, or else the first that differs by case only.
///
/// ```
/// use arrow::datatypes::{DataType, Field, Fields};
/// use thalweg_connector_files::cast::place;
///
/// let fields = Fields::from(["a", "A"].map(|name| Field::new(name, DataType::Int32, true)).to_vec());
/// assert_eq!((place(&fields, "A"), place(&fields, "a"), place(&fields, "b")), (Some(1), Some(0), None));
/// ```
pub fn place(fields: &Fields, name: &str) -> Option<usize> {
    let exact = fields.iter().position(|f| f.name() == name);
    exact.or_else(|| fields.iter().position(|f| same_name(f.name(), name)))
}

fn unfit(cause: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CAST_INVALID_INPUT",
        "22018",
        format!("A value does not fit its column: {cause}."),
    )
}

/// Returns `column` as values of the type `to`.
///
/// # Errors
/// `CAST_INVALID_INPUT` or `DATETIME_OVERFLOW` if a value is not one of the type.
pub fn cast(column: &ArrayRef, to: &DataType, zone: Zone) -> Result<ArrayRef> {
    use DataType as T;
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    match (column.data_type(), to) {
        (T::Null, _) => Ok(new_null_array(to, column.len())),
        (T::Struct(_), T::Struct(fields)) => Ok(Arc::new(cast_struct(column.as_struct(), fields, zone)?)),
        (T::List(_), T::List(item)) => {
            let list = column.as_list::<i32>();
            let values = cast(list.values(), item.data_type(), zone)?;
            let list =
                ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(list.map_err(|e| unfit(&e))?))
        }
        (T::Map(..), T::Map(entries, sorted)) => cast_map(column.as_map(), entries, *sorted, zone),
        (T::Date32, T::Timestamp(TimeUnit::Microsecond, instant)) => {
            let local = |day: i32| i64::from(day).checked_mul(DAY);
            let days = column.as_primitive::<Date32Type>().iter();
            times(days.map(|d| d.map(local)), instant.as_ref(), |us| instant_in(zone, us))
        }
        (T::Timestamp(TimeUnit::Microsecond, None), T::Timestamp(TimeUnit::Microsecond, Some(_))) => {
            let walls = column.as_primitive::<TimestampMicrosecondType>().iter();
            times(walls.map(|t| t.map(Some)), Some(&"UTC".into()), |us| instant_in(zone, us))
        }
        (T::Timestamp(TimeUnit::Microsecond, Some(_)), T::Timestamp(TimeUnit::Microsecond, None)) => {
            let wall = |us: i64| us.checked_add(zone.offset_s(us) * SECOND);
            let instants = column.as_primitive::<TimestampMicrosecondType>().iter();
            times(instants.map(|t| t.map(wall)), None, Some)
        }
        _ => {
            // What does not fit is an error: a null in its place would be a lost value.
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(column, to, &strict).map_err(|e| unfit(&e))
        }
    }
}

/// Makes timestamps of microseconds; a value without microseconds is out of range. With a zone, `instant` converts
/// each.
fn times(
    values: impl Iterator<Item = Option<Option<i64>>>,
    zone: Option<&Arc<str>>,
    instant: impl Fn(i64) -> Option<i64>,
) -> Result<ArrayRef> {
    let mut out = TimestampMicrosecondArray::builder(values.size_hint().0);
    for value in values {
        match value {
            None => out.append_null(),
            Some(us) => {
                let us = us.and_then(|us| if zone.is_some() { instant(us) } else { Some(us) });
                out.append_value(us.ok_or_else(out_of_range)?);
            }
        }
    }
    Ok(Arc::new(out.finish().with_timezone_opt(zone.cloned())))
}

fn out_of_range() -> Error {
    let message = "A date or timestamp is out of the range of the table's timestamp.";
    Error::new(ErrorKind::DateTime, "DATETIME_OVERFLOW", "22008", message)
}

fn cast_struct(rows: &StructArray, fields: &Fields, zone: Zone) -> Result<StructArray> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        // A file that was written before a field was added to the table lacks it.
        columns.push(match place(rows.fields(), field.name()) {
            None => new_null_array(field.data_type(), rows.len()),
            Some(at) => cast(rows.column(at), field.data_type(), zone)?,
        });
    }
    StructArray::try_new_with_length(fields.clone(), columns, rows.nulls().cloned(), rows.len())
        .map_err(|e| unfit(&e))
}

fn cast_map(map: &MapArray, entries: &FieldRef, sorted: bool, zone: Zone) -> Result<ArrayRef> {
    // Keys and values are matched by position: their names differ between writers.
    let DataType::Struct(fields) = entries.data_type() else { return Err(unfit(&"a map without entries")) };
    let columns = fields
        .iter()
        .zip([map.keys(), map.values()])
        .map(|(field, column)| cast(column, field.data_type(), zone))
        .collect::<Result<Vec<_>>>()?;
    let pairs = StructArray::try_new(fields.clone(), columns, None).map_err(|e| unfit(&e))?;
    let map =
        MapArray::try_new(Arc::clone(entries), map.offsets().clone(), pairs, map.nulls().cloned(), sorted);
    Ok(Arc::new(map.map_err(|e| unfit(&e))?))
}
