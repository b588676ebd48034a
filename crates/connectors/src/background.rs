//! Keeps track of work that goes on when its caller does not wait for it any more.
//!
//! A future that is dropped stops at its next await; a thread that it started and a request that it sent do not.
//! Whoever promises that nothing happens after an end, such as a streaming query that is stopped, runs such work here
//! and waits for [`Background::ended`]. What always holds: work that was begun runs to its end, and is counted until
//! then.

use std::future::Future;
use thalweg_common::{Error, Result};
use tokio::sync::watch;

/// Counts the work of one owner. Clones count together.
///
/// ```
/// use thalweg_connectors::background::Background;
///
/// # #[tokio::main]
/// # async fn main() -> thalweg_common::Result<()> {
/// let background = Background::default();
/// assert_eq!(background.run(async { 1 + 1 }).await?, 2);
///
/// // The caller is dropped while it waits, and the work goes on until its end.
/// let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
/// let (done, mut is_done) = tokio::sync::oneshot::channel();
/// let work = background.run(async move {
///     let _ = wait.await;
///     done.send(())
/// });
/// assert!(futures::FutureExt::now_or_never(work).is_none());
/// drop(go_on);
/// background.ended().await;
/// assert!(is_done.try_recv().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Background {
    running: watch::Sender<usize>,
}

impl Default for Background {
    fn default() -> Self {
        Self { running: watch::Sender::new(0) }
    }
}

/// One piece of work; it counts as running until this is dropped.
#[derive(Debug)]
pub struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Background {
    /// Counts a piece of work, which a thread or a task keeps until it ends.
    pub fn running(&self) -> Running {
        self.running.send_modify(|running| *running += 1);
        Running(self.running.clone())
    }

    /// Runs `work` to its end, also if the caller is dropped while it waits for the result.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` if the work panicked or the runtime ended.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let ended = self.spawn(work).await;
        ended.map_err(|e| Error::internal(format!("a step of a streaming query ended early: {e}")))
    }

    /// Starts `work`, which runs to its end.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let running = self.running();
        tokio::spawn(async move {
            let result = work.await;
            drop(running);
            result
        })
    }

    /// Waits until no work is running.
    pub async fn ended(&self) {
        let mut running = self.running.subscribe();
        // The sender is in this value, so waiting cannot fail.
        let _ = running.wait_for(|running| *running == 0).await;
    }
}

/// Runs work that computes or waits for a disk on a thread that may block: those of the runtime serve everybody.
///
/// # Errors
/// The error of the work; `INTERNAL_ERROR` if it panicked or the runtime ended.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::internal(format!("work on a thread that may block was cut short: {e}"))),
    }
}
