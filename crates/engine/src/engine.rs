//! The engine of one process: what all sessions share.

use crate::batch::Runtime;
use crate::catalog::CatalogStore;
use crate::catalog::session::Views;
use crate::jobs::Jobs;
use crate::session::Session;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::ConnectorRegistry;

/// The Spark version whose behaviour and protocol are followed.
pub const SPARK_VERSION: &str = "4.2.0";

/// The folder of the data directory for what ends with the process.
const TEMPORARY: &str = "temporary";

/// How to open an engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where the catalog, managed tables and checkpoints live.
    pub data_dir: PathBuf,
    /// Threads per query; none: one per core.
    pub workers: Option<usize>,
    /// Bytes that all batch queries together may hold; none: half of the machine's memory.
    pub memory_limit: Option<usize>,
    /// Whether streaming tables start again when the engine opens (`serve`), or lie still (`sql`).
    pub resume_jobs: bool,
}

impl EngineConfig {
    /// An engine over `data_dir` with the defaults of `serve`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), workers: None, memory_limit: None, resume_jobs: true }
    }
}

/// What all sessions of a process share.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) runtime: Runtime,
    pub(crate) registry: Arc<ConnectorRegistry>,
    pub(crate) store: Arc<CatalogStore>,
    pub(crate) global_views: Arc<Views>,
    jobs: Jobs,
    /// Held for as long as the engine lives: one process owns a data directory.
    _lock: File,
    this: Weak<Engine>,
}

impl Engine {
    /// Opens the engine over a data directory, which is made if it does not exist. `registry` has the connectors
    /// that its queries may use.
    pub async fn open(config: EngineConfig, registry: ConnectorRegistry) -> Result<Arc<Self>> {
        thalweg_storage::durable::make_folder(&config.data_dir)
            .map_err(|e| unusable(&config.data_dir, e.message().trim_end_matches('.')))?;
        let lock = lock(&config.data_dir)?;
        clear(&config.data_dir.join(TEMPORARY))?;
        let store = Arc::new(CatalogStore::open(&config.data_dir)?);
        let runtime = Runtime::new(&config)?;
        let resume = config.resume_jobs;
        let engine = Arc::new_cyclic(|this| Self {
            config,
            runtime,
            registry: Arc::new(registry),
            store,
            global_views: Arc::default(),
            jobs: Jobs::default(),
            _lock: lock,
            this: this.clone(),
        });
        if resume {
            crate::statement::streaming_table::resume_all(&engine).await?;
        }
        Ok(engine)
    }

    /// Makes a session. Whoever makes it keeps it: the engine knows its sessions only by what they start. Its
    /// streaming queries go on when it is dropped.
    pub fn new_session(&self, user: &str, id: &str) -> Arc<Session> {
        Arc::new(Session::new(self.this.clone(), self, user, id))
    }

    /// The Spark version whose behaviour is followed.
    pub fn version() -> &'static str {
        SPARK_VERSION
    }

    /// The streaming queries of this process.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Where managed tables live.
    pub(crate) fn warehouse(&self) -> PathBuf {
        self.config.data_dir.join("warehouse")
    }

    /// Where checkpoints lie that end with their query.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.config.data_dir.join(TEMPORARY)
    }

    /// Stops every streaming query, each after its running epoch.
    pub async fn shutdown(&self) {
        self.jobs.stop_all().await;
    }
}

/// Removes what a process that was killed could not.
fn clear(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(unusable(folder, &e.to_string())),
        _ => Ok(()),
    }
}

fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(|e| unusable(data_dir, &e.to_string()))?;
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
