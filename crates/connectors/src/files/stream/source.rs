//! The source itself: plans through the log, reads what an entry names.

use super::plan::{Entry, Limits, PlannedFile, check_unchanged, choose, last_compact};
use super::{StreamConfig, config};
use crate::MetadataLog;
use crate::files::scan::{blocking, read_split, with_folders};
use crate::files::{FileEntry, FileReader, Split, partition, path};
use crate::stream::{Guarantee, Offset, StreamSource, Subtask};
use crate::text::Zone;
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
use tokio::sync::{Mutex, mpsc};

/// How far a read runs ahead of its stream, in batches.
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
    state: Mutex<State>,
}

/// What is known of the log and of the folder.
#[derive(Debug, Default)]
struct State {
    /// Entries that were taken in: all below this number.
    known: u64,
    seen: BTreeSet<PathBuf>,
    /// What was there when the input was frozen.
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

/// What a source reads and where it plans.
pub(crate) struct SourceParts {
    pub paths: Vec<String>,
    pub reader: Arc<dyn FileReader>,
    pub folders: Vec<Field>,
    pub zone: Zone,
    pub config: StreamConfig,
    pub log: MetadataLog,
}

impl FileStreamSource {
    /// A source over one path; nothing is listed yet.
    pub fn new(parts: SourceParts) -> Result<Self> {
        let path = config::single_path(&parts.paths)?;
        Ok(Self {
            schema: with_folders(parts.reader.schema(), &parts.folders),
            path,
            reader: parts.reader,
            folders: parts.folders,
            zone: parts.zone,
            config: parts.config,
            log: parts.log,
            state: Mutex::default(),
        })
    }

    async fn entry(&self, number: u64) -> Result<Option<Entry>> {
        match self.log.get(number).await? {
            Some(bytes) => Entry::from_bytes(&bytes, number).map(Some),
            None => Ok(None),
        }
    }

    /// Takes in the entries up to and without `until`; all of them have to be there.
    async fn learn(&self, state: &mut State, until: u64) -> Result<()> {
        if let Some(compact) = last_compact(until).filter(|c| *c > state.known) {
            let entry = self.entry(compact).await?.ok_or_else(|| missing_entry(compact))?;
            if let Some(seen) = entry.seen {
                state.seen = seen;
                state.known = compact + 1;
            }
        }
        while state.known < until {
            let number = state.known;
            let entry = self.entry(number).await?.ok_or_else(|| missing_entry(number))?;
            state.seen.extend(entry.files.into_iter().map(|f| f.path));
            state.known += 1;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<FileEntry>> {
        let (listing, path) = (self.config.listing.clone(), self.path.clone());
        blocking(move || match listing.files(std::slice::from_ref(&path)) {
            // A pattern that nothing matches yet is a stream without files; a folder has to be there.
            Err(e) if e.class() == "PATH_NOT_FOUND" && path.contains(['*', '?', '[', '{']) => Ok(Vec::new()),
            other => other,
        })
        .await
    }

    fn limits(&self) -> Limits {
        Limits {
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
        let next = next_entry(start)?;
        let mut state = self.state.lock().await;
        self.learn(&mut state, next).await?;
        if self.entry(next).await?.is_some() {
            return Ok(Some(offset(next)));
        }
        let there = match &state.frozen {
            Some(files) => files.clone(),
            None => self.list().await?,
        };
        let files = choose(there, &state.seen, self.limits());
        if files.is_empty() {
            return Ok(None);
        }
        // Whoever creates the entry decides; another generation may have been quicker.
        let seen = last_compact(next + 1).filter(|c| *c == next).map(|_| {
            let new = files.iter().map(|f| f.path.clone());
            state.seen.iter().cloned().chain(new).collect()
        });
        self.log.create_or_get(next, Entry { files, seen }.to_bytes()?).await?;
        Ok(Some(offset(next)))
    }

    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let (first, last) = (next_entry(start)?, number_of(end)?);
        let mut files = Vec::new();
        for number in first..=last {
            files.extend(self.entry(number).await?.ok_or_else(|| missing_entry(number))?.files);
        }
        let mine: Vec<PlannedFile> =
            files.into_iter().skip(subtask.index).step_by(subtask.parallelism.max(1)).collect();
        let work = Work {
            reader: Arc::clone(&self.reader),
            folders: self.folders.clone(),
            zone: self.zone,
            schema: Arc::clone(&self.schema),
        };
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        tokio::task::spawn_blocking(move || {
            for file in &mine {
                let sent = work.read(file, &sender);
                // A reader that is gone wants no error either.
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
        while let Some(entry) = self.entry(state.known).await? {
            state.seen.extend(entry.files.into_iter().map(|f| f.path));
            state.known += 1;
        }
        Ok(state.known.checked_sub(1).map(offset))
    }

    async fn release(&self, _end: &Offset) -> Result<()> {
        // The log is what tells new files from old ones, so nothing of it may be forgotten.
        Ok(())
    }
}

/// What a thread needs to read files.
struct Work {
    reader: Arc<dyn FileReader>,
    folders: Vec<Field>,
    zone: Zone,
    schema: SchemaRef,
}

impl Work {
    /// Sends the rows of one file; it has to be the planned one before and after.
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
        // A file that is being replaced fails in many ways; that it was replaced is what to tell.
        let told = |e: Error| check_unchanged(planned).err().unwrap_or(e);
        let batches =
            read_split(self.reader.as_ref(), &split, &columns, &self.schema, &values).map_err(told)?;
        for batch in batches {
            if sender.blocking_send(Ok(batch.map_err(told)?)).is_err() {
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
                format!("{} is in other partition folders than the files before it.", path::uri(&file.path)),
            ));
        }
        partition::values(file, &self.folders, self.zone)
    }
}

fn offset(number: u64) -> Offset {
    json!({ "logOffset": number })
}

fn number_of(offset: &Offset) -> Result<u64> {
    offset.get("logOffset").and_then(serde_json::Value::as_u64).ok_or_else(|| {
        Error::new(
            ErrorKind::Runtime,
            "CHECKPOINT_CORRUPT",
            "58030",
            format!("'{offset}' is no offset of a file source."),
        )
    })
}

fn next_entry(start: Option<&Offset>) -> Result<u64> {
    start.map_or(Ok(0), |s| number_of(s).map(|n| n + 1))
}

fn missing_entry(number: u64) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CHECKPOINT_CORRUPT",
        "58030",
        format!("Entry {number} of a file source's log is missing."),
    )
    .hint("The checkpoint lost files; start the query with a new checkpoint.")
}
