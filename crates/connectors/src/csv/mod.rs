//! CSV by Spark's rules: the connector, its options, reading, inferring and writing.

mod config;
mod infer;
mod record;
mod sink;
mod source;
mod table;
#[cfg(test)]
mod tests;

pub use table::Csv;
