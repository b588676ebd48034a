//! Reads Parquet files, or the row groups that begin in a range of one, converted to the columns of a table.

use super::files::{footer, not_parquet};
use super::types::check_fits;
use crate::cast::{cast, place};
use crate::files::io::FileReadAt;
use crate::files::{Batches, FileEntry, FileReader, Split};
use arrow::array::new_null_array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::names::same_name;
use thalweg_values::zone::Zone;

const BATCH_ROWS: usize = 8192;

/// Reads Parquet files as rows of one schema; a column that a file lacks is null.
#[derive(Debug)]
pub(super) struct ParquetReader {
    pub schema: SchemaRef,
}

impl FileReader for ParquetReader {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches> {
        let path = split.file.path.clone();
        // A writer that died before its first byte leaves such a file.
        if split.file.size_bytes == 0 {
            return Ok(Box::new(std::iter::empty()));
        }
        let footer = footer(&path)?;
        let wrong = |e| Error::internal(format!("a projection: {e}"));
        let wanted = Arc::new(self.schema.project(columns).map_err(wrong)?);
        check_fits(&path, &footer.schema, &wanted)?;
        let has = |name: &str| wanted.fields().iter().any(|f| same_name(f.name(), name));
        // A struct is read with all of its fields: which of them are wanted is matched by name below.
        let roots: Vec<usize> = footer
            .schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, f)| has(f.name()))
            .map(|(i, _)| i)
            .collect();
        let mask = ProjectionMask::roots(footer.metadata.parquet_schema(), roots);
        // The footer that was checked is used, and not read again: the file could be replaced in between.
        let file = FileReadAt::open(&path, 0).map_err(|e| crate::files::list::read_failed(&path, &e))?;
        let groups = row_groups(footer.metadata.metadata(), split);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.metadata)
            .with_projection(mask)
            .with_row_groups(groups)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| not_parquet(&path, &e))?;
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(|e| not_parquet(&path, &e))?;
            conform(&batch, &wanted, &path)
        })))
    }

    fn can_split(&self, _file: &FileEntry) -> bool {
        true
    }
}

/// Returns the row groups that begin in the range of a split, so that the ranges of a file yield each group once.
fn row_groups(metadata: &ParquetMetaData, split: &Split) -> Vec<usize> {
    let begins = |group: &RowGroupMetaData| {
        let first = group.columns().iter().map(|c| c.byte_range().0).min();
        // A group without columns is at the start of the file.
        (split.start..split.end.max(split.start + 1)).contains(&first.unwrap_or(0))
    };
    let groups = metadata.row_groups().iter().enumerate();
    groups.filter(|(_, group)| begins(group)).map(|(number, _)| number).collect()
}

/// Converts a batch of a file that fits to the columns of `wanted`.
fn conform(batch: &RecordBatch, wanted: &SchemaRef, path: &Path) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(wanted.fields().len());
    for field in wanted.fields() {
        columns.push(match place(batch.schema().fields(), field.name()) {
            // A file that was written before the column was added.
            None => new_null_array(field.data_type(), batch.num_rows()),
            // As Spark reads Parquet: a wall clock that is read as an instant is that of UTC.
            Some(place) => cast(batch.column(place), field.data_type(), Zone::UTC)?,
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
        .map_err(|e| not_parquet(path, &e))
}
