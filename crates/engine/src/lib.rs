//! Sessions, catalog, jobs and execution: what happens between a door and the rows.
//!
//! A request arrives as IR. The resolver makes a plan of it; if every input is bounded DataFusion
//! runs it, otherwise the lowering makes a streaming query of it. Knows no wire protocol, and no
//! connector by name: a registry does.

mod batch;
pub mod catalog;
mod engine;
mod jobs;
mod lower;
mod persisted;
pub mod semantics;
mod session;
mod settings;
mod show_string;
mod source;
mod statement;

pub use engine::{Engine, EngineConfig};
pub use jobs::{JobInfo, Jobs, STREAM_FAILED};
pub use persisted::StorageLevel;
pub use session::{Analyzed, Output, Session, StreamingQueryInfo};
pub use settings::{SessionConfig, reference as settings_reference};
pub use show_string::draw;
pub use thalweg_sql::{ParsedStatement, parse};
pub use thalweg_stream::StreamingQuery;
pub use thalweg_values::display;
