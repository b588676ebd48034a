//! Runs work that waits for the disk on a thread that may wait: those of the runtime serve all sessions.

use thalweg_common::{Error, Result};

/// Runs `work` and waits for its end without blocking the thread of the caller.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::internal(format!("a thread that waits for the disk panicked: {e}")))?
}
