//! Writes values as one record, as Spark's writer does.
//!
//! A value is quoted if it contains the separator, a line end or the quote, or begins with the comment character. An
//! empty string is written as a marker, so that it is not read back as a null.

use crate::print::{PrintRules, print};
use arrow::array::{Array, ArrayRef};
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
