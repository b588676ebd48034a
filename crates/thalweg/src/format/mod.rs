//! Rows on stdout: box, csv or json. The box keeps the first rows and counts the rest; the others stream.

mod boxed;
mod csv;
mod json;

pub use boxed::Table;

use crate::report::no_stdout;
use arrow::array::RecordBatch;
use std::io::Write;
use thalweg_common::Result;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people: names, types, the first rows and their number
    Box,
    /// Comma-separated values with a header; NULL is an empty field, an empty string is ""
    Csv,
    /// One JSON object per line
    Json,
}

/// Prints the rows of one result.
pub enum Printer {
    Box(Table),
    Csv(csv::Lines),
    Json(json::Lines),
}

impl Printer {
    /// A printer for columns of (name, type); timestamps are shown in `time_zone`.
    pub fn new(format: Format, columns: Vec<(String, String)>, time_zone: String, max_rows: usize) -> Self {
        match format {
            Format::Box => Printer::Box(Table::new(columns, time_zone, max_rows)),
            Format::Csv => Printer::Csv(csv::Lines::new(columns, time_zone)),
            Format::Json => Printer::Json(json::Lines),
        }
    }

    /// Takes rows.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Printer::Box(table) => {
                table.batch(batch);
                Ok(())
            }
            Printer::Csv(lines) => lines.batch(batch),
            Printer::Json(lines) => lines.batch(batch),
        }
    }

    /// Prints what is not printed yet. A statement without columns prints nothing.
    pub fn finish(self) -> Result<()> {
        match self {
            Printer::Box(table) => write(table.render().as_bytes()),
            Printer::Csv(lines) => lines.finish(),
            Printer::Json(_) => Ok(()),
        }
    }
}

/// Writes to stdout.
fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| no_stdout(&e))
}
