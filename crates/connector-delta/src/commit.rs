//! Commits one write as one entry of the log, although the answer to creating the entry may be lost.
//!
//! A file system may report an error, or that the name is taken, for an entry that it has created: the answer to a
//! link is lost on the way, or the link succeeds and the sync of its folder fails. A writer that believes such an
//! answer writes its rows twice, or deletes the files of a version that is committed. Therefore each write draws one
//! mark for all of its attempts, which is stored in its entry, and after each answer but a plain success the log
//! itself decides: the entry of that version has the mark, or it does not. An entry that has it is synced before it
//! counts as committed.

use crate::log::{Head, Log, commit_info};
use serde_json::Value;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::background::blocking;
use thalweg_storage::path::uri;
use uuid::Uuid;

/// How often a write tries again after another writer created the version that it wanted.
pub(crate) const COMMIT_ATTEMPTS_MAX: usize = 100;

/// The result of one attempt to create a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The version is this write's, and durable.
    Committed,
    /// The version is another writer's.
    Lost,
    /// The entry was created in a log that is no longer the one of the head: a checkpoint of another writer may have
    /// come before it, and then no reader reads it.
    Beneath,
}

/// The commit of one write, in all its attempts.
#[derive(Debug)]
pub(crate) struct MarkedCommit {
    log: Log,
    mark: String,
    may_be_in_log: bool,
}

impl MarkedCommit {
    /// Draws the mark of a write; nothing is committed yet.
    pub(crate) fn new(log: &Log) -> Self {
        Self { log: log.clone(), mark: Uuid::new_v4().to_string(), may_be_in_log: false }
    }

    /// Returns the first action of the entry, which describes the operation and holds the mark.
    pub(crate) fn info(&self, operation: &str, parameters: &Value) -> Value {
        commit_info(operation, parameters, &self.mark)
    }

    /// Whether an entry of this write may be in the log. If not, the files that it names belong to no version.
    pub(crate) fn may_be_in_log(&self) -> bool {
        self.may_be_in_log
    }

    /// Creates the version after `head` with these actions, which begin with [`MarkedCommit::info`].
    ///
    /// # Errors
    /// The version was not created, or it was and could not be read or synced; [`MarkedCommit::may_be_in_log`]
    /// distinguishes these. The caller must not try again after an error.
    pub(crate) async fn attempt(&mut self, head: &Head, actions: Vec<Value>) -> Result<Attempt> {
        let version = head.next();
        // Set before the entry is created: from here on a caller that is dropped or fails leaves the question open.
        self.may_be_in_log = true;
        let log = self.log.clone();
        let answer = blocking(move || log.create(version, &actions)).await;
        if matches!(answer, Ok(true)) {
            return self.created(head).await;
        }
        let (log, mark) = (self.log.clone(), self.mark.clone());
        let is_own = match blocking(move || log.has_mark(version, &mark)).await {
            Ok(is_own) => is_own,
            // The first error is nearer to the cause.
            Err(unread) => return Err(answer.err().unwrap_or(unread).hint(self.unsure(version))),
        };
        if !is_own {
            self.may_be_in_log = false;
            return answer.map(|_| Attempt::Lost);
        }
        // The first sync may be what failed. Nothing may rest on an entry that a loss of power takes away.
        let log = self.log.clone();
        blocking(move || log.sync()).await.map_err(|e| e.hint(self.unsure(version)))?;
        self.created(head).await
    }

    async fn created(&self, head: &Head) -> Result<Attempt> {
        let (log, before) = (self.log.clone(), head.clone());
        let current = blocking(move || log.is_current(&before)).await;
        let current = current.map_err(|e| e.hint(self.unsure(head.next())))?;
        Ok(if current { Attempt::Committed } else { Attempt::Beneath })
    }

    /// Removes the entry of a commit that was beneath a checkpoint.
    pub(crate) async fn remove_beneath(&self, head: &Head) -> Result<()> {
        let (log, mark, version) = (self.log.clone(), self.mark.clone(), head.next());
        blocking(move || log.remove_entry(version, &mark)).await
    }

    /// The error of a write that cannot find out whether its entry is read.
    pub(crate) fn uncertain(&self, head: &Head) -> Error {
        Error::new(
            ErrorKind::Runtime,
            "DELTA_LOG_CHANGED",
            "40000",
            format!("Another writer cleaned the log of {} while rows were committed.", uri(&self.log.root)),
        )
        .hint(self.unsure(head.next()))
    }

    fn unsure(&self, version: i64) -> String {
        format!(
            "Version {version} of {} may hold these rows: look at the table before writing them again.",
            uri(&self.log.root)
        )
    }
}

/// The error of a write that lost each of its attempts.
pub(crate) fn busy(log: &Log) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DELTA_MAX_COMMIT_ATTEMPTS_EXCEEDED",
        "40000",
        format!("{} lost the race for a version {COMMIT_ATTEMPTS_MAX} times.", uri(&log.root)),
    )
    .hint("Other writers commit to the table all the time; try again when they are done.")
}
