//! Scans a folder of files as a table: splits, partitions, partition columns.
//!
//! A format brings how one split becomes batches ([`FileReader`]); everything else is here. Partitions get the splits in
//! the order of the files, so that partition `n` comes before partition `n + 1`. A reader runs on a thread that may
//! block, and is at most [`BATCHES_AHEAD`] batches ahead of its consumer.

use super::format::Listed;
use super::tolerance::Tolerance;
use super::{FileEntry, partition};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use std::any::Any;
use std::collections::HashSet;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::errors::{column_already_exists, external};
use thalweg_values::names::same_name;
use thalweg_values::zone::Zone;
use tokio::sync::mpsc::Sender;

/// The most batches that a reader is ahead of its consumer.
const BATCHES_AHEAD: usize = 2;
/// The least bytes of a split. Each one costs a file handle and a line that is searched.
const SPLIT_BYTES_MIN: u64 = 4 << 20;

/// Batches of one split, in file order.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A byte range of a file.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub file: Arc<FileEntry>,
    pub start: u64,
    pub end: u64,
}

impl Split {
    /// Makes one split of a whole file.
    pub(crate) fn whole(file: Arc<FileEntry>) -> Self {
        let end = file.size_bytes;
        // The range counts unpacked bytes, of which a compressed file has more than its size.
        let end = if super::lines::is_compressed(&file.path) { u64::MAX } else { end };
        Self { file, start: 0, end }
    }
}

/// Reads one split of a file in a format.
pub(crate) trait FileReader: Send + Sync + Debug {
    /// Returns the columns of the files, without those of their folders.
    fn schema(&self) -> &SchemaRef;
    /// Reads the rows of `split`, of which it yields the columns at `columns`.
    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches>;
    /// Returns whether parts of that file can be read by themselves.
    fn can_split(&self, file: &FileEntry) -> bool;
}

/// Files of one format as a table; columns of the folders come last.
#[derive(Debug)]
pub(crate) struct FileTable {
    reader: Arc<dyn FileReader>,
    files: Vec<Arc<FileEntry>>,
    folders: Vec<Field>,
    zone: Zone,
    tolerance: Tolerance,
    schema: SchemaRef,
}

impl FileTable {
    /// Creates a table of listed files.
    pub(crate) fn new(reader: Arc<dyn FileReader>, listed: Listed, zone: Zone) -> Self {
        let Listed { files, folders, tolerance, .. } = listed;
        let schema = with_folders(reader.schema(), &folders);
        Self { reader, files: files.into_iter().map(Arc::new).collect(), folders, zone, tolerance, schema }
    }

    /// Deals the files out to at most `count` partitions of similar sizes, in the order of the files.
    fn partitions(&self, count: usize) -> Vec<Vec<Split>> {
        let total: u64 = self.files.iter().map(|f| f.size_bytes).sum();
        let share = (total / count.max(1) as u64 + 1).max(SPLIT_BYTES_MIN);
        let splits: Vec<Split> = self.files.iter().flat_map(|f| self.splits(f, share)).collect();
        let mut groups: Vec<Vec<Split>> = Vec::new();
        let mut filled = 0;
        for split in splits {
            let size = split.end.min(split.file.size_bytes) - split.start;
            // The last partition takes the rest, so that there are no more than were asked for.
            if groups.is_empty() || (filled + size > share && filled > 0 && groups.len() < count) {
                groups.push(Vec::new());
                filled = 0;
            }
            filled += size;
            if let Some(group) = groups.last_mut() {
                group.push(split);
            }
        }
        groups
    }

    fn splits(&self, file: &Arc<FileEntry>, share: u64) -> Vec<Split> {
        if file.size_bytes <= share || !self.reader.can_split(file) {
            return vec![Split::whole(Arc::clone(file))];
        }
        // Of equal sizes, so that no partition waits for the reader of a rest.
        let pieces = file.size_bytes.div_ceil(share);
        let piece = file.size_bytes.div_ceil(pieces);
        let range = |n: u64| (n * piece, ((n + 1) * piece).min(file.size_bytes));
        (0..pieces).map(range).map(|(start, end)| Split { file: Arc::clone(file), start, end }).collect()
    }
}

/// Returns the files of a [`FileTable`], in their order; none for another table.
pub(crate) fn paths(table: &dyn TableProvider) -> Option<Vec<PathBuf>> {
    let table: &dyn Any = table;
    Some(table.downcast_ref::<FileTable>()?.files.iter().map(|file| file.path.clone()).collect())
}

