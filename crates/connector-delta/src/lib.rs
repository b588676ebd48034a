//! Connects Delta Lake tables: reads their versions, writes them in batches, and fills them by streams exactly once.
//!
//! Snapshots are read by `deltalake-core`. Commits are made here, since exactly-once depends on what a commit may
//! follow: each creates the version after the very state of the log that was checked. After a lost race the new state
//! is checked again; a conflict is never resolved silently. A commit whose answer is lost is found in the log by the
//! mark of its write.
//!
//! ```
//! use arrow::datatypes::{DataType, Field, Schema};
//! use std::sync::Arc;
//! use thalweg_connector_delta::Delta;
//! use thalweg_connectors::{Connector, OptionMap, ReadRequest, WriteMode, WriteRequest};
//!
//! # #[tokio::main]
//! # async fn main() -> thalweg_common::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("flights").display().to_string();
//! let columns = Arc::new(Schema::new(vec![Field::new("carrier", DataType::Utf8, true)]));
//! let write = WriteRequest {
//!     path: path.clone(),
//!     mode: WriteMode::ErrorIfExists,
//!     partition_by: vec![],
//!     replace: false,
//!     options: OptionMap::default(),
//!     time_zone: "UTC".to_owned(),
//! };
//! Delta.create_table(write, columns).await?;
//!
//! let read = ReadRequest {
//!     paths: vec![path],
//!     schema: None,
//!     options: OptionMap::default(),
//!     time_zone: "UTC".to_owned(),
//!     corrupt_column: "_corrupt_record".to_owned(),
//! };
//! assert_eq!(Delta.table(read).await?.schema().field(0).name(), "carrier");
//! # Ok(())
//! # }
//! ```

mod anchor;
mod batch;
mod commit;
mod definition;
mod descriptor;
#[cfg(test)]
mod foreign_writer_tests;
mod history;
mod log;
#[cfg(test)]
mod lost_answer_tests;
mod schema_enforcement;
mod sink;
mod stage;
#[cfg(test)]
mod sync_tests;
mod table;
#[cfg(test)]
mod tests;
mod versions;

pub use table::Delta;
