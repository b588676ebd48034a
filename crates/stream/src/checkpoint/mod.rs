//! Reads and writes the checkpoint of a query on an object store.
//!
//! ```text
//! metadata                      id of the query; created once
//! generations/<g>               one per run; created once, so that a number belongs to one run; the newest stays
//! plans/<epoch>                 what an epoch reads, its watermark and processing time; created once
//! manifests/<epoch>-<g>         the files that hold the state after the epoch; one per generation
//! commits/<epoch>               the generation that committed the epoch; created once
//! state/<op>/<name>/<epoch>-<g>-…   rows of one state of an operator: a run of one epoch, or of several merged
//! sources/…                     the source's own log; read and written by the source
//! ```
//!
//! Small objects are *sealed*: their first line is a checksum of the rest, so that reading a torn or edited
//! file is an error that names it. Nothing here decides what happens next; see [`crate::machine`].

mod format_1;
mod records;
mod sealed;
mod state_file;

pub(crate) use format_1::FINGERPRINT as FINGERPRINT_OF_FORMAT_1;
#[cfg(test)]
pub(crate) use records::FileRef;
pub(crate) use records::{
    CommitRecord, EpochPlan, FORMAT, GenerationRecord, Manifest, Metadata, OperatorState, SourceRange,
    StateFiles, StateRun,
};
pub(crate) use state_file::{EncodedSegment, RunWriter, Segment, StateFile};

use crate::error::corrupt;
use crate::options::Checkpoint;
use crate::spec::OperatorId;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, Result};
use thalweg_connectors::background::Background;
use thalweg_connectors::stream::Commit;
use thalweg_storage::checkpoint_failed;

/// Attempts to claim a generation. An attempt fails only if another run claims the same number at the same
/// time, so this many failures mean that runs are started in a loop.
pub(crate) const CLAIMS_MAX: usize = 64;

/// The objects of one checkpoint. A write that was begun runs to its end, also if its caller is dropped.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointFiles {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    writes: Background,
}

/// The result of creating an object conditionally.
#[derive(Debug)]
pub(crate) enum CreateOutcome<T> {
    /// This call created the object.
    Created,
    /// The object existed with another content.
    Exists(T),
}

impl CheckpointFiles {
    pub(crate) fn new(checkpoint: &Checkpoint) -> Self {
        let (store, prefix) = (Arc::clone(&checkpoint.store), checkpoint.prefix.clone());
        Self { store, prefix, writes: Background::default() }
    }

