//! Stores what has to outlive the process: objects of a checkpoint, logs of what was planned, and whole files.
//!
//! What is acknowledged is there after a loss of power. It is below streams and connectors, since both rest on it: a
//! streaming source keeps its plans in a [`MetadataLog`] of the checkpoint, and the connectors that write files use
//! the same durable steps as the checkpoint. Only this machine's disk is served; any object store can hold a log.
//!
//! ```
//! use thalweg_storage::{DurableStore, MetadataLog};
//!
//! # #[tokio::main]
//! # async fn main() -> thalweg_common::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! let store = DurableStore::open(folder.path())?;
//! let log = MetadataLog::new(store, "sources/0".into());
//! // Whoever creates an entry first decides it.
//! assert_eq!(log.create_or_get(0, "first".into()).await?, "first");
//! assert_eq!(log.create_or_get(0, "second".into()).await?, "first");
//! assert_eq!(log.get(1).await?, None);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs, unreachable_pub)]

pub mod durable;
mod durable_store;
mod metadata_log;
pub mod path;

pub use durable_store::{DurableStore, checkpoint_failed};
pub use metadata_log::{MetadataLog, checkpoint_corrupt};
