//! Keeps databases, tables, views and functions: the persistent catalog ([`store`]), the catalog of a session
//! ([`session`]), and the typed interface to both ([`CatalogProvider`]).

mod change;
pub(crate) mod checkpoint;
mod claims;
pub(crate) mod create_table;
mod databases;
mod drop_table;
mod functions;
mod info;
pub mod name;
mod opened;
mod pattern;
mod provider;
pub mod session;
mod session_provider;
mod snapshot;
pub mod store;
mod tables;
mod temporary_plan;
#[cfg(test)]
mod tests;
pub mod unbounded;
mod view_catalog;
mod view_text;
mod views;

pub use change::CatalogChange;
pub use claims::{NameClaim, NameClaims};
pub use info::{ColumnInfo, DatabaseInfo, FunctionInfo, TableInfo};
pub use name::TableName;
pub use opened::OpenedTables;
pub(crate) use opened::TableOpening;
pub use pattern::matches_pattern;
pub use provider::CatalogProvider;
pub use session::SessionCatalog;
pub(crate) use snapshot::CatalogSnapshot;
pub use store::{CatalogStore, TableDefinition, TableKind};
pub use unbounded::StreamingTable;
