//! Implements the file source: plans epochs through its log and reads the files of an entry.

use super::clean::CleanSource;
use super::discovery::{Discovery, Look};
use super::log::{SourceLog, missing_entry};
use super::plan::{LogEntry, PlannedFile, ReadLimits};
use super::read::FileRows;
use super::seen::SeenFiles;
use super::{StreamConfig, config};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thalweg_common::Result;
use thalweg_common::clock::Clock;
use thalweg_common::ids::Generation;
use thalweg_connectors::background::{Background, blocking};
use thalweg_connectors::stream::{Guarantee, Offset, StreamSource, Subtask};
use thalweg_storage::{MetadataLog, checkpoint_corrupt, path};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// Batches that are read ahead of their consumer.
const BATCHES_AHEAD: usize = 2;

/// A folder of files of one format as a stream.
pub(crate) struct FileStreamSource {
    path: String,
    rows: FileRows,
    schema: SchemaRef,
    config: StreamConfig,
    log: SourceLog,
    clock: Arc<dyn Clock>,
    /// Whether the next plan finds everything that is there.
    look_now: AtomicBool,
    /// Whether a plan takes all files that were found.
    ignores_limits: AtomicBool,
    /// Held while the log is read and the folder is looked at, so that all that is known belongs together: an async
    /// lock.
    state: Arc<Mutex<FileSourceState>>,
    /// The threads that read, delete and move files.
    threads: Background,
}

/// What the source knows of its log and of the folder.
struct FileSourceState {
    generation: Generation,
    /// The entries before this one are in `seen`.
    loaded: u64,
    seen: SeenFiles,
    /// Entries as this generation reads them: those that are not loaded or not committed.
    entries: BTreeMap<u64, LogEntry>,
    /// An entry that did not exist when this generation looked for it.
    absent: Option<u64>,
    /// The entries before this one are committed.
    released: u64,
    discovery: Discovery,
    /// Whether the files of the input are fixed.
    frozen: bool,
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
    pub rows: FileRows,
    pub config: StreamConfig,
    pub log: MetadataLog,
    pub clock: Arc<dyn Clock>,
}

impl FileStreamSource {
    /// Creates a source over one path; nothing is listed yet.
    pub(crate) fn new(args: FileSourceArgs) -> Result<Self> {
        let path = config::single_path(&args.paths)?;
        args.config.clean.check_outside(&path)?;
        let state = FileSourceState {
            generation: Generation(0),
            loaded: 0,
            seen: SeenFiles::new(args.config.keys),
            entries: BTreeMap::new(),
            absent: None,
            released: 0,
            discovery: Discovery::default(),
            frozen: false,
        };
        Ok(Self {
            schema: args.rows.schema(),
            path,
            rows: args.rows,
            log: SourceLog::new(args.log, args.config.keys, Arc::clone(&args.config.skipped)),
            config: args.config,
            clock: args.clock,
            look_now: AtomicBool::new(false),
            ignores_limits: AtomicBool::new(false),
            state: Arc::new(Mutex::new(state)),
            threads: Background::default(),
        })
    }

    /// Loads the entries before `until`, all of which must exist.
    async fn load_entries(&self, state: &mut FileSourceState, until: u64) -> Result<()> {
        while state.loaded < until {
            let from = state.loaded;
            if let Some(own) = state.entries.get(&from) {
                state.seen.add(&own.files);
                state.loaded += 1;
                continue;
            }
            // Those before the first entry of this generation were committed before it started.
            let first = state.entries.range(from..).next().map(|(number, _)| *number);
            let until = first.map_or(until, |first| until.min(first));
            self.log.load(&mut state.seen, from, until).await?;
            state.loaded = until;
        }
        if let Some(age) = self.config.max_file_age {
            state.seen.forget(age);
        }
        let needed = state.loaded.min(state.released);
        state.entries = state.entries.split_off(&needed);
        Ok(())
    }