    /// Returns the work that counts the writes of this checkpoint.
    pub(crate) fn writes(&self) -> &Background {
        &self.writes
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn failed(&self, verb: &str, name: &str, cause: &object_store::Error) -> Error {
        checkpoint_failed(verb, self.path(name).as_ref(), self.store.as_ref(), cause)
    }

    /// Reads the bytes of an object, if it exists.
    pub(crate) async fn bytes(&self, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.failed("read", name, &e))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", name, &e)),
        }
    }

    /// Writes an object. The name must be used once, since an existing object would be replaced.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        let written = self.writes.run(async move { store.put(&path, bytes.into()).await }).await?;
        written.map_err(|e| self.failed("write", name, &e))?;
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        match self.writes.run(async move { store.delete(&path).await }).await? {
            // Another run may have deleted it, and a repeated delete after a lost answer finds nothing.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("delete", name, &e)),
        }
    }

    /// Lists the names of all objects under `folder`, relative to the checkpoint.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        // The prefix differs between the machines that run the query, so names are relative to it.
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

    /// Reads the manifest of a commit, if it exists.
    pub(crate) async fn manifest(&self, commit: Commit) -> Result<Option<Manifest>> {
        self.read_format::<Manifest, format_1::ManifestFormat1>(&manifest_name(commit)).await
    }

    /// Reads the plan of an epoch, if it exists.
    pub(crate) async fn plan(&self, epoch: Epoch) -> Result<Option<EpochPlan>> {
        self.read_format::<EpochPlan, format_1::PlanFormat1>(&plan_name(epoch)).await
    }

    /// Reads a record of the format that it names. Plans of format 1 name none.
    async fn read_format<T, Old>(&self, name: &str) -> Result<Option<T>>
    where
        T: DeserializeOwned + From<Old>,
        Old: DeserializeOwned,
    {
        let Some(record) = self.read::<serde_json::Value>(name).await? else { return Ok(None) };
        let format = record.get("format").map_or(Some(1), serde_json::Value::as_u64);
        let decoded = match format.and_then(|f| u32::try_from(f).ok()) {
            Some(1) => serde_json::from_value::<Old>(record).map(T::from),
            // The files of a state are read as each format has them.
            Some(2 | FORMAT) => serde_json::from_value(record),
            _ => return Err(corrupt(name, "it has a format that this version does not read")),
        };
        decoded.map(Some).map_err(|e| corrupt(name, &e.to_string()))
    }

    /// Creates a sealed record, or returns the one that exists.
    pub(crate) async fn create<T>(&self, name: &str, record: &T) -> Result<CreateOutcome<T>>
    where
        T: Serialize + DeserializeOwned,
    {
        let sealed = sealed::seal(name, record)?;
        // The store decides atomically who creates the object: two runs may try at once.
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let (store, path, payload) = (Arc::clone(&self.store), self.path(name), sealed.clone());
        let created = async move { store.put_opts(&path, payload.into(), options).await };
        match self.writes.run(created).await? {
            Ok(_) => Ok(CreateOutcome::Created),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self
                    .bytes(name)
                    .await?
                    .ok_or_else(|| corrupt(name, "it was deleted while the query ran"))?;
                // A client that lost the acknowledgement of its write tries again and finds its own record.
                if there == sealed {
                    Ok(CreateOutcome::Created)
                } else {
                    sealed::open(name, &there).map(CreateOutcome::Exists)
                }
            }
            Err(e) => Err(self.failed("write", name, &e)),
        }
    }

    /// Lists all generations that were claimed.
    pub(crate) async fn generations(&self) -> Result<Vec<Generation>> {
        let names = self.list("generations").await?;
        Ok(names.iter().filter_map(|n| last_number(n)).map(Generation).collect())
    }

    /// Returns whether a generation above `own` was claimed. It lists these alone, and there are none or few: each run
    /// deletes those before its own.
    pub(crate) async fn has_newer_generation(&self, own: Generation) -> Result<bool> {
        let folder = "generations";
        let (under, from) = (self.path(folder), self.path(&generation_name(own)));
        let mut newer = self.store.list_with_offset(Some(&under), &from);
        while let Some(found) = newer.try_next().await.map_err(|e| self.failed("list", folder, &e))? {
            // Whatever else is in the folder is no generation.
            if last_number(found.location.as_ref()).is_some_and(|number| number > own.0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the newest commit record.
    pub(crate) async fn newest_commit(&self) -> Result<Option<Commit>> {
        // Names have leading zeros, but a store need not list them in order.
        let newest = self.list("commits").await?.iter().filter_map(|n| last_number(n)).max();
        let Some(epoch) = newest.map(Epoch) else { return Ok(None) };
        let record: Option<CommitRecord> = self.read(&commit_name(epoch)).await?;
        Ok(record.map(|r| Commit { epoch, generation: r.generation }))
    }

    /// Lists all manifests.
    pub(crate) async fn manifests(&self) -> Result<Vec<Commit>> {
        Ok(self.list("manifests").await?.iter().filter_map(|n| epoch_and_generation(n)).collect())
    }

    /// Returns the highest epoch that has a plan.
    pub(crate) async fn newest_plan(&self) -> Result<Option<Epoch>> {
        Ok(self.list("plans").await?.iter().filter_map(|n| last_number(n)).max().map(Epoch))
    }
}

/// Computes the checksum that sealed records and manifests contain.
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
/// Returns what the names of the files of a run begin with. The run of an epoch is an `epoch`; what replaces
/// several of them is `merged`, or `restored` if that was the first thing that a generation did.
pub(crate) fn run_prefix((operator, state): (&OperatorId, &str), c: Commit, kind: &str) -> String {
    format!("state/{operator}/{state}/{:020}-{:020}-{kind}-", c.epoch.0, c.generation.0)
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn last_number(name: &str) -> Option<u64> {
    file_name(name).parse().ok()
}

/// Parses epoch and generation from the name of a manifest or a state file.
pub(crate) fn epoch_and_generation(name: &str) -> Option<Commit> {
    let mut parts = file_name(name).split('-');
    let epoch = Epoch(parts.next()?.parse().ok()?);
    let generation = Generation(parts.next()?.parse().ok()?);
    Some(Commit { epoch, generation })
}

/// Parses the epoch from the name of a plan or a commit record.
pub(crate) fn plan_epoch(name: &str) -> Option<Epoch> {
    last_number(name).map(Epoch)
}
