//! Writes values as one record, as Spark's writer does.
//!
//! A value is quoted if it contains the separator, a line end or the quote, or begins with the comment character. An
//! empty string is written as a marker, so that it is not read back as a null.

use crate::print::{PrintRules, print};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

/// Writes records.
#[derive(Debug)]
pub struct CsvWriter {
    /// The text between fields.
    pub separator: String,
    /// The character that encloses fields; NUL if quotes are turned off, which Spark then writes.
    pub quote: char,
    /// The character that escapes a quote.
    pub escape: char,
    /// The character that escapes the escape inside quotes.
    pub escape_escape: Option<char>,
    /// Set if a value that contains a quote is quoted.
    pub escape_quotes: bool,
    /// Set if every value is quoted.
    pub quote_all: bool,
    /// The text of a null.
    pub null_value: String,
    /// The text of an empty string.
    pub empty_value: String,
    /// Set if blanks before values are removed.
    pub trim_start: bool,
    /// Set if blanks after values are removed.
    pub trim_end: bool,
    /// The text that ends a record.
    pub line_separator: String,
    /// The character that begins a comment.
    pub comment: char,
    /// The patterns of dates and times.
    pub rules: PrintRules,
}

impl CsvWriter {
    /// Appends a record of names.
    pub fn header<N: AsRef<str>>(&self, names: &[N], out: &mut String) {
        for (index, name) in names.iter().enumerate() {
            self.begin_cell(index, out);
            self.cell(name.as_ref(), index, out);
        }
        out.push_str(&self.line_separator);
    }

    /// Appends the record of a row. `buffer` is reused for the text of each value.
    pub fn record(&self, columns: &[ArrayRef], row: usize, buffer: &mut String, out: &mut String) {
        for (index, column) in columns.iter().enumerate() {
            self.begin_cell(index, out);
            if column.is_null(row) || *column.data_type() == DataType::Null {
                self.marker(&self.null_value, out);
                continue;
            }
            buffer.clear();
            self.value(column, row, buffer);
            self.cell(buffer, index, out);
        }
        out.push_str(&self.line_separator);
    }

    /// Appends the text of a value that is not null, without quotes: arrays, maps and structs as CAST to STRING shows
    /// them, but with the patterns and the text of nulls of this writer.
    fn value(&self, column: &ArrayRef, row: usize, out: &mut String) {
        match column.data_type() {
            DataType::List(_) => {
                let items = column.as_list::<i32>().value(row);
                self.parts(['[', ']'], items.len(), out, |index, out| {
                    self.part(&items, index, index > 0, out)
                });
            }
            DataType::Map(..) => {
                let entries = column.as_map().value(row);
                let [keys, values] = entries.columns() else { return };
                self.parts(['{', '}'], entries.len(), out, |index, out| {
                    self.part(keys, index, index > 0, out);
                    out.push_str(" ->");
                    self.part(values, index, true, out);
                });
            }
            DataType::Struct(_) => {
                let columns = column.as_struct().columns();
                self.parts(['{', '}'], columns.len(), out, |index, out| {
                    columns
                        .iter()
                        .skip(index)
                        .take(1)
                        .for_each(|column| self.part(column, row, index > 0, out));
                });
            }
            _ => print(column, row, &self.rules, out),
        }
    }

    /// Appends so many parts between two brackets, with commas.
    fn parts(
        &self,
        [open, close]: [char; 2],
        count: usize,
        out: &mut String,
        part: impl Fn(usize, &mut String),
    ) {
        out.push(open);
        for index in 0..count {
            out.push_str(if index > 0 { "," } else { "" });
            part(index, out);
        }
        out.push(close);
    }

    /// Appends an element, a key, a value or a field, after a blank. As in Spark, there is none before a null whose text
    /// is empty, and always one before any other null.
    fn part(&self, column: &ArrayRef, row: usize, blank: bool, out: &mut String) {
        let is_null = column.is_null(row) || *column.data_type() == DataType::Null;
        let blank = if is_null { !self.null_value.is_empty() } else { blank };
        out.push_str(if blank { " " } else { "" });
        match is_null {
            true => out.push_str(&self.null_value),
            false => self.value(column, row, out),
        }
    }

    fn begin_cell(&self, index: usize, out: &mut String) {
        if index > 0 {
            out.push_str(&self.separator);
        }
    }

    /// Appends the text of a null or of an empty string. The marker `""` is not quoted again.
    fn marker(&self, marker: &str, out: &mut String) {
        let quote = (self.quote_all && marker != "\"\"").then_some(self.quote);
        out.extend(quote);
        out.push_str(marker);
        out.extend(quote);
    }

    /// Appends the text of a value, in quotes if it needs them.
    fn cell(&self, text: &str, column: usize, out: &mut String) {
        let blank = |c: char| c <= ' ';
        let text = if self.trim_start { text.trim_start_matches(blank) } else { text };
        let text = if self.trim_end { text.trim_end_matches(blank) } else { text };
        if text.is_empty() {
            self.marker(&self.empty_value, out);
            return;
        }
        let quote = self.quote;
        // Only the first field of a record could be read back as a comment.
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
            // The escape is escaped only if an option says by what.
            } else if c == self.escape {
                out.extend(self.escape_escape);
            }
            out.push(c);
        }
        out.push(quote);
    }
}
