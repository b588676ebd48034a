//! Connects formats of files: [`csv`], [`json`] and [`parquet`].
//!
//! The formats share paths, listings, partition folders, scans, streams and commits ([`files`]); each brings how rows
//! are read from one file and written to one. A format that keeps a log over Parquet files uses the same parts.
//!
//! ```
//! use std::sync::Arc;
//! use thalweg_connector_files::csv;
//! use thalweg_connectors::{ConnectorRegistry, OptionMap, ReadRequest};
//!
//! # #[tokio::main]
//! # async fn main() -> thalweg_common::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("flights.csv");
//! std::fs::write(&file, "carrier,delay\nAA,7\n").unwrap();
//!
//! let registry = ConnectorRegistry::default().with(Arc::new(csv::connector()))?;
//! let request = ReadRequest {
//!     paths: vec![file.display().to_string()],
//!     schema: None,
//!     options: OptionMap::new([("header".to_owned(), "true".to_owned())]),
//!     time_zone: "UTC".to_owned(),
//!     corrupt_column: "_corrupt_record".to_owned(),
//! };
//! let table = registry.get("csv")?.table(request).await?;
//! assert_eq!(table.schema().field(1).name(), "delay");
//! # Ok(())
//! # }
//! ```

pub mod cast;
pub mod csv;
pub mod files;
pub mod json;
#[cfg(test)]
mod option_tests;
pub mod parquet;
#[cfg(test)]
mod spark_tests;
#[cfg(test)]
mod testing;
pub mod text;

pub use files::format::FileConnector;
