//! Reads the newest state of a Delta table from its log and creates the entries of the next versions.
//!
//! A [`Head`] is what one writer knows: the newest version, the table's definition and the application transactions
//! of one query. [`Log::create`] creates the version after it, or reports that another writer did; then the caller
//! has to [`Log::advance`] and to check again. Entries are created whole, durable and once, and never changed or
//! deleted here.

use crate::anchor::{Anchor, check_same_table};
use crate::definition::{Definition, actions, unsupported_feature};
use crate::versions::{LogFile, Versions, empty, incomplete};
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::{DeltaTable, DeltaTableBuilder};
use serde_json::Value;
use std::fmt::Debug;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::clock::{Clock, SystemClock};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::files::list::read_failed;
use thalweg_storage::durable;
use thalweg_storage::path::uri;
use url::Url;

/// The folder of the log, in the folder of its table.
pub(crate) const FOLDER: &str = "_delta_log";
/// A checkpoint is written for each version that is a multiple of this.
const CHECKPOINT_EVERY: i64 = 100;

/// The application transactions of one streaming query.
#[derive(Debug, Clone)]
pub(crate) struct AppIds {
    /// The version is the last epoch, or -1 before the first.
    pub epoch: String,
    /// The version is the highest generation that fenced.
    pub generation: String,
    /// The version is the generation that committed the last epoch.
    pub committer: String,
}

impl AppIds {
    pub(crate) fn of(query_id: &str) -> Self {
        Self {
            epoch: query_id.to_owned(),
            generation: format!("{query_id}/generation"),
            committer: format!("{query_id}/committer"),
        }
    }
}

/// The state of the log up to `version`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    /// The newest version; none if there is no table yet.
    pub version: Option<i64>,
    pub definition: Option<Definition>,
    /// Identifies the entry of `version`.
    pub anchor: Anchor,
    pub epoch: Option<i64>,
    pub generation: Option<i64>,
    pub committer: Option<i64>,
}

impl Head {
    /// Returns the version that the next commit creates.
    pub(crate) fn next(&self) -> i64 {
        self.version.map_or(0, |v| v + 1)
    }
}

/// The steps that make an entry of a log durable. Tests replace them with steps whose answers are lost.
pub(crate) trait LogSteps: Debug + Send + Sync {
    /// Creates an entry whole and durable; false, and nothing changed, if there is one.
    fn create(&self, entry: &Path, bytes: &[u8]) -> Result<bool> {
        durable::create_new(entry, bytes)
    }

    /// Makes the entries that are in the folder of the log durable.
    fn sync(&self, folder: &Path) -> Result<()> {
        durable::sync_folder(folder)
    }
}

#[derive(Debug)]
struct DiskSteps;

impl LogSteps for DiskSteps {}

/// The log of one table.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub root: PathBuf,
    steps: Arc<dyn LogSteps>,
}

