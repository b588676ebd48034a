//! Builds the errors of streaming queries, each with its class.
//!
//! The class is Spark's where Spark has one; otherwise its name begins with `STREAM_` or `CHECKPOINT_`.

use crate::machine::ProtocolError;
use crate::spec::OperatorId;
use thalweg_common::{Error, ErrorKind};

fn runtime(class: &str, state: &str, message: String) -> Error {
    Error::new(ErrorKind::Runtime, class, state, message)
}

/// A later run has claimed the checkpoint.
pub(crate) fn fenced() -> Error {
    Error::new(
        ErrorKind::StreamingQuery,
        "STREAM_FENCED",
        "XXKST",
        "A later run of this checkpoint has taken over. This run stopped and committed nothing after that.",
    )
    .hint("Run only one query per checkpointLocation. The run that was started last continues.")
}

/// A file of the checkpoint differs from what was written.
pub(crate) fn corrupt(path: &str, why: &str) -> Error {
    runtime("STREAM_SNAPSHOT_CORRUPT", "XX001", format!("The checkpoint's file '{path}' is corrupt: {why}."))
        .param("path", path)
        .hint("Restore the file from a backup, or start the query with a new checkpointLocation.")
}

/// The checkpoint belongs to another query, with another id.
pub(crate) fn other_query(stored: &str, mine: &str) -> Error {
    let what = format!("it was written for the query {stored}, but this query is {mine}");
    other_state(&what)
}

/// The state of an operator has another meaning than the one in the checkpoint.
pub(crate) fn incompatible(operator: &OperatorId, differences: &str) -> Error {
    other_state(&format!("the state of the operator {operator} differs: {differences}"))
        .param("operator", operator.to_string())
        .param("differences", differences)
}

/// The checkpoint has state that no operator of the query uses.
pub(crate) fn state_without_operator(operator: &OperatorId) -> Error {
    other_state(&format!("it has state of the operator {operator}, which this query does not have"))
        .param("operator", operator.to_string())
}

/// The checkpoint has the position of a source that the query does not have.
pub(crate) fn other_sources(source: &OperatorId, sources: usize) -> Error {
    let what = format!("it has the position of {source}, but this query has {sources} sources");
    other_state(&what).param("operator", source.to_string())
}

/// The state has other types than this version of the operator, such as `an aggregate`.
pub(crate) fn other_layout(operator: &str) -> Error {
    other_state(&format!("another version wrote the state of {operator} with other types"))
}

fn other_state(why: &str) -> Error {
    let text = format!("The checkpoint belongs to another query: {why}.");
    runtime("STREAM_STATE_INCOMPATIBLE", "42K03", text)
        .hint("Start the changed query with a new checkpointLocation.")
}

/// A drained query found new input, and its checkpoint does not say which windows it has closed.
pub(crate) fn drained() -> Error {
    runtime(
        "STREAM_DRAINED",
        "55000",
        "The query was drained: all its windows are closed, so it cannot process new input.".to_owned(),
    )
    .hint("Start the query with a new checkpointLocation and a new target.")
}

/// Converts the reason why a generation ends to an error for the user.
pub(crate) fn protocol_error(why: &ProtocolError) -> Error {
    let lost = |message: String| runtime("STREAM_SINK_LOST_COMMITS", "55000", message);
    match why {
        ProtocolError::Fenced => fenced(),
        ProtocolError::SinkForgot(epoch) => lost(format!(
            "The checkpoint recorded a commit of epoch {epoch}, but the sink reports no commit of this query."
        ))
        .hint(
            "The target was deleted, replaced or changed to another one. Restore it, or start the query with \
             a new checkpointLocation.",
        ),
        ProtocolError::SinkRolledBack { sink, recorded } => lost(format!(
            "The checkpoint recorded a commit of epoch {recorded}, but the last commit of the sink is epoch \
             {sink}."
        ))
        .hint(
            "The target was restored to an older version. Restore the newer version, or start the query with \
             a new checkpointLocation.",
        ),
        ProtocolError::RecordDisagrees(epoch) => {
            corrupt("commits", &format!("it records epoch {epoch} for another generation than the sink does"))
        }
        ProtocolError::ManifestMissing(epoch, generation) => {
            let manifest = format!("the manifest of epoch {epoch} and generation {generation}");
            corrupt("manifests", &format!("{manifest}, which the sink has committed, does not exist")).hint(
                "A run over another copy of this checkpoint may have written to the target. Continue with that \
                 copy, restore the file from a backup, or start the query with a new checkpointLocation.",
            )
        }
        ProtocolError::OutOfOrder(what) => {
            Error::internal(format!("a streaming query performed the step '{what}' out of order"))
        }
    }
}

/// Too many callers wait until one query has processed everything.
pub(crate) fn too_many_waiters(most: usize) -> Error {
    let message = format!("{most} callers are already waiting until the query has processed everything.");
    runtime("STREAM_TOO_MANY_CALLERS", "54000", message).hint("Try again when the query has caught up.")
}

/// The runtime does not support something in a streaming query.
pub(crate) fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("{what} in a streaming query"))
}
