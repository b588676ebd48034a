//! Runs streaming queries exactly once, on timely dataflow.
//!
//! Input is a resolved query ([`StreamPlan`]) and a checkpoint. [`start`] claims a generation, fences the
//! sink, restores the state of the epoch that the *sink* committed last, and runs epochs until the query
//! ends.
//!
//! If two runs share a checkpoint, the later start fences the earlier one, which ends with `STREAM_FENCED`
//! and commits nothing after that. The fence is in the sink if the sink remembers its commits
//! (`Guarantee::ExactlyOnce`). For any other sink the commit records of the checkpoint decide, rows may be
//! written twice, and the progress reports `at-least-once`.
//!
//! What always holds: there is no commit without a fence before it; a generation ends when it finds a commit
//! of another one; the plan of an epoch is durable before its first row is read; at most two epochs are in
//! flight.
//!
//! Not here: SQL, names, sessions, connectors by name. Only `rt/` names timely.
//!
//! ```
//! use arrow::datatypes::{DataType, Field, Schema};
//! use object_store::{ObjectStore, memory::InMemory, path::Path};
//! use std::sync::Arc;
//! use thalweg_connector_files::csv;
//! use thalweg_connectors::{Connector, OptionMap, OutputMode, ReadRequest, SinkRequest, memory::Memory};
//! use thalweg_storage::MetadataLog;
//! use thalweg_stream::{Checkpoint, OperatorGraph, QueryOptions, StreamPlan, Trigger, start};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let input = tempfile::tempdir()?;
//! std::fs::write(input.path().join("a.csv"), "1\n2\n")?;
//! let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
//! let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
//!
//! let read = ReadRequest {
//!     paths: vec![input.path().display().to_string()],
//!     schema: Some(schema.clone()),
//!     options: OptionMap::default(),
//!     time_zone: "UTC".to_owned(),
//!     corrupt_column: "_corrupt_record".to_owned(),
//! };
//! let source = csv::connector().source(read, MetadataLog::new(store.clone(), Path::from("numbers/sources/0"))).await?;
//! let memory = Memory::default();
//! let write = SinkRequest {
//!     time_zone: "UTC".to_owned(),
//!     path: Some("numbers".to_owned()),
//!     schema,
//!     partition_by: vec![],
//!     options: OptionMap::default(),
//!     query_id: "query".to_owned(),
//!     output_mode: OutputMode::Append,
//! };
//! let sink = memory.sink(write).await?;
//!
//! let graph = OperatorGraph::chain(source, vec![]);
//! let plan = StreamPlan { graph, sink, output_mode: OutputMode::Append };
//! let checkpoint = Checkpoint { store, prefix: Path::from("numbers") };
//! let options = QueryOptions { trigger: Trigger::AvailableNow, ..QueryOptions::new("query", "run", checkpoint) };
//! let query = start(plan, options).await?;
//! query.await_termination(None).await?;
//!
//! let batches = memory.find("numbers").expect("the sink has created the table").batches();
//! assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 2);
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod clock;
mod coord;
mod error;
mod injected_bugs;
mod machine;
mod ops;
mod options;
mod progress;
mod query;
mod rt;
mod spec;
mod state;
mod test_hooks;
#[cfg(test)]
mod tests;

pub use clock::{StreamClock, SystemStreamClock};
pub use options::{Checkpoint, QueryOptions, Trigger, WORKERS_MAX};
pub use progress::{Progress, SinkProgress, SourceProgress, StateOperatorProgress, Status};
pub use query::{StreamingQuery, check_graph, identify, start};
pub use spec::{
    AggregateFunctionCall, AggregateSpec, DeduplicateSpec, EventTimeKey, EventTimeKind, Expiry, NodeIndex,
    OperatorGraph, OperatorId, OperatorNode, OperatorSpec, SlidingWindows, SortKey, SortSpec, StateMeaning,
    StatelessStep, StaticJoinSpec, StaticJoinType, StaticRead, StaticTable, StreamJoinSide, StreamJoinSpec,
    StreamPlan, abbreviated, row_bytes,
};
pub use thalweg_connectors::OutputMode;

/// The number of progress reports that a query keeps, as in Spark.
pub const RECENT_PROGRESS_MAX: usize = 100;