impl Log {
    /// The log of the table at `root`, which need not exist.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, steps: Arc::new(DiskSteps) }
    }

    /// The same log, written by other steps.
    #[cfg(test)]
    pub(crate) fn with_steps(root: PathBuf, steps: Arc<dyn LogSteps>) -> Self {
        Self { root, steps }
    }

    /// Opens the table at its newest version or at `version`; none if there is no table.
    pub(crate) async fn open(&self, version: Option<u64>) -> Result<Option<DeltaTable>> {
        if !self.has_entries() {
            return Ok(None);
        }
        // Before the library reads it: a log without its first version would pass for no table.
        let versions = self.versions();
        if let Some(missing) = versions.missing(version) {
            return Err(incomplete(self, missing));
        }
        let is_empty = |v: &u64| i64::try_from(*v).is_ok_and(|v| self.is_empty(v));
        if let Some(version) = versions.needed(version).find(is_empty) {
            return Err(empty(self, version));
        }
        let mut table = self.table()?;
        let loaded = match version {
            Some(version) => table.load_version(version).await,
            None => table.load().await,
        };
        match loaded {
            Ok(()) => Ok(Some(table)),
            Err(deltalake_core::DeltaTableError::NotATable(_)) => Ok(None),
            Err(e) => Err(self.failed("read", &e)),
        }
    }

    fn versions(&self) -> Versions {
        let files = std::fs::read_dir(self.root.join(FOLDER)).into_iter().flatten().flatten();
        files.filter_map(|file| LogFile::of_name(&file.file_name().to_string_lossy())).collect()
    }

    /// Returns whether there is any version. The writer of the first may have died after it created the folder.
    fn has_entries(&self) -> bool {
        // Hidden files are entries that were not linked.
        let is_version = |name: &str| name.starts_with(|c: char| c.is_ascii_digit());
        std::fs::read_dir(self.root.join(FOLDER)).is_ok_and(|mut entries| {
            entries.any(|e| e.is_ok_and(|e| is_version(&e.file_name().to_string_lossy())))
        })
    }

    /// Returns the table, which is not loaded yet.
    pub(crate) fn table(&self) -> Result<DeltaTable> {
        let url = Url::from_directory_path(&self.root)
            .map_err(|()| Error::internal(format!("'{}' is no absolute path", self.root.display())))?;
        DeltaTableBuilder::from_url(url)
            .and_then(DeltaTableBuilder::build)
            .map_err(|e| self.failed("open", &e))
    }

    /// Reads the newest state.
    pub(crate) async fn load(&self, ids: &AppIds) -> Result<Head> {
        let Some(table) = self.open(None).await? else {
            return Ok(Head {
                version: None,
                definition: None,
                anchor: Anchor::of(None),
                epoch: None,
                generation: None,
                committer: None,
            });
        };
        let snapshot = self.snapshot(&table)?;
        let store = table.log_store();
        let mut versions = Vec::with_capacity(3);
        for id in [&ids.epoch, &ids.generation, &ids.committer] {
            let found = snapshot.transaction_version(store.as_ref(), id).await;
            versions.push(found.map_err(|e| self.failed("read", &e))?);
        }
        let version = i64::try_from(snapshot.version()).map_err(|e| corrupt(&self.root, &e))?;
        let at = |n: usize| versions.get(n).copied().flatten();
        Ok(Head {
            version: Some(version),
            definition: Some(Definition::of(snapshot)?),
            anchor: Anchor::of(self.entry(version)?.as_deref()),
            // -1 is written by a fence before the first epoch.
            epoch: at(0).filter(|e| *e >= 0),
            generation: at(1),
            committer: at(2),
        })
    }

    /// Returns the snapshot of a table that was opened.
    pub(crate) fn snapshot<'a>(&self, table: &'a DeltaTable) -> Result<&'a EagerSnapshot> {
        Ok(table.snapshot().map_err(|e| self.failed("read", &e))?.snapshot())
    }

    /// Reads the entries after `head`, or the whole log if it is no longer the one of `head`.
    ///
    /// # Errors
    /// `STREAM_SINK_LOST_COMMITS` if the table was deleted, replaced or set back.
    pub(crate) async fn advance(&self, head: Head, ids: &AppIds) -> Result<Head> {
        if !self.is_current(&head)? {
            return self.reload(&head, ids).await;
        }
        let mut head = head;
        // Ends at the first version that does not exist: versions have no gaps.
        while let Some(entry) = self.entry(head.next())? {
            if entry.is_empty() {
                return Err(empty(self, head.next().unsigned_abs()));
            }
            let path = self.entry_path(head.next());
            let actions = actions(&entry, &path)?;
            // The snapshot checks changes of columns and features, so it is loaded anew for these rare entries.
            if actions.iter().any(|a| a.get("metaData").is_some() || a.get("protocol").is_some()) {
                return self.reload(&head, ids).await;
            }
            head.version = Some(head.next());
            head.anchor = Anchor::of(Some(&entry));
            for txn in actions.iter().filter_map(|a| a.get("txn")) {
                take_transaction(&mut head, txn, ids);
            }
        }
        Ok(head)
    }

    /// Reads the newest state of the table of `head`.
    pub(crate) async fn reload(&self, head: &Head, ids: &AppIds) -> Result<Head> {
        let new = self.load(ids).await?;
        check_same_table(self, head, &new)?;
        Ok(new)
    }

    /// Creates an entry with these actions; false if there is one of that version. An error does not mean that the
    /// entry was not created: [`MarkedCommit`](crate::commit::MarkedCommit) finds that out.
    pub(crate) fn create(&self, version: i64, actions: &[Value]) -> Result<bool> {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        // Only the first version makes the folder: a later one in a new folder would be no table.
        if version == 0 {
            durable::make_folder(&self.root.join(FOLDER))?;
        }
        self.steps.create(&self.entry_path(version), lines.join("\n").as_bytes())
    }

    /// Makes the entries that are in the log durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.steps.sync(&self.root.join(FOLDER))
    }

    /// Writes a checkpoint if `version` is due for one. Only the speed of readers depends on it, so a failure is logged
    /// and not reported.
    pub(crate) async fn checkpoint_if_due(&self, version: i64) {
        if version == 0 || version % CHECKPOINT_EVERY != 0 {
            return;
        }
        let Ok(Some(table)) = self.open(u64::try_from(version).ok()).await else { return };
        if let Err(e) = deltalake_core::checkpoints::create_checkpoint(&table, None).await {
            tracing::warn!(table = %self.root.display(), version, "no checkpoint: {e}");
        }
    }

    /// Whether the entry of a version is there and has no byte.
    fn is_empty(&self, version: i64) -> bool {
        std::fs::metadata(self.entry_path(version)).is_ok_and(|file| file.len() == 0)
    }

    /// Reads the entry of a version, if it is there.
    pub(crate) fn entry(&self, version: i64) -> Result<Option<Vec<u8>>> {
        self.bytes(&self.entry_path(version))
    }

    /// Reads a file, if it is there.
    pub(crate) fn bytes(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            // Below a file there is no entry either: the error to report is that of the write.
            Err(e) if matches!(e.kind(), Io::NotFound | Io::NotADirectory) => Ok(None),
            Err(e) => Err(read_failed(path, &e)),
        }
    }

    /// Deletes an entry with that mark, which no reader reads because a checkpoint is newer.
    pub(crate) fn remove_entry(&self, version: i64, mark: &str) -> Result<()> {
        if self.has_mark(version, mark)? {
            // If it stays, only a reader of that very version would see it.
            let _ = std::fs::remove_file(self.entry_path(version));
        }
        Ok(())
    }

    /// Whether the entry of that version has that mark.
    pub(crate) fn has_mark(&self, version: i64, mark: &str) -> Result<bool> {
        let Some(entry) = self.entry(version)? else { return Ok(false) };
        Ok(mark_of(&actions(&entry, &self.entry_path(version))?) == Some(mark))
    }

    fn entry_path(&self, version: i64) -> PathBuf {
        self.root.join(FOLDER).join(format!("{version:020}.json"))
    }

    pub(crate) fn failed(&self, verb: &str, cause: &dyn std::fmt::Display) -> Error {
        let cause = cause_of(cause);
        if let Some(feature) = cause.strip_prefix("Kernel error: Unsupported: ") {
            return unsupported_feature(&self.root, feature);
        }
        let error = Error::new(
            ErrorKind::Runtime,
            "DELTA_LOG_IO",
            "58030",
            format!("Failed to {verb} the Delta table {}: {cause}.", uri(&self.root)),
        )
        .param("path", uri(&self.root));
        match verb {
            "read" => error.hint(
                "Look at the newest entries of its _delta_log; a broken one has to come back from a copy.",
            ),
            _ => error,
        }
    }
}

