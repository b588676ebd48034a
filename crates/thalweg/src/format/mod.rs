//! Prints rows to stdout as box, CSV or JSON. The box keeps the first rows and counts the others; CSV and JSON stream.

mod boxed;
mod csv;
mod json;

pub(crate) use boxed::Table;

use crate::report::no_stdout;
use arrow::array::RecordBatch;
use std::io::Write;
use thalweg_common::Result;

/// The formats in which rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for people: names, types, the first rows and their number
    Box,
    /// Comma-separated values with a header; NULL is an empty field, an empty string is ""
    Csv,
    /// One JSON object per line
    Json,
}

/// Prints the rows of one result.
pub(crate) enum RowPrinter {
    Box(Table),
    Csv(csv::CsvPrinter),
    Json(json::JsonPrinter),
}

impl RowPrinter {
    /// Creates a printer for columns of (name, type); timestamps are shown in `time_zone`.
    pub(crate) fn new(
        format: Format,
        columns: Vec<(String, String)>,
        time_zone: String,
        max_rows: usize,
    ) -> Self {
        match format {
            Format::Box => RowPrinter::Box(Table::new(columns, time_zone, max_rows)),
            Format::Csv => RowPrinter::Csv(csv::CsvPrinter::new(columns, time_zone)),
            Format::Json => RowPrinter::Json(json::JsonPrinter),
        }
    }

    /// Prints rows, or collects them for the box.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            RowPrinter::Box(table) => {
                table.batch(batch);
                Ok(())
            }
            RowPrinter::Csv(lines) => lines.batch(batch),
            RowPrinter::Json(lines) => lines.batch(batch),
        }
    }

    /// Prints what is not printed yet. A statement without columns prints nothing.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            RowPrinter::Box(table) => write(table.render().as_bytes()),
            RowPrinter::Csv(lines) => lines.finish(),
            RowPrinter::Json(_) => Ok(()),
        }
    }
}

/// Writes to stdout.
fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    // Each batch is flushed, so that the reader of a pipe gets rows while the query runs.
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| no_stdout(&e))
}
