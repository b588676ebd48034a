//! Writes and reads state files: segments of rows by key group, and a footer that lists them.
//!
//! ```text
//! segment…   the rows of consecutive key groups, encoded by the state; one after another in ascending order
//! footer     the segments as JSON: key groups, place, rows and checksum
//! ```
//!
//! So a reader gets the key groups that it needs, and neither a restore nor a merge holds a whole file in memory.
//! Files of formats 1 and 2 have no footer; they are one segment of all key groups.

use super::records::{FileRef, StateRun};
use super::{CheckpointFiles, sha256};
use crate::error::corrupt;
use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectStore};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use thalweg_common::{Error, Result};

/// Bytes after which a state file ends and the next one of its run begins. Tests divide their small runs too.
const FILE_BYTES_MAX: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };
/// Files up to this size are read at once, so that the run of a small epoch is one request.
const READ_WHOLE_BYTES_MAX: u64 = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// The rows of consecutive key groups, encoded.
#[derive(Debug)]
pub(crate) struct EncodedSegment {
    pub first_group: u8,
    pub last_group: u8,
    pub rows: u64,
    pub bytes: Vec<u8>,
}

/// Where a segment is in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub first_group: u8,
    pub last_group: u8,
    offset: u64,
    pub bytes: u64,
    rows: u64,
    sha256: String,
}

impl Segment {
    fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }
}

/// Writes the files of one run.
#[derive(Debug)]
pub(crate) struct RunWriter {
    files: CheckpointFiles,
    /// The beginning of the names of all files of the run.
    prefix: String,
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    run: StateRun,
}

impl RunWriter {
    pub(crate) fn new(files: CheckpointFiles, prefix: String) -> Self {
        Self { files, prefix, bytes: Vec::new(), segments: Vec::new(), run: StateRun::default() }
    }

    /// Adds a segment, whose key groups come after those of all segments before it.
    pub(crate) async fn add(&mut self, segment: EncodedSegment) -> Result<()> {
        self.segments.push(Segment {
            first_group: segment.first_group,
            last_group: segment.last_group,
            offset: self.bytes.len() as u64,
            bytes: segment.bytes.len() as u64,
            rows: segment.rows,
            sha256: sha256(&segment.bytes),
        });
        self.bytes.extend_from_slice(&segment.bytes);
        if self.bytes.len() >= FILE_BYTES_MAX { self.end_file().await } else { Ok(()) }
    }

    /// Returns the run; it has no file if no segment was added.
    pub(crate) async fn finish(mut self) -> Result<StateRun> {
        if !self.segments.is_empty() {
            self.end_file().await?;
        }
        Ok(self.run)
    }

    async fn end_file(&mut self) -> Result<()> {
        let segments = std::mem::take(&mut self.segments);
        let mut bytes = std::mem::take(&mut self.bytes);
        let footer = serde_json::to_vec(&segments)
            .map_err(|e| Error::internal(format!("encoding the footer of a state file: {e}")))?;
        bytes.extend_from_slice(&footer);
        let file = FileRef {
            path: format!("{}{:05}.arrow.zst", self.prefix, self.run.files.len()),
            bytes: bytes.len() as u64,
            rows: segments.iter().map(|s| s.rows).sum(),
            // Kept in the manifest, so that a recovery notices a file that is cut off or changed.
            sha256: sha256(&footer),
            footer_bytes: footer.len() as u64,
        };
        self.files.put(&file.path, Bytes::from(bytes)).await?;
        self.run.files.push(file);
        Ok(())
    }
}

/// A state file whose segments are known.
#[derive(Debug)]
pub(crate) struct StateFile {
    files: CheckpointFiles,
    file: FileRef,
    segments: Vec<Segment>,
    /// The whole content of a small file.
    content: Option<Bytes>,
}

impl StateFile {
    /// Reads the footer of a file.
    pub(crate) async fn open(files: &CheckpointFiles, file: &FileRef) -> Result<Self> {
        let mut opened =
            Self { files: files.clone(), file: file.clone(), segments: Vec::new(), content: None };
        if file.bytes <= READ_WHOLE_BYTES_MAX {
            opened.content = Some(opened.read(0..file.bytes).await?);
        }
        opened.segments = opened.read_segments().await?;
        Ok(opened)
    }

    /// Whether the file can be read in parts.
    pub(crate) fn has_parts(&self) -> bool {
        self.file.footer_bytes > 0
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn path(&self) -> &str {
        &self.file.path
    }

    /// Reads a segment and verifies its checksum.
    pub(crate) async fn segment(&self, segment: &Segment) -> Result<Bytes> {
        let bytes = self.read(segment.range()).await?;
        self.check(&bytes, &segment.sha256)?;
        Ok(bytes)
    }

    async fn read_segments(&self) -> Result<Vec<Segment>> {
        let FileRef { bytes, rows, sha256, footer_bytes, .. } = &self.file;
        if *footer_bytes == 0 {
            // The checksum of a file without a footer is that of the whole file, and so of its only segment.
            let sha256 = sha256.clone();
            let whole = Segment {
                first_group: 0,
                last_group: u8::MAX,
                offset: 0,
                bytes: *bytes,
                rows: *rows,
                sha256,
            };
            return Ok(vec![whole]);
        }
        let footer = self.read(bytes.saturating_sub(*footer_bytes)..*bytes).await?;
        self.check(&footer, sha256)?;
        serde_json::from_slice(&footer).map_err(|e| corrupt(&self.file.path, &e.to_string()))
    }

    fn check(&self, bytes: &[u8], checksum: &str) -> Result<()> {
        if sha256(bytes) == checksum {
            return Ok(());
        }
        Err(corrupt(&self.file.path, "its checksum does not match"))
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(content) = &self.content {
            let wanted = place(range.start)..place(range.end).min(content.len());
            return Ok(if wanted.start <= wanted.end { content.slice(wanted) } else { Bytes::new() });
        }
        let (size, bytes) = self.files.state_bytes(&self.file.path, range).await?;
        // The size is compared first because it is cheap and finds a torn file.
        if size != self.file.bytes {
            let why = format!("it has {size} bytes instead of {}", self.file.bytes);
            return Err(corrupt(&self.file.path, &why));
        }
        Ok(bytes)
    }
}

impl CheckpointFiles {
    /// Reads a part of a state file; returns the size of the whole file too.
    async fn state_bytes(&self, name: &str, range: Range<u64>) -> Result<(u64, Bytes)> {
        let missing = || corrupt(name, "it does not exist");
        let path = self.path(name);
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let found = match self.store.get_opts(&path, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(missing()),
            Err(cause) => {
                // A store refuses a range that begins after the end of the file, which is then cut off.
                let head = GetOptions { head: true, ..GetOptions::default() };
                return match self.store.get_opts(&path, head).await {
                    Ok(there) if there.meta.size < range.end => Ok((there.meta.size, Bytes::new())),
                    Err(object_store::Error::NotFound { .. }) => Err(missing()),
                    Ok(_) | Err(_) => Err(self.failed("read", name, &cause)),
                };
            }
        };
        let size = found.meta.size;
        Ok((size, found.bytes().await.map_err(|e| self.failed("read", name, &e))?))
    }
}