/// Returns the first line of an error of the library. A backtrace follows it if the environment asks for one.
pub(crate) fn cause_of(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// Returns the action that describes a commit, with a mark by which its writer recognizes the entry.
pub(crate) fn commit_info(operation: &str, parameters: &Value, mark: &str) -> Value {
    serde_json::json!({"commitInfo": {
        "timestamp": now_ms(),
        "operation": operation,
        "operationParameters": parameters,
        "isBlindAppend": operation != "WRITE" || parameters.get("mode").is_some_and(|m| m == "Append"),
        "engineInfo": concat!("thalweg/", env!("CARGO_PKG_VERSION")),
        "txnId": mark,
    }})
}

/// Returns the milliseconds since 1970, which are the timestamps of Delta.
pub(crate) fn now_ms() -> i64 {
    SystemClock::default().now_micros() / 1000
}

/// Returns the error for a log entry that cannot be understood.
pub(crate) fn corrupt(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DELTA_LOG_CORRUPT",
        "XXKDS",
        format!("The Delta log entry {} is corrupt: {cause}.", uri(path)),
    )
    .param("path", uri(path))
}

fn mark_of(actions: &[Value]) -> Option<&str> {
    actions.iter().find_map(|a| a.get("commitInfo"))?.get("txnId")?.as_str()
}

/// Updates the head by a transaction of its query; others are not of interest.
fn take_transaction(head: &mut Head, txn: &Value, ids: &AppIds) {
    let (Some(id), Some(version)) =
        (txn.get("appId").and_then(Value::as_str), txn.get("version").and_then(Value::as_i64))
    else {
        return;
    };
    if id == ids.epoch {
        head.epoch = (version >= 0).then_some(version);
    } else if id == ids.generation {
        head.generation = Some(version);
    } else if id == ids.committer {
        head.committer = Some(version);
    }
}
