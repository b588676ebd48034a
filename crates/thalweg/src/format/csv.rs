//! Prints comma-separated values with a header line; values have the text of `show()`.
//!
//! NULL is an empty field and an empty string is `""`, so that the two differ; a row that is
//! only a NULL is `""` too, since most readers skip an empty line. Quotes are doubled.

use super::write;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use thalweg_common::Result;
use thalweg_engine::display;

/// Prints one line per row.
pub(crate) struct CsvPrinter {
    header: Vec<String>,
    time_zone: String,
    started: bool,
}

impl CsvPrinter {
    pub(crate) fn new(columns: Vec<(String, String)>, time_zone: String) -> Self {
        Self { header: columns.into_iter().map(|(name, _)| name).collect(), time_zone, started: false }
    }

    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut out = self.begin();
        for row in 0..batch.num_rows() {
            // A column of the type NULL has no null bits, so its rows do not count as null.
            let cell = |c: &ArrayRef| match c.is_null(row) || *c.data_type() == DataType::Null {
                true => None,
                false => Some(display::cell(c.as_ref(), row, &self.time_zone)),
            };
            let cells: Vec<Option<String>> = batch.columns().iter().map(cell).collect();
            line(&cells, &mut out);
        }
        write(out.as_bytes())
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        // A result without rows has its header nevertheless.
        write(self.begin().as_bytes())
    }

    /// Returns the header, unless it has been written.
    fn begin(&mut self) -> String {
        let mut out = String::new();
        if !std::mem::replace(&mut self.started, true) && !self.header.is_empty() {
            let names: Vec<_> = self.header.iter().cloned().map(Some).collect();
            line(&names, &mut out);
        }
        out
    }
}

fn line(cells: &[Option<String>], out: &mut String) {
    for (index, cell) in cells.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        match cell.as_deref() {
            None if cells.len() > 1 => {}
            None | Some("") => out.push_str("\"\""),
            Some(text) if text.contains([',', '"', '\n', '\r']) => {
                out.push('"');
                out.push_str(&text.replace('"', "\"\""));
                out.push('"');
            }
            Some(text) => out.push_str(text),
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_read_back() {
        let cases: [(&[Option<&str>], &str); 5] = [
            (&[Some("a"), None, Some("")], "a,,\"\"\n"),
            (&[Some("a,b"), Some("c\"d"), Some("e\nf")], "\"a,b\",\"c\"\"d\",\"e\nf\"\n"),
            (&[None], "\"\"\n"),
            (&[Some(" x ")], " x \n"),
            (&[], "\n"),
        ];
        for (cells, wanted) in cases {
            let cells: Vec<_> = cells.iter().map(|c| c.map(str::to_owned)).collect();
            let mut out = String::new();
            line(&cells, &mut out);
            assert_eq!(out, wanted);
        }
    }
}
