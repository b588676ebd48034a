//! Reads one subtask's share of the files of an epoch.
//!
//! A large file of a format that can be split is read in pieces of [`PIECE_BYTES`], so that all subtasks share it. The
//! pieces depend on the files alone. They are dealt out in the order of the entry, so that a replay with the same number
//! of subtasks reads the same rows in the same order.

use super::plan::{PlannedFile, check_unchanged, with_remedy};
use crate::files::scan::{read_split, with_folders};
use crate::files::tolerance::Tolerance;
use crate::files::{FileEntry, FileReader, Split, partition};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::stream::Subtask;
use thalweg_storage::path;
use thalweg_values::zone::Zone;
use tokio::sync::mpsc;

/// The size of the pieces of a large file: much work compared with opening it, and little compared with an epoch of
/// one large file.
const PIECE_BYTES: u64 = 16 << 20;

/// How the files of a stream become rows.
#[derive(Debug, Clone)]
pub(crate) struct FileRows {
    pub reader: Arc<dyn FileReader>,
    pub folders: Vec<Field>,
    pub zone: Zone,
    pub tolerance: Tolerance,
}

/// A part of a file.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    file: Arc<FileEntry>,
    range: Option<(u64, u64)>,
}

impl Piece {
    fn split(&self) -> Split {
        match self.range {
            None => Split::whole(Arc::clone(&self.file)),
            Some((start, end)) => Split { file: Arc::clone(&self.file), start, end },
        }
    }
}

impl FileRows {
    /// Returns the columns of the files and then those of their folders.
    pub(super) fn schema(&self) -> SchemaRef {
        with_folders(self.reader.schema(), &self.folders)
    }

    /// Returns the pieces of the files that a subtask reads, in their order.
    pub(super) fn share(&self, files: Vec<PlannedFile>, subtask: Subtask) -> Vec<Piece> {
        let pieces = files.into_iter().flat_map(|file| self.pieces(file));
        pieces.skip(subtask.index).step_by(subtask.parallelism.max(1)).collect()
    }

    fn pieces(&self, file: PlannedFile) -> Vec<Piece> {
        let file = Arc::new(FileEntry::from(file));
        let size = file.size_bytes;
        if size <= PIECE_BYTES || !self.reader.can_split(&file) {
            return vec![Piece { file, range: None }];
        }
        let range = |n: u64| (n * PIECE_BYTES, ((n + 1) * PIECE_BYTES).min(size));
        let piece = |n: u64| Piece { file: Arc::clone(&file), range: Some(range(n)) };
        (0..size.div_ceil(PIECE_BYTES)).map(piece).collect()
    }

    /// Sends the rows of some pieces. A file that is missing or corrupt is left out if the options say so. Blocks.
    pub(super) fn send(&self, pieces: &[Piece], sender: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        for piece in pieces {
            match self.send_piece(piece, sender) {
                Err(e) if self.tolerance.leaves_out(&piece.file.path, &e) => {}
                other => other.map_err(|e| with_remedy(e, &piece.file.path))?,
            }
        }
        Ok(())
    }

    /// Sends the rows of one piece. The file must be unchanged both before and after it is read, since it could be
    /// replaced in between.
    fn send_piece(&self, piece: &Piece, sender: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        let planned = PlannedFile::from(piece.file.as_ref().clone());
        check_unchanged(&planned)?;
        let values = self.values(&piece.file)?;
        let schema = self.schema();
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        // Reading a file that is being replaced can fail with any error; the change is the cause to report.
        let change_or = |e: Error| check_unchanged(&planned).err().unwrap_or(e);
        let batches = read_split(self.reader.as_ref(), &piece.split(), &columns, &schema, &values);
        for batch in batches.map_err(change_or)? {
            // Sending fails if the consumer is gone, and then nobody needs the rest.
            if sender.blocking_send(Ok(batch.map_err(change_or)?)).is_err() {
                return Ok(());
            }
        }
        check_unchanged(&planned)
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
