//! Comma-separated values with a header line. NULL is an empty field, values read as `show()` prints them.

use super::write;
use crate::report::failed;
use arrow::array::{Array, RecordBatch};
use thalweg_common::Result;
use thalweg_engine::display;

/// Writes lines as batches come.
pub struct Lines {
    header: Vec<String>,
    time_zone: String,
    started: bool,
}

impl Lines {
    pub fn new(columns: Vec<(String, String)>, time_zone: String) -> Self {
        Self { header: columns.into_iter().map(|(name, _)| name).collect(), time_zone, started: false }
    }

    pub fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        if !self.started {
            self.started = true;
            record(&mut writer, &self.header)?;
        }
        for row in 0..batch.num_rows() {
            let cell = |c: &std::sync::Arc<dyn Array>| match c.is_null(row) {
                true => String::new(),
                false => display::cell(c.as_ref(), row, &self.time_zone),
            };
            let cells: Vec<String> = batch.columns().iter().map(cell).collect();
            record(&mut writer, &cells)?;
        }
        write(&writer.into_inner().map_err(|e| failed("csv", e))?)
    }

    pub fn finish(mut self) -> Result<()> {
        if self.started || self.header.is_empty() {
            return Ok(());
        }
        self.started = true;
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        record(&mut writer, &self.header)?;
        write(&writer.into_inner().map_err(|e| failed("csv", e))?)
    }
}

fn record(writer: &mut ::csv::Writer<Vec<u8>>, cells: &[String]) -> Result<()> {
    writer.write_record(cells).map_err(|e| failed("csv", e))
}
