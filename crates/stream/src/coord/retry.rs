//! Repeats a step of the sink, and a read of a bounded table, whose failure may pass, before the query fails.
//!
//! The bound and the pauses are those of the checkpoint's operations (`thalweg_storage`). A step is repeated only after
//! an I/O error: any other error says what is wrong, such as a fence. What always holds: a repeated commit of the same
//! generation is the same commit, and the sink finds out whether the first one is in it ([`StreamSink::commit`]).
//!
//! [`StreamSink::commit`]: thalweg_connectors::StreamSink::commit

use super::GenerationContext;
use std::future::Future;
use thalweg_common::{Error, Result};
use thalweg_storage::{is_transient, pause_after};

/// Tries a step of the sink until it succeeds, fails for good, or was tried often enough.
pub(crate) async fn retry<T, F>(context: &GenerationContext, name: &str, step: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    retry_if(context, (name, is_transient), step).await
}

/// Tries `step` until it succeeds, fails with an error of which `may_pass` is false, or was tried often enough.
pub(crate) async fn retry_if<T, F>(
    context: &GenerationContext,
    (name, may_pass): (&str, fn(&Error) -> bool),
    step: impl Fn() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut failures = 0;
    loop {
        let error = match step().await {
            Err(error) if may_pass(&error) => error,
            other => return other,
        };
        failures += 1;
        let Some(pause) = pause_after(failures) else { return Err(after(error, failures)) };
        tracing::warn!(%error, failures, step = name, "a step of a streaming query is repeated");
        context.options.clock.sleep(pause).await;
    }
}

fn after(error: Error, failures: u32) -> Error {
    error.param("attempts", failures.to_string())
}
