//! Injects a bug into a process, to prove that the tests of exactly-once delivery detect it.
//!
//! Only builds with debug assertions can inject a bug: in a release build [`is_injected`] is the constant
//! `false`. No code of the product calls [`inject`], and no setting or variable does; a test's own process
//! calls it before it starts an engine.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

/// The bugs that can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedBug {
    /// Restores the newest manifest instead of the one that the sink committed.
    RestoreNewest,
    /// Writes the state of the next epoch into the snapshot of this one.
    MixEpochs,
    /// The sink commits without checking who fenced it or committed meanwhile.
    SkipFence,
}

#[cfg(debug_assertions)]
static INJECTED: OnceLock<InjectedBug> = OnceLock::new();

/// Injects a bug into this process. The first bug stays; returns whether this call injected it.
#[cfg(debug_assertions)]
pub fn inject(bug: InjectedBug) -> bool {
    INJECTED.set(bug).is_ok()
}

/// Returns whether this bug is injected.
pub fn is_injected(bug: InjectedBug) -> bool {
    #[cfg(debug_assertions)]
    return INJECTED.get() == Some(&bug);
    #[cfg(not(debug_assertions))]
    {
        let _ = bug;
        false
    }
}
