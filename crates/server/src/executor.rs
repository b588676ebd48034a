//! Runs queries on threads of their own.
//!
//! A query that computes for long without yielding must not delay the calls of other clients, heartbeats and
//! interrupts, nor other queries. So threads are in groups of one per core, and work gets a group in which
//! nothing else runs, unless there are [`GROUPS_MAX`] already. The operating system divides the cores among them.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use thalweg_common::cancel::{CancelOnDrop, Cancellation};
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// The stack of a thread in bytes: plans are trees that are walked by recursion, and a stack overflow
/// ends the whole process. Pages that are not touched cost address space only.
const STACK_BYTES: usize = 64 << 20;
/// The largest number of tasks with threads of their own; further tasks share them.
const GROUPS_MAX: usize = 32;

/// The threads that queries run on. Groups are made when they are needed, and stay.
pub(crate) struct Executor(Mutex<Vec<Group>>);

impl Executor {
    /// Starts the threads of the first group.
    pub(crate) fn start() -> Result<Self> {
        let group = Group::start().map_err(|e| {
            let text = format!("The threads for queries cannot be started: {e}.");
            Error::new(ErrorKind::Runtime, "SERVER_FAILED", "53000", text)
        })?;
        Ok(Self(Mutex::new(vec![group])))
    }

    /// Runs work in a task on these threads.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        // Only while the server shuts down: the groups are gone.
        let Some((threads, place)) = self.place() else { return tokio::spawn(work) };
        threads.spawn(async move {
            // Held by the work, so that the group counts it however it ends.
            let _place = place;
            work.await
        })
    }

    /// Runs work on these threads and waits for it. The work is cancelled when the returned future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // The task has threads of its own, so dropping the future alone would not end it.
        let unwanted = CancelOnDrop(Cancellation::default());
        self.spawn(unwanted.0.scope(work)).await.unwrap_or_else(|e| Err(broken(&e)))
    }

    /// Returns a place in a group in which nothing runs, or else in the group with the lowest load.
    fn place(&self) -> Option<(Handle, Place)> {
        let mut groups = lock(&self.0);
        if groups.iter().all(|group| group.load() != (0, 0)) && groups.len() < GROUPS_MAX {
            match Group::start() {
                Ok(group) => groups.push(group),
                Err(error) => tracing::warn!(%error, "queries have to share their threads"),
            }
        }
        // The place is taken under the lock, so that two works that start at once do not get the same free group.
        // With no free group the work shares threads, and is only slower.
        groups.iter().min_by_key(|group| group.load()).map(Group::place)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // A runtime must not wait for its threads where async code runs.
        lock(&self.0).drain(..).for_each(|group| group.runtime.shutdown_background());
    }
}

/// Threads and the tasks that share them.
struct Group {
    runtime: Runtime,
    taken: Arc<AtomicUsize>,
}

impl Group {
    fn start() -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.thread_name("query").thread_stack_size(STACK_BYTES).enable_all().build()?;
        Ok(Self { runtime, taken: Arc::default() })
    }

    /// Returns the number of work items that have not ended and of tasks: work that has ended may have left
    /// tasks, such as those of a stream.
    fn load(&self) -> (usize, usize) {
        (self.taken.load(Ordering::Relaxed), self.runtime.metrics().num_alive_tasks())
    }

    fn place(&self) -> (Handle, Place) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        (self.runtime.handle().clone(), Place(self.taken.clone()))
    }
}

/// Counts a work item in its group while it exists.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Creates the error of work that panicked: a bug, which ends one operation and not the server.
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

    /// Starts work that computes until it is cancelled, and never yields.
    fn unresting(executor: &Executor) -> (Cancellation, JoinHandle<()>) {
        let cancellation = Cancellation::default();
        let work = async {
            while thalweg_common::cancel::check().is_ok() {
                std::hint::spin_loop();
            }
        };
        (cancellation.clone(), executor.spawn(cancellation.scope(work)))
    }

    #[tokio::test]
    async fn work_that_never_pauses_holds_no_other_up() {
        let Ok(executor) = Executor::start() else { return assert_eq!("started", "failed") };
        // More than there are threads in a group, unless the machine is large.
        let unresting: Vec<_> = (0..9).map(|_| unresting(&executor)).collect();
        assert_eq!(executor.run(async { Ok(7) }).await, Ok(7));
        for (cancellation, task) in unresting {
            cancellation.cancel();
            assert!(task.await.is_ok());
        }
        let groups = lock(&executor.0).len();
        assert!((10..=11).contains(&groups), "{groups} groups");
        // All groups are free again, so no more are started.
        while lock(&executor.0).iter().any(|group| group.load() != (0, 0)) {
            tokio::task::yield_now().await;
        }
        assert_eq!(executor.run(async { Ok(7) }).await, Ok(7));
        assert_eq!(lock(&executor.0).len(), groups);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_told_to_end() {
        let Ok(executor) = Executor::start() else { return assert_eq!("started", "failed") };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut run = Box::pin(executor.run(async move {
            let error = loop {
                if let Err(error) = thalweg_common::cancel::check() {
                    break error;
                }
                tokio::task::yield_now().await;
            };
            drop(sender.send(error.class().to_owned()));
            Ok(())
        }));
        assert!(futures::poll!(&mut run).is_pending());
        drop(run);
        assert_eq!(receiver.await, Ok("OPERATION_CANCELED".to_owned()));
    }
}
