//! Implements the file source: plans epochs through its log and reads the files of an entry.

use super::plan::{LogEntry, PlannedFile, ReadLimits, check_unchanged, last_summary, select_files};
use super::{StreamConfig, config};
use crate::files::scan::{blocking, read_split, with_folders};
use crate::files::{FileEntry, FileReader, Split, partition};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::background::Background;
use thalweg_connectors::stream::{Guarantee, Offset, StreamSource, Subtask};
use thalweg_storage::{MetadataLog, checkpoint_corrupt, path};
use thalweg_values::zone::Zone;
use tokio::sync::{Mutex, mpsc};

/// Batches that are read ahead of their consumer.
const BATCHES_AHEAD: usize = 2;

/// A folder of files of one format as a stream.
pub(crate) struct FileStreamSource {
    path: String,
    reader: Arc<dyn FileReader>,
    folders: Vec<Field>,
    zone: Zone,
    schema: SchemaRef,
    config: StreamConfig,
    log: MetadataLog,
    /// Held while entries are read from the log, so that what is loaded stays one prefix of it: an async lock.
    state: Mutex<FileSourceState>,
    /// The threads that read files.
    readers: Background,
}

/// What the source knows of its log and of the folder.
#[derive(Debug, Default)]
struct FileSourceState {
    /// The number of entries that were loaded.
    loaded: u64,
    /// The files of the loaded entries.
    seen: BTreeSet<PathBuf>,
    /// The files that existed when the input was frozen.
    frozen: Option<Vec<FileEntry>>,
}

impl fmt::Debug for FileStreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStreamSource")
            .field("path", &self.path)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The arguments of a file source.
pub(crate) struct FileSourceArgs {
    pub paths: Vec<String>,
    pub reader: Arc<dyn FileReader>,
    pub folders: Vec<Field>,
    pub zone: Zone,
    pub config: StreamConfig,
    pub log: MetadataLog,
}

impl FileStreamSource {
    /// Creates a source over one path; nothing is listed yet.
    pub(crate) fn new(args: FileSourceArgs) -> Result<Self> {
        let path = config::single_path(&args.paths)?;
        Ok(Self {
            schema: with_folders(args.reader.schema(), &args.folders),
            path,
            reader: args.reader,
            folders: args.folders,
            zone: args.zone,
            config: args.config,
            log: args.log,
            state: Mutex::default(),
            readers: Background::default(),
        })
    }

    async fn entry(&self, number: u64) -> Result<Option<LogEntry>> {
        match self.log.get(number).await? {
            Some(bytes) => LogEntry::from_bytes(&bytes, number).map(Some),
            None => Ok(None),
        }
    }

