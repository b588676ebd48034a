//! Writes values as JSON, as Spark's `to_json` and its JSON files do.

use super::quote;
use crate::display::{Printer, Style, write_decimal_with_exponent};
use crate::print::{PrintRules, can_print, print};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, TimeUnit, TimestampMicrosecondType};
use base64::Engine;
use std::fmt::Write;

/// Writes values as JSON.
#[derive(Debug)]
pub struct JsonWriter {
    /// The patterns of dates and times.
    pub rules: PrintRules,
    /// Whether null members of objects are left out.
    pub skip_nulls: bool,
}

/// Returns whether values of a type can be written.
pub fn can_write(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Binary => true,
        DataType::List(f) => can_write(f.data_type()),
        DataType::Map(entries, _) => can_write(entries.data_type()),
        DataType::Struct(fields) => fields.iter().all(|f| can_write(f.data_type())),
        other => can_print(other),
    }
}

impl JsonWriter {
    /// Appends an object with a member for each column.
    pub fn object<N: AsRef<str>>(&self, names: &[N], columns: &[ArrayRef], row: usize, out: &mut String) {
        out.push('{');
        let mut first = true;
        for (name, column) in names.iter().zip(columns) {
            let is_null = column.is_null(row) || *column.data_type() == DataType::Null;
            // `ignoreNullFields` concerns members of objects only: nulls in lists and maps are always
            // written.
            if is_null && self.skip_nulls {
                continue;
            }
            out.push_str(if std::mem::take(&mut first) { "" } else { "," });
            quote(name.as_ref(), out);
            out.push(':');
            self.value(column, row, out);
        }
        out.push('}');
    }

    /// Appends a value.
    pub fn value(&self, column: &ArrayRef, row: usize, out: &mut String) {
        if column.is_null(row) {
            return out.push_str("null");
        }
        match column.data_type() {
            DataType::Null => out.push_str("null"),
            DataType::Utf8 => quote(column.as_string::<i32>().value(row), out),
            DataType::Binary => {
                let bytes = column.as_binary::<i32>().value(row);
                quote(&base64::engine::general_purpose::STANDARD.encode(bytes), out);
            }
            DataType::List(_) => {
                let items = column.as_list::<i32>().value(row);
                out.push('[');
                for index in 0..items.len() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.value(&items, index, out);
                }
                out.push(']');
            }
            DataType::Map(..) => self.map(column, row, out),
            DataType::Struct(fields) => {
                let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
                self.object(&names, column.as_struct().columns(), row, out);
            }
            other => self.scalar(other, column, row, out),
        }
    }

    /// Appends a map as an object.
    fn map(&self, column: &ArrayRef, row: usize, out: &mut String) {
        let entries = column.as_map().value(row);
        let (keys, values) = (entries.column(0), entries.column(1));
        out.push('{');
        let mut key = String::new();
        for index in 0..entries.len() {
            out.push_str(if index > 0 { "," } else { "" });
            key.clear();
            self.write_key(keys, index, &mut key);
            quote(&key, out);
            out.push(':');
            self.value(values, index, out);
        }
        out.push('}');
    }

    /// Appends the key of a map as Spark stores it internally: dates as days, timestamps as microseconds.
    fn write_key(&self, keys: &ArrayRef, row: usize, out: &mut String) {
        let _ = match keys.data_type() {
            DataType::Utf8 => out.write_str(keys.as_string::<i32>().value(row)),
            DataType::Date32 => write!(out, "{}", keys.as_primitive::<Date32Type>().value(row)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                write!(out, "{}", keys.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            DataType::Decimal128(_, scale) => {
                write_decimal_with_exponent(out, keys.as_primitive::<Decimal128Type>().value(row), *scale);
                Ok(())
            }
            _ => {
                Printer::in_zone(Style::Cast, self.rules.zone).write(out, keys, row);
                Ok(())
            }
        };
    }

    /// Appends a value that is neither nested nor a text.
    fn scalar(&self, data_type: &DataType, column: &ArrayRef, row: usize, out: &mut String) {
        let start = out.len();
        print(column, row, &self.rules, out);
        let quoted = match data_type {
            DataType::Date32 | DataType::Timestamp(..) => true,
            DataType::Duration(_) | DataType::Interval(_) => true,
            // JSON has no numbers for NaN and infinity: they are strings.
            DataType::Float32 | DataType::Float64 => out.ends_with("NaN") || out.ends_with("Infinity"),
            _ => false,
        };
        if quoted {
            let text = out.split_off(start);
            quote(&text, out);
        }
    }
}
