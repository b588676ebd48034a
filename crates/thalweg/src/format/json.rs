//! Prints one JSON object per row and line.
//!
//! NULL is `null`; numbers keep all their digits, and those that JSON lacks are `"NaN"`,
//! `"Infinity"`, `"-Infinity"`; a timestamp is RFC 3339 in UTC; bytes are hexadecimal; a map is an
//! object with its keys as text.

use super::write;
use crate::report::failed;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use thalweg_common::Result;
use thalweg_engine::display;

/// Prints one line per row.
pub(crate) struct JsonPrinter;

impl JsonPrinter {
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            object(&names, batch.columns(), row, &mut out)?;
            out.push('\n');
        }
        write(out.as_bytes())
    }
}

fn object(names: &[&str], columns: &[ArrayRef], row: usize, out: &mut String) -> Result<()> {
    let members = names.iter().zip(columns).enumerate();
    out.push('{');
    for (index, (name, column)) in members {
        out.push_str(if index > 0 { "," } else { "" });
        text(name, out)?;
        out.push(':');
        value(column, row, out)?;
    }
    out.push('}');
    Ok(())
}

fn value(column: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
    if column.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    // The zone has no effect: a timestamp is printed by another branch.
    let shown = || display::cell(column.as_ref(), row, "UTC");
    match column.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Struct(fields) => {
            let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
            object(&names, column.as_struct().columns(), row, out)?;
        }
        DataType::List(_) => list(&column.as_list::<i32>().value(row), out)?,
        DataType::Map(..) => map(column, row, out)?,
        DataType::Float32 | DataType::Float64 => match shown() {
            // Only the text of a finite number ends with a digit.
            number if number.ends_with(|c: char| c.is_ascii_digit()) => out.push_str(&number),
            word => text(&word, out)?,
        },
        DataType::Boolean => out.push_str(&shown()),
        number if number.is_numeric() => out.push_str(&shown()),
        DataType::Binary | DataType::Date32 | DataType::Timestamp(..) => {
            // Arrow's own text of these types does not depend on the time zone of the session, as Spark's does.
            let options = FormatOptions::default();
            let formatter =
                ArrayFormatter::try_new(column.as_ref(), &options).map_err(|e| failed("json", e))?;
            text(&formatter.value(row).to_string(), out)?;
        }
        _ => text(&shown(), out)?,
    }
    Ok(())
}

fn list(items: &ArrayRef, out: &mut String) -> Result<()> {
    out.push('[');
    for index in 0..items.len() {
        out.push_str(if index > 0 { "," } else { "" });
        value(items, index, out)?;
    }
    out.push(']');
    Ok(())
}

fn map(column: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
    let entries = column.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    out.push('{');
    for index in 0..entries.len() {
        out.push_str(if index > 0 { "," } else { "" });
        text(&display::cell(keys.as_ref(), index, "UTC"), out)?;
        out.push(':');
        value(values, index, out)?;
    }
    out.push('}');
    Ok(())
}

fn text(text: &str, out: &mut String) -> Result<()> {
    out.push_str(&serde_json::to_string(text).map_err(|e| failed("json", e))?);
    Ok(())
}
