//! Locks mutexes and read-write locks of the standard library. Every lock of the project is taken here.
//!
//! A lock is poisoned when a thread panics while it holds the guard. These functions use the value nevertheless:
//! a value behind one of our locks changes by one assignment, insertion, removal or push, by arithmetic on its counters
//! that cannot panic, or is computed beside the lock and replaced as a whole. So it is consistent wherever a thread can
//! panic, and the panic does not invalidate it. The panic itself is reported by the query, call or task in which it happened. An error or an empty
//! default at the next use would only spread it to others: a session without settings or a catalog without tables
//! would answer wrongly.
//!
//! Whoever changes a value in several steps prepares them first, and then replaces the value in one.
//!
//! ```
//! use std::sync::{Mutex, RwLock};
//! use thalweg_common::lock::{lock, read, write};
//!
//! let counts = Mutex::new(vec![1]);
//! lock(&counts).push(2);
//! assert_eq!(*lock(&counts), [1, 2]);
//!
//! let name = RwLock::new("default".to_owned());
//! *write(&name) = "sales".to_owned();
//! assert_eq!(*read(&name), "sales");
//! ```
// The one place that may call the methods that clippy.toml bans.
#![allow(clippy::disallowed_methods)]

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks a mutex, poisoned or not.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a read-write lock for reading, poisoned or not.
pub fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a read-write lock for writing, poisoned or not.
pub fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    /// Panics while a guard is held. The panic hook is not called, so nothing is printed.
    fn poison<G>(guard: impl FnOnce() -> G) {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = guard();
            resume_unwind(Box::new("poisons the lock"));
        }));
        assert!(panicked.is_err());
    }

    #[test]
    fn a_poisoned_mutex_keeps_its_value() {
        let mutex = Mutex::new(vec![1]);
        poison(|| lock(&mutex));
        assert!(mutex.is_poisoned());
        lock(&mutex).push(2);
        assert_eq!(*lock(&mutex), [1, 2]);
    }

    #[test]
    fn a_poisoned_read_write_lock_keeps_its_value() {
        let value = RwLock::new(1);
        poison(|| write(&value));
        assert!(value.is_poisoned());
        *write(&value) += 1;
        assert_eq!(*read(&value), 2);
    }
}
