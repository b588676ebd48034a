//! A batch write into a folder, for every format made of files.
//!
//! Files are written below `_temporary/<job>` of the target, where no reader looks, and renamed
//! into place only after the last row; `_SUCCESS` comes last. A write that fails leaves what was
//! there. Rows come in through a queue of [`QUEUE_BATCHES`] batches and are written by one thread.

use super::deal::Dealer;
use super::durable;
use super::path::{local, uri};
use crate::connector::{WriteMode, WriteReport, WriteRequest};
use crate::text::Zone;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::sync::mpsc;
use uuid::Uuid;

const QUEUE_BATCHES: usize = 2;
/// Files that are open at once; beyond that all are finished and new ones begun.
const OPEN_FILES_MAX: usize = 128;
const TEMPORARY: &str = "_temporary";
const SUCCESS: &str = "_SUCCESS";

/// One file that is being written.
pub(crate) trait FileSink: Send {
    fn write(&mut self, rows: &RecordBatch) -> Result<()>;
    /// Writes what is left and makes the file durable.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// How a format writes one file.
pub(crate) trait SinkFormat: Send + Sync {
    /// The end of a file's name, such as `.csv.gz`.
    fn suffix(&self) -> String;
    /// Refuses columns that the format can't hold.
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
    let dealer = Dealer::new(&schema, &request.partition_by, Zone::of_session(&request.time_zone)?)?;
    format.check(&dealer.file_schema)?;
    if target.exists() {
        match request.mode {
            WriteMode::ErrorIfExists => return Err(already_exists(&target)),
            WriteMode::Ignore => return Ok(WriteReport::default()),
            WriteMode::Append | WriteMode::Overwrite => {}
        }
    }
    let job = Job { target, mode: request.mode, id: Uuid::new_v4().to_string() };
    feed(rows, move |queue| job.run(queue, &dealer, format.as_ref())).await
}

/// Hands the rows of a stream to work that blocks. If the stream fails, so does the work.
pub(crate) async fn feed<T: Send + 'static>(
    mut rows: SendableRecordBatchStream,
    work: impl FnOnce(&mut dyn Iterator<Item = Result<RecordBatch>>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, mut receiver) = mpsc::channel::<Result<RecordBatch>>(QUEUE_BATCHES);
    let worker =
        tokio::task::spawn_blocking(move || work(&mut std::iter::from_fn(|| receiver.blocking_recv())));
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(ours);
        // A worker that is gone has an error to tell.
        if sender.send(batch).await.is_err() {
            break;
        }
    }
    drop(sender);
    worker.await.map_err(|e| Error::internal(format!("a write was cut short: {e}")))?
}

/// Our own error inside one of DataFusion's, or an internal one around it.
pub(crate) fn ours(error: datafusion::error::DataFusionError) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<Error>() {
            return found.clone();
        }
        cause = inner.source();
    }
    Error::internal(error.to_string())
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
        dealer: &Dealer,
        format: &dyn SinkFormat,
    ) -> Result<WriteReport> {
        let staging = self.target.join(TEMPORARY).join(&self.id);
        durable::make_folder(&staging)?;
        let report = self.stage(rows, dealer, format, &staging).and_then(|report| {
            self.publish(&staging)?;
            Ok(report)
        });
        // What is left there is rubbish either way, and hidden from readers.
        let _ = std::fs::remove_dir_all(&staging);
        let _ = std::fs::remove_dir(self.target.join(TEMPORARY));
        report
    }

    fn stage(
        &self,
        rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
        dealer: &Dealer,
        format: &dyn SinkFormat,
        staging: &Path,
    ) -> Result<WriteReport> {
        let mut open =
            OpenFiles { format, dealer, root: staging, id: &self.id, files: BTreeMap::new(), begun: 0 };
        let mut report = WriteReport::default();
        for batch in rows {
            let batch = batch?;
            report.rows += batch.num_rows() as u64;
            for dealt in dealer.deal(&batch)? {
                open.file(&dealer.folder(&dealt.values))?.write(&dealt.rows)?;
            }
        }
        if open.begun == 0 && dealer.names().is_empty() {
            // A table without rows still has a schema.
            open.file(Path::new(""))?;
        }
        open.finish_all()?;
        Ok(report)
    }

    /// Moves the files into place; with overwrite, what was there goes first.
    fn publish(&self, staging: &Path) -> Result<()> {
        if self.mode == WriteMode::Overwrite {
            self.clear()?;
        }
        move_files(staging, &self.target)?;
        let success = self.target.join(SUCCESS);
        File::create(&success).and_then(|f| f.sync_all()).map_err(|e| durable::write_failed(&success, &e))?;
        durable::sync_folder(&self.target)
    }

    fn clear(&self) -> Result<()> {
        let entries = std::fs::read_dir(&self.target).map_err(|e| durable::write_failed(&self.target, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| durable::write_failed(&self.target, &e))?;
            let path = entry.path();
            if entry.file_name() == TEMPORARY {
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
            let removed =
                if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|e| durable::write_failed(&path, &e))?;
        }
        Ok(())
    }
}

fn move_files(from: &Path, to: &Path) -> Result<()> {
    durable::make_folder(to)?;
    let entries = std::fs::read_dir(from).map_err(|e| durable::write_failed(from, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| durable::write_failed(from, &e))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            move_files(&path, &target)?;
        } else {
            durable::rename(&path, &target)?;
        }
    }
    durable::sync_folder(to)
}

/// The files of a write that are open, by folder.
pub(crate) struct OpenFiles<'a> {
    pub format: &'a dyn SinkFormat,
    pub dealer: &'a Dealer,
    pub root: &'a Path,
    pub id: &'a str,
    pub files: BTreeMap<PathBuf, Box<dyn FileSink>>,
    pub begun: usize,
}

impl OpenFiles<'_> {
    /// The file of a folder, begun if need be.
    pub fn file(&mut self, folder: &Path) -> Result<&mut Box<dyn FileSink>> {
        if !self.files.contains_key(folder) {
            if self.files.len() >= OPEN_FILES_MAX {
                self.finish_all()?;
            }
            let name = format!("part-{:05}-{}-c000{}", self.begun, self.id, self.format.suffix());
            let path = self.root.join(folder).join(name);
            let sink = self.format.create(durable::create(&path)?, &path, &self.dealer.file_schema)?;
            self.files.insert(folder.to_owned(), sink);
            self.begun += 1;
        }
        self.files.get_mut(folder).ok_or_else(|| Error::internal("a file that was just begun"))
    }

    /// Finishes all open files.
    pub fn finish_all(&mut self) -> Result<()> {
        while let Some((_, file)) = self.files.pop_first() {
            file.finish()?;
        }
        Ok(())
    }
}

/// A target that is there already, as Spark says it.
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
