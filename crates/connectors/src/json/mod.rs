//! JSON by Spark's rules: the connector, its options, reading, inferring and writing.

mod config;
mod infer;
mod parse;
mod sink;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use table::Json;
