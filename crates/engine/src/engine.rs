//! Defines the engine of one process, which all sessions share.

use crate::batch::Runtime;
use crate::catalog::session::Views;
use crate::catalog::{CatalogStore, NameClaims};
use crate::jobs::Jobs;
use crate::session::Session;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::ConnectorRegistry;

/// The Spark version whose behaviour and protocol are followed.
pub(crate) const SPARK_VERSION: &str = "4.2.0";

/// The folder of the data directory for files that end with the process.
const TEMPORARY: &str = "temporary";

/// The configuration of an engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The folder of the catalog, managed tables and checkpoints.
    pub data_dir: PathBuf,
    /// The number of threads per query; none is one per core.
    pub workers: Option<usize>,
    /// The memory that all batch queries together may use, in bytes; none is half of the machine's memory.
    pub memory_limit: Option<usize>,
    /// Whether the queries of streaming tables resume when the engine opens (`serve`), or not (`sql`).
    pub resume_jobs: bool,
}

impl EngineConfig {
    /// Creates the configuration of an engine over `data_dir` with the defaults of `serve`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), workers: None, memory_limit: None, resume_jobs: true }
    }
}

/// The engine of a process.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) runtime: Runtime,
    pub(crate) registry: Arc<ConnectorRegistry>,
    pub(crate) store: Arc<CatalogStore>,
    pub(crate) claims: Arc<NameClaims>,
    pub(crate) global_views: Arc<Views>,
    jobs: Jobs,
    /// Locked while the engine exists: one process owns a data directory.
    _lock: File,
    this: Weak<Engine>,
}

impl Engine {
    /// Opens the engine over a data directory, which is created if it does not exist. `registry` has the connectors
    /// that its queries may use.
    pub async fn open(mut config: EngineConfig, registry: ConnectorRegistry) -> Result<Arc<Self>> {
        thalweg_storage::durable::make_folder(&config.data_dir)
            .map_err(|e| unusable(&config.data_dir, e.message().trim_end_matches('.')))?;
        let lock = lock(&config.data_dir)?;
        // Locations below it are kept in the catalog and in checkpoints, so they must not depend on the directory in
        // which the next process starts.
        config.data_dir =
            std::path::absolute(&config.data_dir).map_err(|e| unusable(&config.data_dir, &e.to_string()))?;
        // A process that was killed could not remove the checkpoints of its temporary queries.
        // This follows the lock: before it the files could be those of a process that runs.
        clear(&config.data_dir.join(TEMPORARY))?;
        let store = Arc::new(CatalogStore::open(&config.data_dir)?);
        let runtime = Runtime::new(&config)?;
        // Resumed last: their queries need the whole engine.
        let resume = config.resume_jobs;
        let engine = Arc::new_cyclic(|this| Self {
            config,
            runtime,
            registry: Arc::new(registry),
            store,
            claims: Arc::default(),
            global_views: Arc::default(),
            jobs: Jobs::default(),
            _lock: lock,
            // Sessions refer to the engine weakly: one that a client never closes must not keep the directory locked.
            this: this.clone(),
        });
        if resume {
            crate::statement::streaming_table::resume_all(&engine).await?;
        }
        Ok(engine)
    }

    /// Creates a session. The caller owns it; its streaming queries continue when it is dropped.
    pub fn new_session(&self, user: &str, id: &str) -> Arc<Session> {
        Arc::new(Session::new(self.this.clone(), self, user, id))
    }

    /// Returns the Spark version whose behaviour is followed.
    pub fn version() -> &'static str {
        SPARK_VERSION
    }

    /// Returns the streaming queries of this process.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Returns the folder of managed tables.
    pub(crate) fn warehouse(&self) -> PathBuf {
        self.config.data_dir.join("warehouse")
    }

    /// Returns the folder of checkpoints that end with their query.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.config.data_dir.join(TEMPORARY)
    }

    /// Stops every streaming query, each after its running epoch.
    pub async fn shutdown(&self) {
        self.jobs.stop_all().await;
    }
}

/// Removes the temporary files of a process that was killed.
fn clear(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(unusable(folder, &e.to_string())),
        _ => Ok(()),
    }
}

fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(|e| unusable(data_dir, &e.to_string()))?;
    // The operating system releases the lock when the process ends, so a killed process leaves no lock behind.
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(in_use(data_dir)),
        Err(TryLockError::Error(e)) => Err(unusable(data_dir, &e.to_string())),
    }
}

fn in_use(data_dir: &Path) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DATA_DIR_IN_USE",
        "55006",
        format!("The data directory '{}' is in use by another process.", data_dir.display()),
    )
    .hint("Stop the other process, connect to it as a client, or give another --data-dir.")
}

fn unusable(data_dir: &Path, cause: &str) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DATA_DIR_UNUSABLE",
        "58030",
        format!("The data directory '{}' cannot be used: {cause}.", data_dir.display()),
    )
}
