//! Writes rows as Parquet files of a Delta table that no commit names yet.
//!
//! Such files are invisible until a commit adds them, and harmless if none does. They are durable when their actions
//! are returned; until then they are deleted with the job that writes them, so that a write that fails on a full disk
//! does not keep it full.

use crate::definition::Definition;
use crate::log::now_ms;
use arrow::array::RecordBatch;
use deltalake_core::kernel::{Action, Add};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thalweg_common::{Error, Result};
use thalweg_connector_files::files::split::PartitionSplitter;
use thalweg_connector_files::files::write::{FileSink, SinkFormat};
use thalweg_connector_files::parquet::sink::ParquetSink;
use thalweg_storage::durable;
use thalweg_values::zone::Zone;
use uuid::Uuid;

/// The most files that are open at once.
const OPEN_FILES_MAX: usize = 128;

/// Writes the rows of one job and collects its `add` actions.
pub(crate) struct Stager<'a> {
    root: &'a Path,
    definition: &'a Definition,
    splitter: PartitionSplitter,
    format: &'a ParquetSink,
    /// The zone in which dates become timestamps.
    zone: Zone,
    index: usize,
    open: BTreeMap<PathBuf, OpenFile>,
    adds: Vec<Value>,
    /// The files whose actions are not returned yet.
    begun: Vec<PathBuf>,
    rows: u64,
}

/// The finished files of one job, which are durable.
#[derive(Debug)]
pub(crate) struct StagedFiles {
    /// An `add` action for each file.
    pub adds: Vec<Value>,
    pub rows: u64,
    paths: Vec<PathBuf>,
}

struct OpenFile {
    name: PathBuf,
    values: Vec<Option<String>>,
    rows: u64,
    sink: Box<dyn FileSink>,
}

impl<'a> Stager<'a> {
    /// Creates a stager of rows that fit `definition`. `index` distinguishes the files of one worker from those of
    /// another.
    pub(crate) fn new(
        root: &'a Path,
        definition: &'a Definition,
        (format, zone): (&'a ParquetSink, Zone),
        index: usize,
    ) -> Result<Self> {
        let splitter = PartitionSplitter::new(&definition.schema, &definition.partition_by, Zone::UTC)?;
        format.check(&splitter.file_schema)?;
        Ok(Self {
            root,
            definition,
            splitter,
            format,
            zone,
            index,
            open: BTreeMap::new(),
            adds: Vec::new(),
            begun: Vec::new(),
            rows: 0,
        })
    }

    /// Writes a batch, whose columns were checked to fit the table; its nulls are checked here.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.definition.fitted(batch, self.zone)?;
        // One file for each partition stays open, so that batches in any order make few files.
        for partition in self.splitter.split(&batch)? {
            let folder = self.splitter.folder(&partition.values);
            if !self.open.contains_key(&folder) {
                self.begin(&folder, partition.values)?;
            }
            if let Some(file) = self.open.get_mut(&folder) {
                file.sink.write(&partition.rows)?;
                file.rows += partition.rows.num_rows() as u64;
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Finishes all files.
    pub(crate) fn finish(mut self) -> Result<StagedFiles> {
        self.close_all()?;
        // From here on the caller decides what becomes of the files.
        let paths = std::mem::take(&mut self.begun);
        Ok(StagedFiles { adds: std::mem::take(&mut self.adds), rows: self.rows, paths })
    }

    fn begin(&mut self, folder: &Path, values: Vec<Option<String>>) -> Result<()> {
        if self.open.len() >= OPEN_FILES_MAX {
            self.close_all()?;
        }
        let name =
            folder.join(format!("part-{:05}-{}-c000{}", self.index, Uuid::new_v4(), self.format.suffix()));
        let path = self.root.join(&name);
        self.begun.push(path.clone());
        let sink = self.format.create(durable::create(&path)?, &path, &self.splitter.file_schema)?;
        self.open.insert(folder.to_owned(), OpenFile { name, values, rows: 0, sink });
        Ok(())
    }

    fn close_all(&mut self) -> Result<()> {
        while let Some((folder, file)) = self.open.pop_first() {
            file.sink.finish()?;
            durable::sync_folder(&self.root.join(folder))?;
            let size = std::fs::metadata(self.root.join(&file.name))
                .map_err(|e| durable::write_failed(&file.name, &e))?
                .len();
            let add = Add {
                path: file.name.to_string_lossy().into_owned(),
                partition_values: self.splitter.names().iter().cloned().zip(file.values).collect(),
                size: i64::try_from(size).unwrap_or(i64::MAX),
                modification_time: now_ms(),
                data_change: true,
                // Without bounds of the columns: readers here take them from the files' footers.
                stats: Some(format!("{{\"numRecords\":{}}}", file.rows)),
                ..Add::default()
            };
            let action = serde_json::to_value(Action::Add(add));
            self.adds.push(action.map_err(|e| Error::internal(format!("a Delta action: {e}")))?);
        }
        Ok(())
    }
}

impl StagedFiles {
    /// Deletes the files, which must be in no version of the table.
    pub(crate) fn discard(self) {
        for path in self.paths {
            // A file that stays is not visible either.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Stager<'_> {
    fn drop(&mut self) {
        // The files are closed before they are deleted.
        self.open.clear();
        for path in &self.begun {
            let _ = std::fs::remove_file(path);
        }
    }
}
