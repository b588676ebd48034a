//! On which threads do queries run?
//!
//! On threads of their own, so that a query that computes for long without a pause does not hold up
//! the calls of other clients, heartbeats and interrupts.

use std::future::Future;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// The stack of a thread: plans are trees that are walked by recursion, and a stack that runs over
/// ends the whole process. What is not touched costs address space only.
const STACK_BYTES: usize = 64 << 20;

/// The threads that queries run on: one per core.
pub(crate) struct Executor(Option<Runtime>);

impl Executor {
    /// Starts the threads.
    pub(crate) fn start() -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name("query").thread_stack_size(STACK_BYTES).enable_all();
        builder.build().map(|runtime| Self(Some(runtime))).map_err(|e| {
            let text = format!("The threads for queries cannot be started: {e}.");
            Error::new(ErrorKind::Runtime, "SERVER_FAILED", "53000", text)
        })
    }

    /// Runs work in a task on these threads.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn(work),
            // Only a drop takes the runtime away.
            None => tokio::spawn(work),
        }
    }

    /// Runs work on these threads and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.spawn(work).await.unwrap_or_else(|e| Err(broken(&e)))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // A runtime must not wait for its threads where async code runs.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The error of work that panicked: a fault of ours, which ends one operation and not the server.
pub(crate) fn broken(error: &JoinError) -> Error {
    Error::internal(format!("the execution broke off: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_that_work_alone() {
        let Ok(executor) = Executor::start() else { return assert_eq!("started", "failed") };
        let broken: Result<i32> = executor.run(async { panic!("oh") }).await;
        assert_eq!(broken.map_err(|e| e.class().to_owned()), Err("INTERNAL_ERROR".to_owned()));
        assert_eq!(executor.run(async { Ok(7) }).await, Ok(7));
    }
}
