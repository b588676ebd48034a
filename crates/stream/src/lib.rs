//! Exactly-once streaming on timely dataflow.
//!
//! Which question: given a resolved query ([`StreamPlan`]) and a checkpoint, how do its rows reach
//! the sink once each, whatever dies. [`start`] claims a generation, fences the sink, restores the
//! state of the epoch that the *sink* committed last, and runs epochs until the query ends.
//!
//! Two runs of one checkpoint: the later start fences the earlier, which ends with `STREAM_FENCED`
//! without having committed anything after that. With a sink that remembers its commits
//! (`Guarantee::ExactlyOnce`) the fence is the sink's; with another one the checkpoint's commit records
//! arbitrate, rows may come twice, and the progress says `at-least-once`.
//!
//! What always holds: no commit without a fence before it; a commit of another generation ends this
//! one; an epoch's plan is durable before its first row is read; at most two epochs are in flight.
//!
//! Deliberately not here: SQL, names, sessions, connectors by name. Only `rt/` names timely.

mod checkpoint;
mod clock;
mod coord;
mod error;
mod hooks;
mod machine;
mod ops;
mod options;
mod planted;
mod progress;
mod query;
mod rt;
mod spec;
mod state;
#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use options::{Checkpoint, QueryOptions, Trigger, WORKERS_MAX};
pub use progress::{Progress, SinkProgress, SourceProgress, StateOperatorProgress, Status};
pub use query::{StreamingQuery, identify, start};
pub use spec::{
    AggregateCall, AggregateSpec, EventTimeKey, EventTimeKind, OperatorSpec, OutputMode, Step, StreamPlan,
};

/// Progresses that a query keeps, as Spark does.
pub const RECENT_PROGRESS_MAX: usize = 100;
