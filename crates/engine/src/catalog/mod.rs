//! Tables and views by name: those that last ([`store`]) and what one session sees ([`session`]).

pub mod name;
pub mod session;
pub mod store;
pub mod streaming_table;

pub use name::TableName;
pub use session::SessionCatalog;
pub use store::{CatalogStore, TableDefinition, TableKind};
pub use streaming_table::StreamingTable;
