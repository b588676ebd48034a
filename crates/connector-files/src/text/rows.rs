//! Makes batches of the records of text files, by Spark's modes: what CSV and JSON share.
//!
//! A format reads a record into its builders and reports for each row whether it fits. By the mode a row is then kept
//! or left out, or the read fails, and the column of corrupt records gets the text. Only the columns that are asked
//! for are built, unless the others decide whether a record fits.

use super::config::{Mode, corrupt_place, malformed, unsupported_type};
use arrow::array::{ArrayRef, BooleanArray, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// The rows of one batch. The rows of one record stay together, so an array of JSON may make it larger.
const BATCH_ROWS: usize = 8192;

/// The records of one split and the columns that are built from them.
pub(crate) trait Records: Send {
    /// Appends the rows of the next record, with a verdict for each; false at the end.
    fn append_next(&mut self, verdicts: &mut Verdicts) -> Result<bool>;
    /// Returns where the last record is, for messages.
    fn place(&self) -> String;
    /// Returns the built columns, in the order of [`Layout::built`].
    fn finish(&mut self) -> Result<Vec<ArrayRef>>;
}

/// The columns that the records of text files have.
#[derive(Debug)]
pub(crate) struct Columns {
    pub schema: SchemaRef,
    /// The position of the column for records that do not fit.
    pub corrupt: Option<usize>,
}

impl Columns {
    /// Takes the columns of a schema, and refuses those that `can_hold` says a format cannot hold.
    pub(crate) fn new(
        format: &str,
        schema: SchemaRef,
        corrupt_column: &str,
        can_hold: impl Fn(&DataType) -> bool,
    ) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|f| !can_hold(f.data_type())) {
            return Err(unsupported_type(format, field.name(), field.data_type()));
        }
        let corrupt = corrupt_place(&schema, corrupt_column)?;
        Ok(Self { schema, corrupt })
    }
}

/// Which columns of a schema are built, and which are shown.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Places in the schema of the columns that are built.
    pub built: Vec<usize>,
    /// For each column asked for its place in `built`; none for the corrupt column.
    shown: Vec<Option<usize>>,
    schema: SchemaRef,
    keeps_corrupt: bool,
}

impl Layout {
    /// The layout of those of the columns that are at `asked`.
    pub(crate) fn new(columns: &Columns, mode: Mode, asked: &[usize]) -> Result<Self> {
        let Columns { schema, corrupt } = columns;
        let corrupt = *corrupt;
        let keeps_corrupt = corrupt.is_some_and(|c| asked.contains(&c));
        // PERMISSIVE without the corrupt column keeps every row, so a cell that is not asked for cannot matter.
        let judges_all = mode != Mode::Permissive || keeps_corrupt;
        let built: Vec<usize> = (0..schema.fields().len())
            .filter(|i| Some(*i) != corrupt && (judges_all || asked.contains(i)))
            .collect();
        let shown = asked.iter().map(|c| built.iter().position(|b| b == c)).collect();
        let schema = schema.project(asked).map_err(|e| Error::internal(format!("a projection: {e}")))?;
        Ok(Self { built, shown, schema: Arc::new(schema), keeps_corrupt })
    }
}

/// The verdicts on the rows of a batch.
#[derive(Debug)]
pub(crate) struct Verdicts {
    mode: Mode,
    kept: Vec<bool>,
    corrupt: Option<StringBuilder>,
    /// The record that ends a read in FAILFAST mode.
    refused: Option<String>,
}

impl Verdicts {
    /// Records the verdict on a row of the record `text`, which was appended to the columns.
    pub(crate) fn row(&mut self, fits: bool, text: &str) {
        if let Some(corrupt) = &mut self.corrupt {
            corrupt.append_option((!fits).then_some(text));
        }
        if !fits && self.mode == Mode::FailFast {
            self.refused = Some(text.to_owned());
        }
        self.kept.push(fits || self.mode == Mode::Permissive);
    }
}

/// The batches of one split.
pub(crate) struct Rows<R> {
    records: R,
    layout: Layout,
    verdicts: Verdicts,
    done: bool,
}

impl<R: Records> Rows<R> {
    pub(crate) fn new(records: R, layout: Layout, mode: Mode) -> Self {
        let corrupt = layout.keeps_corrupt.then(StringBuilder::new);
        let verdicts = Verdicts { mode, kept: Vec::new(), corrupt, refused: None };
        Self { records, layout, verdicts, done: false }
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.verdicts.kept.len() < BATCH_ROWS {
            if !self.records.append_next(&mut self.verdicts)? {
                self.done = true;
                break;
            }
            if let Some(record) = self.verdicts.refused.take() {
                return Err(malformed(&record, &self.records.place()));
            }
        }
        if self.verdicts.kept.is_empty() { Ok(None) } else { self.finish().map(Some) }
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let kept = std::mem::take(&mut self.verdicts.kept);
        let columns = self.records.finish()?;
        let corrupt: Option<ArrayRef> =
            self.verdicts.corrupt.as_mut().map(|b| Arc::new(b.finish()) as ArrayRef);
        let array = |place: &Option<usize>| match place {
            Some(index) => columns.get(*index).cloned(),
            None => corrupt.clone(),
        };
        let arrays: Option<Vec<ArrayRef>> = self.layout.shown.iter().map(array).collect();
        let arrays = arrays.ok_or_else(|| Error::internal("a column of a text file was not built"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let wrong = |e| Error::internal(format!("a batch of a text file: {e}"));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.layout.schema), arrays, &options)
            .map_err(wrong)?;
        // Most batches are whole, and are not copied.
        if kept.iter().all(|k| *k) {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::from(kept)).map_err(wrong)
    }
}

impl<R: Records> Iterator for Rows<R> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.batch();
        // After an error the builders hold half a record.
        self.done |= batch.is_err();
        batch.transpose()
    }
}
