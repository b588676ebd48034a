//! Keeps a durable log of numbered entries on an object store, in which a source records what it planned.
//!
//! An entry is created once and never changes: the first generation that creates it decides, and all others adopt it.
//! So two generations that plan at the same time agree without communicating.

use crate::durable_store::checkpoint_failed;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

/// A log under one prefix of a store. The crate's top has an example.
#[derive(Debug, Clone)]
pub struct MetadataLog {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl MetadataLog {
    /// Creates the log under `prefix`; nothing is read or written yet.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    fn path(&self, n: u64) -> Path {
        // Of one width, so that listings are in the order of the numbers.
        self.prefix.clone().join(format!("{n:020}"))
    }

    fn failed(&self, verb: &str, n: u64, cause: &object_store::Error) -> Error {
        checkpoint_failed(verb, self.path(n).as_ref(), self.store.as_ref(), cause)
    }

    /// Returns the entry `n`, if it exists.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be read.
    pub async fn get(&self, n: u64) -> Result<Option<Bytes>> {
        match self.store.get(&self.path(n)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.failed("read", n, &e))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", n, &e)),
        }
    }

    /// Creates the entry `n` and returns it; if it exists, returns the existing entry, which counts.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` or `DISK_FULL` if the store cannot be written.
    pub async fn create_or_get(&self, n: u64, entry: Bytes) -> Result<Bytes> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(n), entry.clone().into(), options).await {
            Ok(_) => Ok(entry),
            Err(object_store::Error::AlreadyExists { .. }) => self
                .get(n)
                .await?
                .ok_or_else(|| Error::internal(format!("entry {} of a source's log vanished", self.path(n)))),
            Err(e) => Err(self.failed("write", n, &e)),
        }
    }
}

/// Returns the error for a part of a checkpoint that cannot be understood: class `CHECKPOINT_CORRUPT`.
///
/// ```
/// let error = thalweg_storage::checkpoint_corrupt("'x' is not an offset.");
/// assert_eq!(error.class(), "CHECKPOINT_CORRUPT");
/// assert!(error.hint_text().is_some());
/// ```
pub fn checkpoint_corrupt(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Runtime, "CHECKPOINT_CORRUPT", "58030", message.into()).hint(
        "The checkpoint has lost or changed files. Restore them from a backup, or start the query with a new \
         checkpointLocation.",
    )
}
