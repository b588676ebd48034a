//! Writes a bounded result into a folder, for every format of files.
//!
//! Files are written below `_temporary/<job>` of the target, where no reader looks, and renamed into place after the
//! last row; `_SUCCESS` is written last. An overwrite first renames the old files to `_temporary/<job>.old`, and
//! deletes them last. A write that fails undoes its renames and leaves what there was, or nothing. A process that is
//! killed between the first rename and the last leaves a part of the files; what it set aside is still below
//! `_temporary`. Rows come through a queue of [`QUEUE_BATCHES`] batches and are written by one thread.

use super::split::PartitionSplitter;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::{WriteMode, WriteReport, WriteRequest};
use thalweg_storage::durable;
use thalweg_storage::path::{local, uri};
use thalweg_values::errors::from_datafusion;
use thalweg_values::zone::Zone;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The most batches between the query and the thread that writes.
const QUEUE_BATCHES: usize = 2;
/// The most files that are open at once. Beyond that all are finished and new ones begun.
const OPEN_FILES_MAX: usize = 128;
const TEMPORARY: &str = "_temporary";
const SUCCESS: &str = "_SUCCESS";

/// One file that is being written, which a [`SinkFormat`] begins.
///
/// ```
/// use arrow::array::{ArrayRef, Int32Array, RecordBatch};
/// use std::fs::File;
/// use std::io::Write;
/// use std::sync::Arc;
/// use thalweg_common::Result;
/// use thalweg_connector_files::files::write::FileSink;
/// use thalweg_storage::durable::write_failed;
///
/// /// Writes the number of rows.
/// struct Counter(File, usize);
///
/// impl FileSink for Counter {
///     fn write(&mut self, rows: &RecordBatch) -> Result<()> {
///         self.1 += rows.num_rows();
///         Ok(())
///     }
///     fn finish(mut self: Box<Self>) -> Result<()> {
///         let written = write!(self.0, "{}", self.1).and_then(|()| self.0.sync_all());
///         written.map_err(|e| write_failed("count".as_ref(), &e))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("count");
/// let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
/// let rows = RecordBatch::try_from_iter([("n", column)]).expect("one column");
///
/// let mut sink = Box::new(Counter(File::create(&path).expect("a new file"), 0));
/// sink.write(&rows)?;
/// sink.finish()?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "2");
/// # Ok(())
/// # }
/// ```
pub trait FileSink: Send {
    /// Writes rows of the columns that the file was begun with.
    fn write(&mut self, rows: &RecordBatch) -> Result<()>;
    /// Writes what is left and makes the file durable.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Begins the files of a format.
///
/// ```
/// use arrow::array::{ArrayRef, Int32Array, RecordBatch};
/// use std::sync::Arc;
/// use thalweg_connector_files::files::write::SinkFormat;
/// use thalweg_connector_files::parquet::sink::ParquetSink;
/// use thalweg_connectors::OptionMap;
/// use thalweg_storage::durable;
///
/// # fn main() -> thalweg_common::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
/// let rows = RecordBatch::try_from_iter([("n", column)]).expect("one column");
///
/// let format: &dyn SinkFormat = &ParquetSink::from_options(&OptionMap::default())?;
/// format.check(&rows.schema())?;
/// let path = folder.path().join(format!("part-0{}", format.suffix()));
/// let mut file = format.create(durable::create(&path)?, &path, &rows.schema())?;
/// file.write(&rows)?;
/// file.finish()?;
/// assert!(path.to_string_lossy().ends_with("part-0.snappy.parquet"));
/// # Ok(())
/// # }
/// ```
pub trait SinkFormat: Send + Sync + Debug {
    /// Returns the end of a file's name, such as `.csv.gz`.
    fn suffix(&self) -> String;
    /// Refuses columns that the format cannot hold.
    fn check(&self, schema: &SchemaRef) -> Result<()>;
    /// Begins a file.
    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>>;
}

/// Writes all rows and makes them visible at once.
pub(crate) async fn write(
    request: &WriteRequest,
    rows: SendableRecordBatchStream,
    format: Arc<dyn SinkFormat>,
) -> Result<WriteReport> {
    let target = local(&request.path)?;
    let schema = rows.schema();
    let splitter = PartitionSplitter::new(&schema, &request.partition_by, Zone::named(&request.time_zone)?)?;
    format.check(&splitter.file_schema)?;
    if target.exists() {
        match request.mode {
            WriteMode::ErrorIfExists => return Err(already_exists(&target)),
            WriteMode::Ignore => return Ok(WriteReport::default()),
            WriteMode::Append | WriteMode::Overwrite => {}
        }
    }
    let job = Job { target, mode: request.mode, id: Uuid::new_v4().to_string() };
    feed(rows, move |queue| job.run(queue, &splitter, format.as_ref())).await
}

/// Passes the rows of a stream to work that blocks. If the stream fails, or the caller is dropped before the last row,
/// the work gets an error: a part of the rows is never committed.
///
/// # Errors
/// The error of the work, which gets those of the stream.
pub async fn feed<T: Send + 'static>(
    mut rows: SendableRecordBatchStream,
    work: impl FnOnce(&mut dyn Iterator<Item = Result<RecordBatch>>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = mpsc::channel(QUEUE_BATCHES);
    let worker = tokio::task::spawn_blocking(move || work(&mut Queue { receiver, ended: false }));
    // A worker that ended has an error, which is returned below.
    while let Some(batch) = rows.next().await {
        if sender.send(Some(batch.map_err(from_datafusion))).await.is_err() {
            break;
        }
    }
    let _ = sender.send(None).await;
    worker.await.map_err(|e| Error::internal(format!("a write was cut short: {e}")))?
}

/// The rows on their way to the work. `None` marks their end: without it the sender was dropped before the last row.
struct Queue {
    receiver: mpsc::Receiver<Option<Result<RecordBatch>>>,
    ended: bool,
}

impl Iterator for Queue {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.receiver.blocking_recv() {
            Some(Some(batch)) => Some(batch),
            Some(None) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(cancelled()))
            }
        }
    }
}

