//! Whether work is still wanted: a flag that long computations look at.
//!
//! A task is cancelled only where it awaits; a computation that runs long between two awaits would go on. So
//! whoever asks for work can raise a flag, and the work looks at it: an operator holds the flag of its query,
//! any other code asks for that of the work which its thread does now ([`check`]). Knows no runtime.

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

/// A flag that ends some work. Clones are the same flag; once raised it stays so.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    whole: Option<Cancellation>,
}

impl Cancellation {
    /// The flag of the work that this thread does now. Outside of [`Cancellation::scope`] nobody else has it.
    pub fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten().unwrap_or_default()
    }

    /// The flag of a part of this work: raised with this one, or alone.
    pub fn part(&self) -> Self {
        Self(Arc::new(Flag { raised: AtomicBool::new(false), whole: Some(self.clone()) }))
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        self.0.raised.store(true, Ordering::Relaxed);
    }

    /// Whether the flag, or that of the whole, is raised.
    pub fn is_canceled(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed) || self.0.whole.as_ref().is_some_and(Self::is_canceled)
    }

    /// Ends the work if the flag is raised.
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

    /// The work with this as its flag, on whichever thread it is polled.
    pub fn scope<F: Future>(&self, work: F) -> Scope<F> {
        Scope { cancellation: self.clone(), work: Box::pin(work) }
    }
}

/// Ends the work that this thread does now if its flag is raised.
///
/// # Errors
/// `OPERATION_CANCELED`.
pub fn check() -> Result<()> {
    let canceled = |current: &RefCell<Option<Cancellation>>| match &*current.borrow() {
        Some(cancellation) => cancellation.check(),
        None => Ok(()),
    };
    CURRENT.try_with(canceled).unwrap_or(Ok(()))
}

/// While it lives, the thread's work has a flag; then the one before.
#[derive(Debug)]
pub struct Entered {
    before: Option<Cancellation>,
    _on_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A thread that ends has no work any more.
        let _ = CURRENT.try_with(|current| current.replace(self.before.take()));
    }
}

/// Work with a flag.
#[derive(Debug)]
pub struct Scope<F> {
    cancellation: Cancellation,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.cancellation.enter();
        self.work.as_mut().poll(cx)
    }
}

/// Raises the flag when it is dropped: for work that ends with the wish for its result.
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
