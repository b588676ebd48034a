//! Values → one record, as Spark's writer prints it.
//!
//! A value is quoted if it holds the separator, a line end or the quote, or begins with the comment mark; an empty
//! string is printed as a marker, so that it is not read back as a null.

use crate::print::{PrintRules, print};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

/// Writes records.
#[derive(Debug)]
pub struct CsvWriter {
    /// What stands between fields.
    pub separator: String,
    /// NUL if quotes are turned off, as Spark does it: what has to be quoted still can be read.
    pub quote: char,
    /// What makes a quote plain.
    pub escape: char,
    /// What escapes the escape inside quotes.
    pub escape_escape: Option<char>,
    /// A value that holds a quote is quoted.
    pub escape_quotes: bool,
    /// Every value is quoted.
    pub quote_all: bool,
    /// What stands for a null.
    pub null_value: String,
    /// What stands for an empty string.
    pub empty_value: String,
    /// Blanks before values go.
    pub trim_start: bool,
    /// Blanks after values go.
    pub trim_end: bool,
    /// What ends a record.
    pub line_separator: String,
    /// What begins a comment.
    pub comment: char,
    /// How dates and times are printed.
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

    /// Appends the record of a row; `buffer` is a scratch text.
    pub fn record(&self, columns: &[ArrayRef], row: usize, buffer: &mut String, out: &mut String) {
        for (index, column) in columns.iter().enumerate() {
            self.begin_cell(index, out);
            if column.is_null(row) || *column.data_type() == DataType::Null {
                self.marker(&self.null_value, out);
                continue;
            }
            buffer.clear();
            print(column, row, &self.rules, buffer);
            self.cell(buffer, index, out);
        }
        out.push_str(&self.line_separator);
    }

    fn begin_cell(&self, index: usize, out: &mut String) {
        if index > 0 {
            out.push_str(&self.separator);
        }
    }

    /// Appends what stands for a null or for an empty string; two quotes are quoted already.
    fn marker(&self, marker: &str, out: &mut String) {
        let quote = (self.quote_all && marker != "\"\"").then_some(self.quote);
        out.extend(quote);
        out.push_str(marker);
        out.extend(quote);
    }

    fn cell(&self, text: &str, column: usize, out: &mut String) {
        let blank = |c: char| c <= ' ';
        let text = if self.trim_start { text.trim_start_matches(blank) } else { text };
        let text = if self.trim_end { text.trim_end_matches(blank) } else { text };
        if text.is_empty() {
            self.marker(&self.empty_value, out);
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