fn cancelled() -> Error {
    let message = "The write was canceled before its last row; nothing of it was kept.";
    Error::new(ErrorKind::Runtime, "OPERATION_CANCELED", "HY008", message)
}

/// One write into one folder.
struct Job {
    target: PathBuf,
    mode: WriteMode,
    id: String,
}

impl Job {
    fn run(
        &self,
        rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
        splitter: &PartitionSplitter,
        format: &dyn SinkFormat,
    ) -> Result<WriteReport> {
        let is_new = !self.target.exists();
        let temporary = self.target.join(TEMPORARY);
        let (staging, aside) = (temporary.join(&self.id), temporary.join(format!("{}.old", self.id)));
        let report = durable::make_folder(&staging)
            .and_then(|()| self.stage(rows, splitter, format, &staging))
            .and_then(|report| {
                self.publish(&staging, &aside)?;
                Ok(report)
            });
        // What is left there is of no use either way, and hidden from readers.
        let _ = std::fs::remove_dir_all(&staging);
        let kept = clear_aside(&aside, report.is_ok());
        let _ = std::fs::remove_dir(temporary);
        if report.is_err() && is_new {
            // Only if it is empty: the folder did not exist before this write.
            let _ = std::fs::remove_dir(&self.target);
        }
        report.map_err(|e| if kept { e.hint(format!("The old rows are in {}.", uri(&aside))) } else { e })
    }

    fn stage(
        &self,
        rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
        splitter: &PartitionSplitter,
        format: &dyn SinkFormat,
        staging: &Path,
    ) -> Result<WriteReport> {
        let mut open =
            OpenFiles { format, splitter, root: staging, id: &self.id, files: BTreeMap::new(), begun: 0 };
        let mut report = WriteReport::default();
        for batch in rows {
            let batch = batch?;
            report.rows += batch.num_rows() as u64;
            for partition in splitter.split(&batch)? {
                open.file(&splitter.folder(&partition.values))?.write(&partition.rows)?;
            }
        }
        if open.begun == 0 && splitter.names().is_empty() {
            // A table without rows has a schema, which only a file can hold.
            open.file(Path::new(""))?;
        }
        open.finish_all()?;
        Ok(report)
    }

    /// Moves the files into place; with overwrite, what was there is set aside first.
    fn publish(&self, staging: &Path, aside: &Path) -> Result<()> {
        let mut moves = Moves::default();
        let done = self.swap(staging, aside, &mut moves);
        if done.is_err() {
            moves.undo();
        }
        done
    }

