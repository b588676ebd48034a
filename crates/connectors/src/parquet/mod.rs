//! Parquet: the connector, its types, reading in batch and in streams, writing.

pub(crate) mod files;
pub(crate) mod sink;
pub(crate) mod source;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod types;

pub use table::Parquet;
