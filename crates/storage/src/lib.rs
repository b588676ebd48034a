//! Stores what has to outlive the process: objects of a checkpoint, the logs of sources, and whole files.
//!
//! What is acknowledged survives a loss of power. The crate is below streams and connectors, since both depend on it:
//! a streaming source keeps its plans in a [`MetadataLog`] of the checkpoint, and the connectors that write files use
//! the same durable steps as the checkpoint. [`DurableStore`] is on a local disk; a log can be in any object store.
//!
//! ```
//! use thalweg_storage::{DurableStore, MetadataLog};
//!
//! # #[tokio::main]
//! # async fn main() -> thalweg_common::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! let store = DurableStore::open(folder.path())?;
//! let log = MetadataLog::new(store, "sources/0".into());
//! // The first creation of an entry decides its content.
//! assert_eq!(log.create_or_get(0, "first".into()).await?, "first");
//! assert_eq!(log.create_or_get(0, "second".into()).await?, "first");
//! assert_eq!(log.get(1).await?, None);
//! # Ok(())
//! # }
//! ```

pub mod durable;
mod durable_store;
mod metadata_log;
pub mod path;
mod retry;
mod sync;

pub use durable_store::{DurableStore, checkpoint_failed};
pub use metadata_log::{MetadataLog, checkpoint_corrupt};
pub use retry::{ATTEMPTS_MAX, RetryingStore, is_transient, is_transient_io, pause_after};