    /// Loads the entries before `until`, all of which must exist.
    async fn load_entries(&self, state: &mut FileSourceState, until: u64) -> Result<()> {
        // A summary replaces all entries before it, so that a start after years reads few of them.
        if let Some(summary) = last_summary(until).filter(|c| *c > state.loaded) {
            let entry = self.entry(summary).await?.ok_or_else(|| missing_entry(summary))?;
            if let Some(seen) = entry.seen {
                state.seen = seen;
                state.loaded = summary + 1;
            }
        }
        while state.loaded < until {
            let number = state.loaded;
            let entry = self.entry(number).await?.ok_or_else(|| missing_entry(number))?;
            state.seen.extend(entry.files.into_iter().map(|f| f.path));
            state.loaded += 1;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<FileEntry>> {
        let (listing, path) = (self.config.listing.clone(), self.path.clone());
        blocking(move || match listing.files(std::slice::from_ref(&path)) {
            // A pattern may match nothing yet; a folder must exist.
            Err(e) if e.class() == "PATH_NOT_FOUND" && path.contains(['*', '?', '[', '{']) => Ok(Vec::new()),
            other => other,
        })
        .await
    }

    fn limits(&self) -> ReadLimits {
        ReadLimits {
            files_max: self.config.files_max,
            bytes_max: self.config.bytes_max,
            latest_first: self.config.latest_first,
        }
    }
}

#[async_trait]
impl StreamSource for FileStreamSource {
    fn description(&self) -> String {
        let shown = path::local(&self.path).map_or_else(|_| self.path.clone(), |p| path::uri(&p));
        format!("FileStreamSource[{shown}]")
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    async fn freeze(&self) -> Result<()> {
        let there = self.list().await?;
        self.state.lock().await.frozen = Some(there);
        Ok(())
    }

    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>> {
        let next = entry_after(start)?;
        let mut state = self.state.lock().await;
        self.load_entries(&mut state, next).await?;
        // An earlier generation planned this epoch: its entry counts, whatever the folder has now.
        if self.entry(next).await?.is_some() {
            return Ok(Some(offset(next)));
        }
        let there = match &state.frozen {
            Some(files) => files.clone(),
            None => self.list().await?,
        };
        let files = select_files(there, &state.seen, self.limits());
        if files.is_empty() {
            return Ok(None);
        }
        // The first run that creates the entry decides. If another one was first, its entry counts and not
        // `files`.
        let seen = last_summary(next + 1).filter(|c| *c == next).map(|_| {
            let new = files.iter().map(|f| f.path.clone());
            state.seen.iter().cloned().chain(new).collect()
        });
        self.log.create_or_get(next, LogEntry { files, seen }.to_bytes()?).await?;
        Ok(Some(offset(next)))
    }

    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let (first, last) = (entry_after(start)?, entry_number(end)?);
        let mut files = Vec::new();
        for number in first..=last {
            files.extend(self.entry(number).await?.ok_or_else(|| missing_entry(number))?.files);
        }
        // In the order of the entries, so that a replay reads the same rows in the same order.
        let mine: Vec<PlannedFile> =
            files.into_iter().skip(subtask.index).step_by(subtask.parallelism.max(1)).collect();
        let task = FileReadTask {
            reader: Arc::clone(&self.reader),
            folders: self.folders.clone(),
            zone: self.zone,
            schema: Arc::clone(&self.schema),
        };
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let running = self.readers.running();
        tokio::task::spawn_blocking(move || {
            let _running = running;
            for file in &mine {
                let sent = task.read(file, &sender);
                // Sending fails if the consumer is gone, and then nobody needs the error.
                if let Err(e) = sent {
                    let _ = sender.blocking_send(Err(e));
                    return;
                }
            }
        });
        Ok(Box::pin(stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|batch| (batch, receiver))
        })))
    }

    async fn latest(&self) -> Result<Option<Offset>> {
        let mut state = self.state.lock().await;
        while let Some(entry) = self.entry(state.loaded).await? {
            state.seen.extend(entry.files.into_iter().map(|f| f.path));
            state.loaded += 1;
        }
        Ok(state.loaded.checked_sub(1).map(offset))
    }

    async fn release(&self, _end: &Offset) -> Result<()> {
        // The log distinguishes new files from those already read, so no entry can be deleted.
        Ok(())
    }

    async fn close(&self) {
        self.readers.ended().await;
    }
}

/// Reads files on a thread that may block.
struct FileReadTask {
    reader: Arc<dyn FileReader>,
    folders: Vec<Field>,
    zone: Zone,
    schema: SchemaRef,
}

impl FileReadTask {
    /// Sends the rows of one file. The file must be unchanged both before and after it is read, since it
    /// could be replaced in between.
    fn read(&self, planned: &PlannedFile, sender: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        check_unchanged(planned)?;
        let file = FileEntry {
            path: planned.path.clone(),
            size_bytes: planned.size_bytes,
            modified_us: planned.modified_us,
            folders: planned.folders.clone(),
        };
        let values = self.values(&file)?;
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        let split = Split::whole(Arc::new(file));
        // Reading a file that is being replaced can fail with any error; the change is the cause to report.
        let change_or = |e: Error| check_unchanged(planned).err().unwrap_or(e);
        let batches =
            read_split(self.reader.as_ref(), &split, &columns, &self.schema, &values).map_err(change_or)?;
        for batch in batches {
            if sender.blocking_send(Ok(batch.map_err(change_or)?)).is_err() {
                return Ok(());
            }
        }
        check_unchanged(planned)
    }

    fn values(&self, file: &FileEntry) -> Result<Vec<datafusion::common::ScalarValue>> {
        let names = self.folders.iter().map(|f| f.name().to_lowercase());
        if !file.folders.iter().map(|(k, _)| k.to_lowercase()).eq(names) {
            return Err(Error::new(
                ErrorKind::Runtime,
                "CONFLICTING_PARTITION_COLUMN_NAMES",
                "KD009",
                format!(
                    "The partition columns of {} differ from those of the files before it.",
                    path::uri(&file.path)
                ),
            ));
        }
        partition::values(file, &self.folders, self.zone)
    }
}

fn offset(number: u64) -> Offset {
    json!({ "logOffset": number })
}

fn entry_number(offset: &Offset) -> Result<u64> {
    let number = offset.get("logOffset").and_then(serde_json::Value::as_u64);
    number.ok_or_else(|| checkpoint_corrupt(format!("'{offset}' is not an offset of a file source.")))
}

fn entry_after(start: Option<&Offset>) -> Result<u64> {
    start.map_or(Ok(0), |s| entry_number(s).map(|n| n + 1))
}

fn missing_entry(number: u64) -> Error {
    checkpoint_corrupt(format!("Entry {number} of a file source's log is missing."))
}
