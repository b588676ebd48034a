//! Shared by the text formats: options, encodings, records as batches, files that are written.
//!
//! What a text means and how a value is written is the business of `thalweg-values`.

pub mod config;
pub(crate) mod encoding;
pub(crate) mod output;
pub(crate) mod rows;
