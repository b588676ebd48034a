//! Assembles the connectors of Thalweg: the one place that names each of them.
//!
//! A binary or a test hands the registry to the engine, which knows connectors by their descriptors only.
//!
//! ```
//! use thalweg_connectors_all::standard_registry;
//!
//! # fn main() -> thalweg_common::Result<()> {
//! let registry = standard_registry()?;
//! let parquet = registry.get("parquet")?;
//! assert!(parquet.descriptor().batch_write.is_some_and(|write| !write.atomic));
//! assert_eq!(registry.default_table_format()?, "delta");
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connector_delta::Delta;
use thalweg_connector_files::{csv, json, parquet};
use thalweg_connectors::{memory, noop, rate};

pub use thalweg_connectors::ConnectorRegistry;
pub use thalweg_connectors::console::{Console, EpochStyle};

/// Returns the registry of all connectors that need nothing from their caller. The console is not among them, since it
/// needs a function that prints ([`registry_with`]).
///
/// # Errors
/// `DATA_SOURCE_ALREADY_EXISTS` if two of them have the same name.
pub fn standard_registry() -> Result<ConnectorRegistry> {
    let registry = ConnectorRegistry::default()
        .with(Arc::new(csv::connector()))?
        .with(Arc::new(Delta))?
        .with(Arc::new(json::connector()))?
        .with(Arc::new(memory::Memory::default()))?
        .with(Arc::new(noop::Noop))?
        .with(Arc::new(parquet::connector()))?
        .with(Arc::new(rate::Rate::default()))?;
    Ok(registry.with_default_table_format("delta"))
}

/// Returns the registry of all connectors.
///
/// # Errors
/// As [`standard_registry`].
pub fn registry_with(console: Console) -> Result<ConnectorRegistry> {
    standard_registry()?.with(Arc::new(console))
}
