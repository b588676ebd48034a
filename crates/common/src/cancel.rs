//! Defines cancellation: a flag that long computations check.
//!
//! A task is cancelled only where it awaits; a computation that runs long between two awaits would continue. So
//! the work has a flag, which its caller raises and which the work checks: an operator holds the flag of its
//! query, other code uses the flag of the work that its thread does now ([`check`]).

use crate::error::{Error, ErrorKind, Result};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

thread_local! {
    static CURRENT: RefCell<Option<Cancellation>> = const { RefCell::new(None) };
}

/// A flag that ends some work. Clones share one flag, which is never lowered.
///
/// ```
/// use thalweg_common::cancel::{Cancellation, check};
///
/// let cancellation = Cancellation::default();
/// let _entered = cancellation.enter();
/// assert!(check().is_ok());
/// cancellation.cancel();
/// assert_eq!(check().unwrap_err().class(), "OPERATION_CANCELED");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    whole: Option<Cancellation>,
}

impl Cancellation {
    /// Returns the flag of the work that this thread does now, or a new one outside of [`Cancellation::scope`].
    pub fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten().unwrap_or_default()
    }

    /// Creates the flag of a part of this work: it is raised with this one, or alone.
    pub fn part(&self) -> Self {
        Self(Arc::new(Flag { raised: AtomicBool::new(false), whole: Some(self.clone()) }))
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        // No other data is passed with the flag, so the order among other accesses does not matter.
        self.0.raised.store(true, Ordering::Relaxed);
    }

    /// Returns whether the flag, or that of the whole work, is raised.
    pub fn is_canceled(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed) || self.0.whole.as_ref().is_some_and(Self::is_canceled)
    }

    /// Returns an error if the flag is raised.
    ///
    /// # Errors
    /// `OPERATION_CANCELED`.
    pub fn check(&self) -> Result<()> {
        match self.is_canceled() {
            true => Err(Error::new(
                ErrorKind::Canceled,
                "OPERATION_CANCELED",
                "HY008",
                "Operation has been canceled.",
            )),
            false => Ok(()),
        }
    }

    /// Makes this the flag of what the thread does until the guard is dropped.
    pub fn enter(&self) -> Entered {
        let before = CURRENT.try_with(|current| current.replace(Some(self.clone()))).ok().flatten();
        Entered { before, _on_this_thread: PhantomData }
    }

    /// Wraps work so that this is its flag, on whichever thread it is polled.
    pub fn scope<F: Future>(&self, work: F) -> CancelScope<F> {
        // A boxed future can be polled in place without unsafe code.
        CancelScope { cancellation: self.clone(), work: Box::pin(work) }
    }
}

/// Returns an error if the flag of the work that this thread does now is raised.
///
/// # Errors
/// `OPERATION_CANCELED`.
pub fn check() -> Result<()> {
    let canceled = |current: &RefCell<Option<Cancellation>>| match &*current.borrow() {
        Some(cancellation) => cancellation.check(),
        None => Ok(()),
    };
    // A thread that ends does no work that could be cancelled.
    CURRENT.try_with(canceled).unwrap_or(Ok(()))
}

/// A guard: while it exists, the thread's work has a flag; after that the previous one.
#[derive(Debug)]
pub struct Entered {
    before: Option<Cancellation>,
    // A raw pointer cannot be sent to another thread, and the guard restores the flag of its own.
    _on_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A thread that ends no longer has the flag.
        let _ = CURRENT.try_with(|current| current.replace(self.before.take()));
    }
}

/// Work with a flag.
#[derive(Debug)]
pub struct CancelScope<F> {
    cancellation: Cancellation,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for CancelScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Each poll may be on another thread, so the flag is set for each of them.
        let _entered = self.cancellation.enter();
        self.work.as_mut().poll(cx)
    }
}

/// Raises the flag when it is dropped: for work whose result is needed only while its caller waits.
#[derive(Debug)]
pub struct CancelOnDrop(pub Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_part_ends_with_the_whole_or_alone() {
        let whole = Cancellation::default();
        let (one, other) = (whole.part(), whole.part().part());
        drop(CancelOnDrop(one.clone()));
        assert_eq!((one.is_canceled(), other.is_canceled(), whole.is_canceled()), (true, false, false));
        whole.cancel();
        assert!(other.is_canceled() && other.check().is_err_and(|e| e.class() == "OPERATION_CANCELED"));
    }

    #[test]
    fn the_current_flag_is_that_of_the_innermost_work() {
        let (outer, inner) = (Cancellation::default(), Cancellation::default());
        inner.cancel();
        assert!(check().is_ok());
        let entered = outer.enter();
        assert!(check().is_ok());
        let mut work = inner.scope(async { check() });
        let polled = Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(_))));
        outer.cancel();
        assert!(check().is_err() && Cancellation::current().is_canceled());
        drop(entered);
        assert!(check().is_ok() && !Cancellation::current().is_canceled());
    }
}
