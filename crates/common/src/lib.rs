//! What every crate may use: the one error, cancellation, suggestions, configuration, clock, identifiers and I/O edges.
//!
//! Stands below everything; knows nothing of Arrow, DataFusion, protobuf, SQL or sessions.

pub mod cancel;
pub mod clock;
pub mod config;
pub mod edge;
pub mod error;
pub mod ids;
pub mod planted;
pub mod suggest;

pub use error::{Error, ErrorKind, Position, Result};
