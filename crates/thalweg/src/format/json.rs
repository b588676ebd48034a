//! One JSON object per row and line; NULL is `null`, timestamps are RFC 3339 in UTC.

use super::write;
use crate::report::failed;
use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use thalweg_common::Result;

/// Writes lines as batches come.
pub struct Lines;

impl Lines {
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let builder = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = builder.build::<_, LineDelimited>(Vec::new());
        writer.write(batch).and_then(|()| writer.finish()).map_err(|e| failed("json", e))?;
        write(&writer.into_inner())
    }
}
