//! Keeps a durable log of numbered entries on an object store, in which a source records what it planned.
//!
//! An entry is created once and never changes: the first generation that creates it decides, and all others adopt it.
//! So two generations that plan at the same time agree without communicating. Beside the entries a source may keep
//! objects with names of its own, such as summaries of many entries, and it deletes what they replace.

use crate::durable_store::checkpoint_failed;
use bytes::Bytes;
use futures::TryStreamExt;
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

    /// Returns the name of the entry `n`. All are of one width, so that names are in the order of the numbers.
    pub fn entry_name(n: u64) -> String {
        format!("{n:020}")
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    fn failed(&self, verb: &str, name: &str, cause: &object_store::Error) -> Error {
        checkpoint_failed(verb, self.path(name).as_ref(), self.store.as_ref(), cause)
    }

    /// Returns the entry `n`, if it exists.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be read.
    pub async fn get(&self, n: u64) -> Result<Option<Bytes>> {
        self.get_named(&Self::entry_name(n)).await
    }

    /// Creates the entry `n` and returns it; if it exists, returns the existing entry, which counts.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` or `DISK_FULL` if the store cannot be written.
    pub async fn create_or_get(&self, n: u64, entry: Bytes) -> Result<Bytes> {
        self.create_or_get_named(&Self::entry_name(n), entry).await
    }

    /// Returns the object with that name, if it exists.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be read.
    pub async fn get_named(&self, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.failed("read", name, &e))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", name, &e)),
        }
    }

    /// Creates the object with that name and returns it; if it exists, returns the existing object, which counts.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` or `DISK_FULL` if the store cannot be written.
    pub async fn create_or_get_named(&self, name: &str, content: Bytes) -> Result<Bytes> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(name), content.clone().into(), options).await {
            Ok(_) => Ok(content),
            Err(object_store::Error::AlreadyExists { .. }) => self.get_named(name).await?.ok_or_else(|| {
                Error::internal(format!("the object {} of a source's log vanished", self.path(name)))
            }),
            Err(e) => Err(self.failed("write", name, &e)),
        }
    }

    /// Returns whether the entry `n` exists.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be read.
    pub async fn contains(&self, n: u64) -> Result<bool> {
        let name = Self::entry_name(n);
        match self.store.head(&self.path(&name)).await {
            // Its content may be long, and is not needed.
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(self.failed("read", &name, &e)),
        }
    }

    /// Returns the names of all objects of the log, entries included, in order.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be listed.
    pub async fn names(&self) -> Result<Vec<String>> {
        let listed: Vec<_> = self
            .store
            .list(Some(&self.prefix))
            .try_collect()
            .await
            .map_err(|e| self.failed("list", "", &e))?;
        let name = |meta: &object_store::ObjectMeta| meta.location.filename().map(str::to_owned);
        let mut names: Vec<String> = listed.iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Deletes the object with that name, if it exists. It is for the caller to know that nobody needs it.
    ///
    /// # Errors
    /// `CHECKPOINT_IO` if the store cannot be written.
    pub async fn delete(&self, name: &str) -> Result<()> {
        // Another run may have deleted it, since both know what is replaced.
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("delete", name, &e)),
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