    fn swap(&self, staging: &Path, aside: &Path, moves: &mut Moves) -> Result<()> {
        if self.mode == WriteMode::Overwrite {
            durable::make_folder(aside)?;
            for (path, name) in children(&self.target)? {
                // Other writes may be at work below it.
                if name != TEMPORARY {
                    moves.rename(path, aside.join(name))?;
                }
            }
        }
        move_files(staging, &self.target, moves)?;
        // The mark by which other systems know that the folder is complete, so it is written last.
        let success = self.target.join(SUCCESS);
        if !success.exists() {
            moves.created.push(success.clone());
        }
        File::create(&success)
            .and_then(|file| durable::sync_file(&file, &success))
            .map_err(|e| durable::write_failed(&success, &e))?;
        durable::sync_folder(&self.target)
    }
}

/// Deletes the rows that an overwrite replaced. After a failure they are still there only if they could not be put
/// back; then they are kept, and the result is true.
pub(super) fn clear_aside(aside: &Path, replaced: bool) -> bool {
    if replaced {
        // What cannot be deleted is hidden from readers.
        let _ = std::fs::remove_dir_all(aside);
        return false;
    }
    // This deletes an empty folder only.
    let _ = std::fs::remove_dir(aside);
    aside.exists()
}

/// The renames of a write and the file that it created in place, so that they can be undone.
#[derive(Debug, Default)]
struct Moves {
    renamed: Vec<(PathBuf, PathBuf)>,
    created: Vec<PathBuf>,
}

impl Moves {
    fn rename(&mut self, from: PathBuf, to: PathBuf) -> Result<()> {
        durable::rename(&from, &to)?;
        self.renamed.push((from, to));
        Ok(())
    }

    /// Undoes what can be undone, the last rename first. Errors are ignored: the one that led here is reported.
    fn undo(self) {
        // First the file that says that the others are there.
        for path in self.created {
            let _ = std::fs::remove_file(path);
        }
        for (from, to) in self.renamed.into_iter().rev() {
            let _ = std::fs::rename(to, from);
        }
    }
}

/// Returns the paths and names of what is in a folder.
fn children(folder: &Path) -> Result<Vec<(PathBuf, OsString)>> {
    let failed = |e| durable::write_failed(folder, &e);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    entries.map(|e| e.map(|e| (e.path(), e.file_name())).map_err(failed)).collect()
}

fn move_files(from: &Path, to: &Path, moves: &mut Moves) -> Result<()> {
    durable::make_folder(to)?;
    for (path, name) in children(from)? {
        let target = to.join(name);
        if path.is_dir() {
            move_files(&path, &target, moves)?;
        } else {
            moves.rename(path, target)?;
        }
    }
    // The names are durable before `_SUCCESS` says that they are there.
    durable::sync_folder(to)
}

/// The files of a write that are open, by folder.
pub(crate) struct OpenFiles<'a> {
    pub format: &'a dyn SinkFormat,
    pub splitter: &'a PartitionSplitter,
    pub root: &'a Path,
    pub id: &'a str,
    pub files: BTreeMap<PathBuf, Box<dyn FileSink>>,
    pub begun: usize,
}

impl OpenFiles<'_> {
    /// Returns the file of a folder, and begins one if there is none.
    pub(crate) fn file(&mut self, folder: &Path) -> Result<&mut Box<dyn FileSink>> {
        if !self.files.contains_key(folder) {
            // Rows sorted by partition need one file at a time; others make more files, but never run out of handles.
            if self.files.len() >= OPEN_FILES_MAX {
                self.finish_all()?;
            }
            let name = format!("part-{:05}-{}-c000{}", self.begun, self.id, self.format.suffix());
            let path = self.root.join(folder).join(name);
            let sink = self.format.create(durable::create(&path)?, &path, &self.splitter.file_schema)?;
            self.files.insert(folder.to_owned(), sink);
            self.begun += 1;
        }
        self.files.get_mut(folder).ok_or_else(|| Error::internal("a file that was just begun"))
    }

    /// Finishes all open files.
    pub(crate) fn finish_all(&mut self) -> Result<()> {
        while let Some((_, file)) = self.files.pop_first() {
            file.finish()?;
        }
        Ok(())
    }
}

/// Returns the error for a target that exists.
pub(crate) fn already_exists(target: &Path) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "PATH_ALREADY_EXISTS",
        "42K04",
        format!(
            "Path {} already exists. Set mode as \"overwrite\" to overwrite the existing path.",
            uri(target)
        ),
    )
    .param("outputPath", uri(target))
}
