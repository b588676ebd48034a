//! Implements what the text formats share: options, encodings, batches of records, files that are written.
//!
//! What a text means and how a value is written is decided in `thalweg-values`.

pub mod config;
pub(crate) mod encoding;
pub(crate) mod output;
pub(crate) mod rows;
