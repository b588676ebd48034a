//! The errors of a streaming query, each with its class, in one place.
//!
//! Spark's classes where Spark has one; otherwise `STREAM_…` and `CHECKPOINT_…`.

use crate::machine::Refusal;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use thalweg_common::{Error, ErrorKind};

fn runtime(class: &str, state: &str, message: String) -> Error {
    Error::new(ErrorKind::Runtime, class, state, message)
}

/// Another run of the checkpoint has taken over.
pub(crate) fn fenced() -> Error {
    Error::new(
        ErrorKind::StreamingQuery,
        "STREAM_FENCED",
        "XXKST",
        "A later run of this checkpoint has taken over; this one stopped without committing anything more.",
    )
    .hint("Run one query per checkpointLocation; the run that was started last goes on.")
}

/// A file of the checkpoint is not what was written.
pub(crate) fn corrupt(path: &str, why: &str) -> Error {
    runtime("STREAM_SNAPSHOT_CORRUPT", "XX001", format!("The checkpoint's file '{path}' is corrupt: {why}."))
        .param("path", path)
        .hint("Put the file back from a copy, or start the query with a new checkpointLocation.")
}

/// The checkpoint belongs to a query that keeps other state.
pub(crate) fn incompatible(stored: &str, mine: &str) -> Error {
    runtime(
        "STREAM_STATE_INCOMPATIBLE",
        "42K03",
        format!(
            "The checkpoint holds the state of another query: it was written for {stored}, this is {mine}."
        ),
    )
    .hint("Start the changed query with a new checkpointLocation.")
}

/// All windows were closed for good, and now there is new input.
pub(crate) fn drained() -> Error {
    runtime(
        "STREAM_DRAINED",
        "55000",
        "The query was drained: all its windows are closed, so it can't take new input.".to_owned(),
    )
    .hint("Start the query with a new checkpointLocation and a new target.")
}

/// Why a generation must end, as a user reads it.
pub(crate) fn refused(why: &Refusal) -> Error {
    let lost = |message: String| runtime("STREAM_SINK_LOST_COMMITS", "55000", message);
    match why {
        Refusal::Fenced => fenced(),
        Refusal::SinkForgot(e) => lost(format!("The checkpoint recorded epoch {e}, but the sink remembers no commit."))
            .hint("The target was deleted or replaced, or it is another one. Restore it, or start with a new checkpointLocation."),
        Refusal::SinkRolledBack { sink, recorded } => lost(format!(
            "The checkpoint recorded epoch {recorded}, but the sink's last commit is epoch {sink}."
        ))
        .hint("The target was set back to an older version. Bring it forward again, or start with a new checkpointLocation."),
        Refusal::RecordDisagrees(e) => {
            corrupt("commits", &format!("epoch {e} is recorded for another generation than the sink's"))
        }
        Refusal::ManifestMissing(e, g) => {
            corrupt("manifests", &format!("the sink committed epoch {e} of generation {g}, whose manifest is not there"))
        }
        Refusal::OutOfOrder(what) => Error::internal(format!("a stream's step out of order: {what}")),
    }
}

/// Too many callers wait for one query.
pub(crate) fn crowded(most: usize) -> Error {
    let message = format!("{most} callers wait already until the query has processed everything.");
    runtime("STREAM_TOO_MANY_CALLERS", "54000", message).hint("Try again when the query has caught up.")
}

/// Something that the runtime does not build.
pub(crate) fn unbuildable(what: &str) -> Error {
    Error::unsupported(format!("{what} in a streaming query"))
}

/// Digs our own error out of what DataFusion carried.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => from_external(inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        other => Error::internal(other.to_string()),
    }
}

/// Digs our own error out of what Arrow carried.
pub(crate) fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => from_external(inner),
        other => Error::internal(other.to_string()),
    }
}

fn from_external(inner: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let inner = match inner.downcast::<Error>() {
        Ok(ours) => return *ours,
        Err(other) => other,
    };
    match inner.downcast::<DataFusionError>() {
        Ok(wrapped) => from_datafusion(*wrapped),
        Err(other) => Error::internal(other.to_string()),
    }
}
