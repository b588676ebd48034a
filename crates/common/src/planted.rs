//! Bugs that tests plant, to prove that the tests of exactly-once would notice them.
//!
//! Exists in builds with debug assertions only: in a release build every question is answered with no at
//! compile time. Nothing in the product plants one, and no setting or variable does; a test's own process
//! calls [`plant`] before it starts an engine.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Restores the newest manifest instead of the one that the sink committed.
    RestoreNewest,
    /// Puts the state of the next epoch into the snapshot of this one.
    MixEpochs,
    /// The sink shuts nobody out: it commits without looking who fenced or committed meanwhile.
    SkipFence,
}

#[cfg(debug_assertions)]
static PLANTED: OnceLock<Bug> = OnceLock::new();

/// Plants a bug into this process. The first one stays; returns whether this was it.
#[cfg(debug_assertions)]
pub fn plant(bug: Bug) -> bool {
    PLANTED.set(bug).is_ok()
}

/// Whether that bug is planted.
pub fn is(bug: Bug) -> bool {
    #[cfg(debug_assertions)]
    return PLANTED.get() == Some(&bug);
    #[cfg(not(debug_assertions))]
    {
        let _ = bug;
        false
    }
}
