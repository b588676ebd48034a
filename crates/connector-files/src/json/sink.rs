//! Rows into JSON files, one object per line, as Spark's writer prints them.

use super::value::write_text;
use crate::files::write::{FileSink, SinkFormat};
use crate::text::cell::unsupported_type;
use crate::text::config::{only_english, only_utf8};
use crate::text::output::{Packing, TextFile, print_rules};
use crate::text::write::{PrintRules, can_print, print};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use base64::Engine;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_storage::durable::write_failed;

/// How JSON files are written.
#[derive(Debug, Clone)]
pub(super) struct JsonSink {
    style: Arc<Style>,
    packing: Packing,
}

#[derive(Debug)]
struct Style {
    skip_nulls: bool,
    line_separator: String,
    rules: PrintRules,
}

impl JsonSink {
    /// Reads the options.
    pub fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        only_english(options)?;
        only_utf8(options)?;
        let style = Style {
            skip_nulls: options.flag("ignoreNullFields", true)?,
            line_separator: options.get("lineSep").unwrap_or("\n").to_owned(),
            rules: print_rules(options, time_zone)?,
        };
        Ok(Self { style: Arc::new(style), packing: Packing::from_options(options)? })
    }
}

impl SinkFormat for JsonSink {
    fn suffix(&self) -> String {
        format!(".json{}", self.packing.suffix())
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        match schema.fields().iter().find(|f| !can_hold(f.data_type())) {
            None => Ok(()),
            Some(field) => Err(unsupported_type("JSON", field.name(), field.data_type())),
        }
    }

    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>> {
        let names = schema.fields().iter().map(|f| f.name().clone()).collect();
        let file = TextFile::new(file, path, self.packing);
        Ok(Box::new(Writer { file, path: path.to_owned(), names, style: Arc::clone(&self.style) }))
    }
}

fn can_hold(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Binary => true,
        DataType::List(f) => can_hold(f.data_type()),
        DataType::Map(entries, _) => can_hold(entries.data_type()),
        DataType::Struct(fields) => fields.iter().all(|f| can_hold(f.data_type())),
        other => can_print(other),
    }
}

struct Writer {
    file: TextFile,
    path: PathBuf,
    names: Vec<String>,
    style: Arc<Style>,
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut line = String::new();
        for row in 0..rows.num_rows() {
            line.clear();
            let printed = self.style.object(&self.names, rows.columns(), row, &mut line);
            printed.ok_or_else(|| write_failed(&self.path, &std::io::Error::other("a value has no text")))?;
            line.push_str(&self.style.line_separator);
            self.file.write(&line)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

impl Style {
    fn object<N: AsRef<str>>(
        &self,
        names: &[N],
        columns: &[ArrayRef],
        row: usize,
        out: &mut String,
    ) -> Option<()> {
        out.push('{');
        let mut first = true;
        for (name, column) in names.iter().zip(columns) {
            let is_null = column.is_null(row) || *column.data_type() == DataType::Null;
            if is_null && self.skip_nulls {
                continue;
            }
            out.push_str(if std::mem::take(&mut first) { "" } else { "," });
            write_text(name.as_ref(), out);
            out.push(':');
            self.value(column, row, out)?;
        }
        out.push('}');
        Some(())
    }

    fn value(&self, column: &ArrayRef, row: usize, out: &mut String) -> Option<()> {
        if column.is_null(row) {
            out.push_str("null");
            return Some(());
        }
        match column.data_type() {
            DataType::Null => out.push_str("null"),
            DataType::Binary => {
                let bytes = column.as_binary::<i32>().value(row);
                write_text(&base64::engine::general_purpose::STANDARD.encode(bytes), out);
            }
            DataType::List(_) => {
                let items = column.as_list::<i32>().value(row);
                out.push('[');
                for index in 0..items.len() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.value(&items, index, out)?;
                }
                out.push(']');
            }
            DataType::Map(..) => self.map(column, row, out)?,
            DataType::Struct(fields) => {
                let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
                self.object(&names, column.as_struct().columns(), row, out)?;
            }
            DataType::Utf8 => write_text(column.as_string::<i32>().value(row), out),
            other => self.scalar(other, column, row, out)?,
        }
        Some(())
    }

    fn map(&self, column: &ArrayRef, row: usize, out: &mut String) -> Option<()> {
        let entries = column.as_map().value(row);
        let (keys, values) = (entries.column(0), entries.column(1));
        out.push('{');
        for index in 0..entries.len() {
            out.push_str(if index > 0 { "," } else { "" });
            let mut key = String::new();
            print(keys, index, &self.rules, &mut key)?;
            write_text(&key, out);
            out.push(':');
            self.value(values, index, out)?;
        }
        out.push('}');
        Some(())
    }

    fn scalar(&self, data_type: &DataType, column: &ArrayRef, row: usize, out: &mut String) -> Option<()> {
        let start = out.len();
        print(column, row, &self.rules, out)?;
        let quoted = match data_type {
            DataType::Date32 | DataType::Timestamp(..) => true,
            // JSON has no number for these.
            DataType::Float32 | DataType::Float64 => out.ends_with("NaN") || out.ends_with("Infinity"),
            _ => false,
        };
        if quoted {
            let text = out.split_off(start);
            write_text(&text, out);
        }
        Some(())
    }
}
