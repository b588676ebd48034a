//! Assembles the connectors of Thalweg: the one place that names each of them.
//!
//! A binary or a test hands the registry to the engine, which knows connectors by their descriptors only.
//!
//! ```
//! use thalweg_connectors_all::standard_registry;
//!
//! # fn main() -> thalweg_common::Result<()> {
//! let registry = standard_registry();
//! let parquet = registry.get("parquet")?;
//! assert!(parquet.descriptor().batch_write.is_some_and(|write| !write.atomic));
//! assert_eq!(registry.default_table_format()?, "delta");
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs, unreachable_pub)]

use std::sync::Arc;
use thalweg_connector_delta::Delta;
use thalweg_connector_files::{csv, json, parquet};
use thalweg_connectors::{ConnectorRegistry, memory, noop, rate};

/// Returns all connectors that need nothing from whoever runs them. The console is not among them: it has to be
/// told where to print.
pub fn standard_registry() -> ConnectorRegistry {
    ConnectorRegistry::default()
        .with(Arc::new(csv::connector()))
        .with(Arc::new(Delta))
        .with(Arc::new(json::connector()))
        .with(Arc::new(memory::Memory::default()))
        .with(Arc::new(noop::Noop))
        .with(Arc::new(parquet::connector()))
        .with(Arc::new(rate::Rate::default()))
        .with_default_table_format("delta")
}
