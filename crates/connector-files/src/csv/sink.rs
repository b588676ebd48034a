//! Rows into CSV files, as Spark's writer prints them.
//!
//! A value is quoted if it holds the separator, a line end or the quote, or begins with the
//! comment mark; an empty string is printed as `emptyValue`, `""` by default, so that it is not
//! read back as a null. Blanks around values go, unless the options keep them.

use super::config::{byte, separator};
use crate::files::write::{FileSink, SinkFormat};
use crate::text::cell::unsupported_type;
use crate::text::config::{only_english, only_utf8};
use crate::text::output::{Packing, TextFile, print_rules};
use crate::text::write::{PrintRules, can_print, print};
use arrow::array::Array;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_storage::durable::write_failed;

/// How CSV files are written.
#[derive(Debug, Clone)]
pub(super) struct CsvSink {
    style: Arc<Style>,
    packing: Packing,
    extension: String,
}

#[derive(Debug)]
struct Style {
    header: bool,
    separator: String,
    /// NUL if quotes are turned off, as Spark does it: what has to be quoted still can be read.
    quote: char,
    escape: char,
    /// What escapes the escape inside quotes.
    escape_escape: Option<char>,
    escape_quotes: bool,
    quote_all: bool,
    null_value: String,
    empty_value: String,
    trim_start: bool,
    trim_end: bool,
    line_separator: String,
    comment: char,
    rules: PrintRules,
}

impl CsvSink {
    /// Reads the options.
    pub(super) fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        only_english(options)?;
        only_utf8(options)?;
        let escape = byte(options, "escape", Some(b'\\'))?.unwrap_or(0).into();
        let quote = byte(options, "quote", Some(b'"'))?.unwrap_or(0).into();
        let doubled = (escape != quote).then_some(escape);
        let style = Style {
            header: options.flag("header", false)?,
            separator: separator(options)?,
            quote,
            escape,
            escape_escape: match options.get("charToEscapeQuoteEscaping") {
                None => doubled,
                Some(_) => byte(options, "charToEscapeQuoteEscaping", None)?.map(char::from),
            },
            escape_quotes: options.flag("escapeQuotes", true)?,
            quote_all: options.flag("quoteAll", false)?,
            null_value: options.get("nullValue").unwrap_or_default().to_owned(),
            empty_value: options.get("emptyValue").unwrap_or("\"\"").to_owned(),
            trim_start: options.flag("ignoreLeadingWhiteSpace", true)?,
            trim_end: options.flag("ignoreTrailingWhiteSpace", true)?,
            line_separator: options.get("lineSep").unwrap_or("\n").to_owned(),
            comment: byte(options, "comment", None)?.map_or('#', char::from),
            rules: print_rules(options, time_zone)?,
        };
        let extension = extension(options)?;
        Ok(Self { style: Arc::new(style), packing: Packing::from_options(options)?, extension })
    }
}

impl SinkFormat for CsvSink {
    fn suffix(&self) -> String {
        format!(".{}{}", self.extension, self.packing.suffix())
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        let can = |t: &DataType| can_print(t) || matches!(t, DataType::Null | DataType::Binary);
        match schema.fields().iter().find(|f| !can(f.data_type())) {
            None => Ok(()),
            Some(field) => Err(unsupported_type("CSV", field.name(), field.data_type())),
        }
    }

    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>> {
        let file = TextFile::new(file, path, self.packing);
        let mut writer =
            Writer { file, path: path.to_owned(), style: Arc::clone(&self.style), line: String::new() };
        if self.style.header {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            writer.header(&names)?;
        }
        Ok(Box::new(writer))
    }
}

struct Writer {
    file: TextFile,
    path: PathBuf,
    style: Arc<Style>,
    line: String,
}

impl Writer {
    fn header(&mut self, names: &[&str]) -> Result<()> {
        self.line.clear();
        for (index, name) in names.iter().enumerate() {
            self.begin_cell(index);
            self.style.push(name, index, &mut self.line);
        }
        self.end_line()
    }

    fn begin_cell(&mut self, index: usize) {
        if index > 0 {
            self.line.push_str(&self.style.separator);
        }
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push_str(&self.style.line_separator);
        self.file.write(&self.line)
    }
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut cell = String::new();
        for row in 0..rows.num_rows() {
            self.line.clear();
            for (index, column) in rows.columns().iter().enumerate() {
                self.begin_cell(index);
                if column.is_null(row) || *column.data_type() == DataType::Null {
                    self.style.push_marker(&self.style.null_value, &mut self.line);
                    continue;
                }
                cell.clear();
                print(column, row, &self.style.rules, &mut cell).ok_or_else(|| unprintable(&self.path))?;
                self.style.push(&cell, index, &mut self.line);
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

impl Style {
    /// Appends what stands for a null or for an empty string; two quotes are quoted already.
    fn push_marker(&self, marker: &str, out: &mut String) {
        let quote = (self.quote_all && marker != "\"\"").then_some(self.quote);
        out.extend(quote);
        out.push_str(marker);
        out.extend(quote);
    }

    fn push(&self, text: &str, column: usize, out: &mut String) {
        let blank = |c: char| c <= ' ';
        let text = if self.trim_start { text.trim_start_matches(blank) } else { text };
        let text = if self.trim_end { text.trim_end_matches(blank) } else { text };
        if text.is_empty() {
            self.push_marker(&self.empty_value, out);
            return;
        }
        let quote = self.quote;
        let looks_like_comment = column == 0 && text.starts_with(self.comment);
        let needed = text.contains(&self.separator)
            || text.contains(['\n', '\r'])
            || text.contains(&self.line_separator)
            || text.starts_with(quote)
            || looks_like_comment;
        if !(self.quote_all || needed || self.escape_quotes && text.contains(quote)) {
            out.push_str(text);
            return;
        }
        out.push(quote);
        for c in text.chars() {
            if c == quote {
                out.push(self.escape);
            } else if c == self.escape {
                out.extend(self.escape_escape);
            }
            out.push(c);
        }
        out.push(quote);
    }
}

/// The end of the files' names: three letters, `csv` by default.
fn extension(options: &OptionMap) -> Result<String> {
    let text = options.get("extension").unwrap_or("csv");
    if text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    Err(options.bad("extension", "three letters"))
}

fn unprintable(path: &Path) -> thalweg_common::Error {
    write_failed(path, &std::io::Error::other("a date or time is out of range"))
}