/// Returns the schema of a table: the columns of the files, then those of their folders.
pub(crate) fn with_folders(schema: &SchemaRef, folders: &[Field]) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| f.as_ref().clone()).chain(folders.iter().cloned());
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Returns the columns of a schema that are not partition columns. All may be null, since files promise nothing.
pub(crate) fn without_folders(schema: &SchemaRef, folders: &[Field]) -> SchemaRef {
    let in_files = |f: &&Arc<Field>| !folders.iter().any(|p| same_name(p.name(), f.name()));
    let fields = schema.fields().iter().filter(in_files).map(|f| f.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Refuses two columns whose names differ by case only, which a query cannot distinguish.
pub(crate) fn check_names(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.fields().iter().find(|f| !seen.insert(f.name().to_lowercase())) {
        None => Ok(()),
        Some(field) => Err(column_already_exists(&field.name().to_lowercase())),
    }
}

/// Refuses to write rows without columns, which files cannot hold.
///
/// # Errors
/// `EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE`, naming the format.
pub fn check_not_empty(format: &str, schema: &Schema) -> Result<()> {
    if !schema.fields().is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE",
        "0A000",
        format!(
            "The {format} datasource does not support writing empty or nested empty schemas. \
             Please make sure the data schema has at least one or more column(s)."
        ),
    )
    .param("format", format))
}

/// Reads one split with the columns of its folders, whose values are the same for all of its rows.
pub(crate) fn read_split(
    reader: &dyn FileReader,
    split: &Split,
    columns: &[usize],
    projected: &SchemaRef,
    folders: &[ScalarValue],
) -> Result<Batches> {
    let width = reader.schema().fields().len();
    let inner: Vec<usize> = columns.iter().copied().filter(|c| *c < width).collect();
    let batches = reader.open(split, &inner)?;
    // No column of a folder was asked for.
    if inner.len() == columns.len() {
        return Ok(batches);
    }
    let (columns, projected, folders) = (columns.to_vec(), Arc::clone(projected), folders.to_vec());
    Ok(Box::new(batches.map(move |batch| {
        let batch = batch?;
        let (mut from_file, rows) = (batch.columns().iter(), batch.num_rows());
        let mut arrays = Vec::with_capacity(columns.len());
        for column in &columns {
            let constant = column.checked_sub(width).and_then(|n| folders.get(n));
            let array = match constant {
                Some(value) => Some(partition::column(value, rows)?),
                None => from_file.next().cloned(),
            };
            arrays.push(array.ok_or_else(|| Error::internal("a file's reader left a column out"))?);
        }
        // A count asks for no column at all, and the batch still has its rows.
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&projected), arrays, &options)
            .map_err(|e| Error::internal(format!("the columns of a file: {e}")))
    })))
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.cloned().unwrap_or(all);
        let projected = Arc::new(self.schema.project(&columns)?);
        let mut parts: Vec<Arc<dyn PartitionStream>> = Vec::new();
        for splits in self.partitions(state.config().target_partitions()) {
            parts.push(Arc::new(FilePartition {
                reader: Arc::clone(&self.reader),
                splits,
                columns: columns.clone(),
                folders: self.folders.clone(),
                zone: self.zone,
                tolerance: self.tolerance,
                schema: Arc::clone(&projected),
            }));
        }
        if parts.is_empty() {
            return Ok(Arc::new(datafusion::physical_plan::empty::EmptyExec::new(projected)));
        }
        Ok(Arc::new(StreamingTableExec::try_new(projected, parts, None, None, false, limit)?))
    }
}

#[derive(Debug, Clone)]
struct FilePartition {
    reader: Arc<dyn FileReader>,
    splits: Vec<Split>,
    columns: Vec<usize>,
    folders: Vec<Field>,
    zone: Zone,
    tolerance: Tolerance,
    schema: SchemaRef,
}

impl FilePartition {
    /// Sends the rows of one split; false if the consumer has ended, as below a limit, so that nobody needs the rest.
    fn send(&self, split: &Split, sender: &Sender<DfResult<RecordBatch>>) -> Result<bool> {
        let values = partition::values(&split.file, &self.folders, self.zone)?;
        let read = || read_split(self.reader.as_ref(), split, &self.columns, &self.schema, &values);
        for batch in unchanged(&split.file, read)? {
            if sender.blocking_send(Ok(batch?)).is_err() {
                return Ok(false);
            }
        }
        // Also after the last row: a file that was replaced meanwhile would have given rows of both.
        split.file.check_unchanged()?;
        Ok(true)
    }
}

impl PartitionStream for FilePartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut output = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), BATCHES_AHEAD);
        let (sender, partition) = (output.tx(), self.clone());
        output.spawn_blocking(move || {
            for split in &partition.splits {
                match partition.send(split, &sender) {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    Err(e) if partition.tolerance.leaves_out(&split.file.path, &e) => {}
                    Err(e) => return Err(external(e)),
                }
            }
            Ok(())
        });
        output.build()
    }
}

/// Opens a file that must be as it was listed. If it changed, that is the error, whatever the reader reports.
fn unchanged(file: &Arc<FileEntry>, open: impl FnOnce() -> Result<Batches>) -> Result<Batches> {
    file.check_unchanged()?;
    // A file that is replaced while it is read fails in any way; the change is the cause that helps.
    let told = {
        let file = Arc::clone(file);
        move |e: Error| file.check_unchanged().err().unwrap_or(e)
    };
    let batches = open().map_err(&told)?;
    Ok(Box::new(batches.map(move |batch| batch.map_err(&told))))
}
