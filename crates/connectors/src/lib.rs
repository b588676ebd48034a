//! Defines how rows are read from and written to other systems: the traits of connectors, their descriptors and the
//! registry.
//!
//! A [`Connector`] serves one format name in batch (a table to scan, a write to commit) and in
//! streams (a [`StreamSource`], a [`StreamSink`]). Its [descriptor](descriptor::ConnectorDescriptor) says what it is
//! and can do, and the [`ConnectorRegistry`] finds it by name. A connector knows no query, no session and no SQL.
//!
//! The connectors that need no library are here too: [`console`], [`memory`], [`noop`] and [`rate`], and the sink of a
//! function ([`foreach_batch`]). Every other connector is in a crate of its own, so that its libraries are built in parallel with the engine.
//! [`Connector`] has an example.

pub mod background;
mod connector;
pub mod console;
pub mod descriptor;
pub mod foreach_batch;
pub mod memory;
pub mod noop;
mod options;
pub mod rate;
mod registry;
mod staging;
pub mod stream;

pub use connector::{Connector, OutputMode, ReadRequest, SinkRequest, WriteMode, WriteReport, WriteRequest};
pub use options::OptionMap;
pub use registry::ConnectorRegistry;
pub use stream::{Commit, Guarantee, Offset, Staged, StreamSink, StreamSource, Subtask};
