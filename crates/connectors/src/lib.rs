//! Where rows come from and go to: one folder per system, behind two pairs of traits.
//!
//! A [`Connector`] serves one format name in batch (a table to scan, a write to commit) and in
//! streams (a [`StreamSource`], a [`StreamSink`]). The [`ConnectorRegistry`] is the only place that knows
//! connectors by name. A connector knows no query, no session and no SQL.

mod cast;
pub mod connector;
pub mod console;
pub mod csv;
pub mod delta;
pub mod durable_store;
mod files;
pub mod json;
pub mod memory;
pub mod metadata_log;
pub mod noop;
#[cfg(test)]
mod option_tests;
pub mod options;
pub mod parquet;
pub mod rate;
#[cfg(test)]
mod spark_tests;
mod staging;
pub mod stream;
#[cfg(test)]
mod testing;
mod text;

pub use connector::{
    Connector, ConnectorRegistry, ReadRequest, SinkRequest, WriteMode, WriteReport, WriteRequest,
};
pub use durable_store::{DurableStore, checkpoint_failed};
pub use files::durable::make_folder;
pub use files::input_files;
pub use metadata_log::MetadataLog;
pub use options::OptionMap;
pub use stream::{Commit, Guarantee, Offset, Staged, StreamSink, StreamSource, Subtask};

use std::sync::Arc;

/// All connectors that need nothing from whoever runs them.
pub fn standard_registry() -> ConnectorRegistry {
    ConnectorRegistry::default()
        .with(Arc::new(csv::Csv))
        .with(Arc::new(delta::Delta))
        .with(Arc::new(json::Json))
        .with(Arc::new(memory::Memory::default()))
        .with(Arc::new(noop::Noop))
        .with(Arc::new(parquet::Parquet))
        .with(Arc::new(rate::Rate::default()))
}