    /// Returns the files of an entry that is not committed, as this generation reads them; none if it does not exist.
    async fn own_entry<'a>(
        &self,
        state: &'a mut FileSourceState,
        number: u64,
    ) -> Result<Option<&'a LogEntry>> {
        if !state.entries.contains_key(&number) {
            let adopted = self.log.adopt(number, state.generation.0).await?;
            state.entries.extend(adopted.map(|entry| (number, entry)));
        }
        Ok(state.entries.get(&number))
    }

    /// Looks for new files on a thread that may block.
    async fn look(
        &self,
        mut state: OwnedMutexGuard<FileSourceState>,
        exact: bool,
    ) -> Result<OwnedMutexGuard<FileSourceState>> {
        let (path, config, clock) = (self.path.clone(), self.config.clone(), Arc::clone(&self.clock));
        blocking(move || {
            let FileSourceState { seen, discovery, .. } = &mut *state;
            discovery.look(Look { path: &path, config: &config, seen, clock: clock.as_ref(), exact })?;
            Ok(state)
        })
        .await
    }

    /// Takes the files of the next epoch on a thread that may block.
    async fn take(
        &self,
        mut state: OwnedMutexGuard<FileSourceState>,
    ) -> Result<(OwnedMutexGuard<FileSourceState>, Vec<PlannedFile>)> {
        let (path, config, clock) = (self.path.clone(), self.config.clone(), Arc::clone(&self.clock));
        let is_unlimited = self.ignores_limits.load(Ordering::SeqCst);
        blocking(move || {
            let FileSourceState { seen, discovery, .. } = &mut *state;
            let look = Look { path: &path, config: &config, seen, clock: clock.as_ref(), exact: false };
            let limits = if is_unlimited { ReadLimits::default() } else { config.limits };
            let files = discovery.take(limits, look)?;
            Ok((state, files))
        })
        .await
    }

    async fn lock(&self) -> OwnedMutexGuard<FileSourceState> {
        Arc::clone(&self.state).lock_owned().await
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

    async fn claim(&self, generation: Generation) -> Result<()> {
        let mut state = self.lock().await;
        state.generation = generation;
        // What was planned before is an entry of nobody, which this generation continues like that of another one.
        state.entries.clear();
        state.absent = None;
        Ok(())
    }

    fn look_now(&self) {
        self.look_now.store(true, Ordering::SeqCst);
    }

    fn ignore_limits(&self) {
        self.ignores_limits.store(true, Ordering::SeqCst);
    }

    async fn freeze(&self) -> Result<()> {
        let state = self.lock().await;
        // Files that were read are among those that it finds before the log is loaded; the plan leaves them out.
        self.look(state, true).await?.frozen = true;
        Ok(())
    }

    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>> {
        let next = entry_after(start)?;
        let mut state = self.lock().await;
        self.load_entries(&mut state, next).await?;
        // An earlier generation planned this epoch: its entry counts, whatever the folder has now.
        if state.absent != Some(next) && self.own_entry(&mut state, next).await?.is_some() {
            return Ok(Some(offset(next)));
        }
        state.absent = Some(next);
        let exact = self.look_now.swap(false, Ordering::SeqCst);
        if !state.frozen && (exact || state.discovery.is_due(self.clock.as_ref())) {
            state = self.look(state, exact).await?;
        }
        if state.discovery.is_empty() {
            return Ok(None);
        }
        let (mut state, files) = self.take(state).await?;
        if files.is_empty() {
            return Ok(None);
        }
        // The first run that creates the entry decides. If another one was first, its entry counts and not `files`.
        let mine = LogEntry { files, generation: state.generation.0, seen: None };
        let entry = self.log.create(next, mine.clone()).await?;
        if entry != mine {
            state.discovery.give_back(mine.files, self.clock.as_ref());
        }
        state.entries.insert(next, entry);
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
        let mut state = self.lock().await;
        for number in first..=last {
            let entry = self.own_entry(&mut state, number).await?;
            files.extend(entry.ok_or_else(|| missing_entry(number))?.files.iter().cloned());
        }
        drop(state);
        let rows = self.rows.clone();
        let pieces = rows.share(files, subtask);
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let running = self.threads.running();
        tokio::task::spawn_blocking(move || {
            let _running = running;
            if let Err(e) = rows.send(&pieces, &sender) {
                // Sending fails if the consumer is gone, and then nobody needs the error.
                let _ = sender.blocking_send(Err(e));
            }
        });
        Ok(Box::pin(stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|batch| (batch, receiver))
        })))
    }

    async fn latest(&self) -> Result<Option<Offset>> {
        let state = self.lock().await;
        let mut next = state.entries.keys().next_back().map_or(0, |last| last + 1).max(state.loaded);
        drop(state);
        while self.log.contains(next).await? {
            next += 1;
        }
        Ok(next.checked_sub(1).map(offset))
    }

    async fn release(&self, end: &Offset) -> Result<()> {
        let until = entry_number(end)? + 1;
        let mut state = self.lock().await;
        let before = std::mem::replace(&mut state.released, until);
        let forgotten_before_us = state.seen.forgotten_before_us();
        let clean = self.config.clean.clone();
        let committed =
            || state.entries.range(before..until).flat_map(|(_, entry)| entry.files.iter().cloned());
        let files: Vec<PlannedFile> =
            if clean == CleanSource::Off { Vec::new() } else { committed().collect() };
        drop(state);
        self.log.summarise(before..until, forgotten_before_us).await?;
        if files.is_empty() {
            return Ok(());
        }
        let running = self.threads.running();
        blocking(move || {
            let _running = running;
            clean.clean(&files);
            Ok(())
        })
        .await
    }

    async fn close(&self) {
        self.threads.ended().await;
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
