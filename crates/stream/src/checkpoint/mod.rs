//! The checkpoint of a query on an object store: which objects there are and how they are written.
//!
//! ```text
//! metadata                      id of the query and its state's fingerprint; created once
//! generations/<g>               one run each; created once, so a number belongs to one run
//! plans/<epoch>                 what an epoch reads, its watermark and time; created once
//! manifests/<epoch>-<g>         which files make up the state after the epoch; per generation
//! commits/<epoch>               who committed the epoch; created once
//! state/<op>/<epoch>-<g>-…      rows of state
//! sources/…                     what a source remembers; not ours
//! ```
//!
//! Small objects are *sealed*: their first line is a checksum of the rest, so that a torn or edited
//! file is an error that names it. Nothing here decides anything: see [`crate::machine`].

mod records;
mod sealed;

pub(crate) use records::{
    CommitRecord, FileRef, GenerationRecord, MANIFEST_FORMAT, Manifest, Metadata, OperatorFiles, Plan,
};

use crate::error::corrupt;
use crate::options::Checkpoint;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, Result};
use thalweg_connectors::checkpoint_failed;
use thalweg_connectors::stream::Commit;

/// Claims of a generation that may fail because others claim at the same time.
pub(crate) const CLAIMS_MAX: usize = 64;

/// A checkpoint, ready to be read and written.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// What conditional creation found.
#[derive(Debug)]
pub(crate) enum Created<T> {
    Mine,
    There(T),
}

impl Files {
    pub(crate) fn new(checkpoint: &Checkpoint) -> Self {
        Self { store: Arc::clone(&checkpoint.store), prefix: checkpoint.prefix.clone() }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn failed(&self, verb: &str, name: &str, cause: &object_store::Error) -> Error {
        checkpoint_failed(verb, self.path(name).as_ref(), self.store.as_ref(), cause)
    }

    /// The bytes of an object, if it exists.
    pub(crate) async fn bytes(&self, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.failed("read", name, &e))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", name, &e)),
        }
    }

    /// Writes an object whose name is used once.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&self.path(name), bytes.into()).await.map_err(|e| self.failed("write", name, &e))?;
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("delete", name, &e)),
        }
    }

    /// The names of all objects under `folder`, relative to the checkpoint.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let under = self.path(folder);
        let found: Vec<_> =
            self.store.list(Some(&under)).try_collect().await.map_err(|e| self.failed("list", folder, &e))?;
        let relative = |location: &Path| {
            let rest: Vec<_> = location.prefix_match(&under)?.map(|p| p.as_ref().to_owned()).collect();
            Some(format!("{folder}/{}", rest.join("/")))
        };
        Ok(found.iter().filter_map(|meta| relative(&meta.location)).collect())
    }

    /// Reads a sealed record, if it exists.
    pub(crate) async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match self.bytes(name).await? {
            Some(bytes) => sealed::open(name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Creates a sealed record, or answers with the one that is there. A lost acknowledgement is
    /// recognised by its content: what is there byte for byte is what we wrote.
    pub(crate) async fn create<T>(&self, name: &str, record: &T) -> Result<Created<T>>
    where
        T: Serialize + DeserializeOwned,
    {
        let sealed = sealed::seal(name, record)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(name), sealed.clone().into(), options).await {
            Ok(_) => Ok(Created::Mine),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.bytes(name).await?.ok_or_else(|| corrupt(name, "it vanished"))?;
                if there == sealed {
                    Ok(Created::Mine)
                } else {
                    sealed::open(name, &there).map(Created::There)
                }
            }
            Err(e) => Err(self.failed("write", name, &e)),
        }
    }

    /// All generations that were claimed.
    pub(crate) async fn generations(&self) -> Result<Vec<Generation>> {
        let names = self.list("generations").await?;
        Ok(names.iter().filter_map(|n| last_number(n)).map(Generation).collect())
    }

    /// The newest commit record.
    pub(crate) async fn newest_commit(&self) -> Result<Option<Commit>> {
        let newest = self.list("commits").await?.iter().filter_map(|n| last_number(n)).max();
        let Some(epoch) = newest.map(Epoch) else { return Ok(None) };
        let record: Option<CommitRecord> = self.read(&commit_name(epoch)).await?;
        Ok(record.map(|r| Commit { epoch, generation: r.generation }))
    }

    /// All manifests there are.
    pub(crate) async fn manifests(&self) -> Result<Vec<Commit>> {
        Ok(self.list("manifests").await?.iter().filter_map(|n| epoch_and_generation(n)).collect())
    }

    /// The highest epoch that has a plan.
    pub(crate) async fn newest_plan(&self) -> Result<Option<Epoch>> {
        Ok(self.list("plans").await?.iter().filter_map(|n| last_number(n)).max().map(Epoch))
    }

    /// A state file, checked against what the manifest says about it.
    pub(crate) async fn state_file(&self, file: &FileRef) -> Result<Bytes> {
        let bytes = self.bytes(&file.path).await?.ok_or_else(|| corrupt(&file.path, "it does not exist"))?;
        if bytes.len() as u64 != file.bytes {
            let why = format!("it has {} bytes instead of {}", bytes.len(), file.bytes);
            return Err(corrupt(&file.path, &why));
        }
        if sha256(&bytes) != file.sha256 {
            return Err(corrupt(&file.path, "its checksum does not match"));
        }
        Ok(bytes)
    }
}

/// The checksum that records and manifests carry.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn generation_name(g: Generation) -> String {
    format!("generations/{:020}", g.0)
}
pub(crate) fn plan_name(e: Epoch) -> String {
    format!("plans/{:020}", e.0)
}
pub(crate) fn manifest_name(c: Commit) -> String {
    format!("manifests/{:020}-{:020}", c.epoch.0, c.generation.0)
}
pub(crate) fn commit_name(e: Epoch) -> String {
    format!("commits/{:020}", e.0)
}
/// `kind` is `delta` or `base`.
pub(crate) fn state_name(operator: usize, c: Commit, kind: &str) -> String {
    format!("state/{operator}/{:020}-{:020}-{kind}.arrow.zst", c.epoch.0, c.generation.0)
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn last_number(name: &str) -> Option<u64> {
    file_name(name).parse().ok()
}

/// Which epoch and generation a manifest or a state file belongs to.
pub(crate) fn epoch_and_generation(name: &str) -> Option<Commit> {
    let mut parts = file_name(name).split('-');
    let epoch = Epoch(parts.next()?.parse().ok()?);
    let generation = Generation(parts.next()?.parse().ok()?);
    Some(Commit { epoch, generation })
}

/// The epoch of a plan's name.
pub(crate) fn plan_epoch(name: &str) -> Option<Epoch> {
    last_number(name).map(Epoch)
}
