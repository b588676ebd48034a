//! Executes the requests of all clients, and keeps their sessions, the catalog and the streaming queries.
//!
//! A request arrives as IR, which the resolver turns into a plan. If every input is bounded, DataFusion
//! runs the plan, otherwise it is lowered to a streaming query. The engine knows no wire protocol, and no
//! connector by name: they are in a registry.
//!
//! ```
//! use thalweg_connectors_all::standard_registry;
//! use thalweg_engine::{Engine, EngineConfig};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::open(EngineConfig::new(folder.path()), standard_registry()?).await?;
//! let session = engine.new_session("ada", "1");
//! session.sql("CREATE TABLE flights USING parquet AS SELECT * FROM VALUES ('AA', 3), ('UA', 5)").await?;
//!
//! let query = thalweg_sql::parse_query("SELECT sum(col2) AS delay FROM flights")?;
//! let output = session.query(&query, None).await?;
//! assert_eq!(output.schema.ddl(), "delay BIGINT");
//! let batches = output.collect().await?;
//! assert_eq!(batches[0].column(0).as_ref(), &arrow::array::Int64Array::from(vec![8]));
//! # Ok(())
//! # }
//! ```

mod batch;
pub mod catalog;
mod column_names;
mod engine;
mod jobs;
mod lower;
mod partitioning;
mod persisted;
pub mod semantics;
mod session;
mod settings;
mod show_string;
mod source;
mod statement;
mod table_write;

pub use engine::{Engine, EngineConfig};
pub use jobs::{JobInfo, Jobs, STREAM_FAILED, UnstartedJob};
pub use persisted::StorageLevel;
pub use session::{Analyzed, Output, Session, StreamingQueryInfo};
pub use settings::{SessionConfig, reference as settings_reference};
pub use show_string::draw;
pub use thalweg_sql::{ParsedStatement, parse};
pub use thalweg_stream::StreamingQuery;
pub use thalweg_values::display;
