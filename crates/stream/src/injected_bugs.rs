//! Bugs that tests inject, to prove that the tests detect them.
//!
//! The tests of this crate inject per query; tests with processes of their own inject into the whole process
//! (see [`thalweg_common::injected_bug`], which no release build has). Outside of tests the type is empty.

#[cfg(not(test))]
use thalweg_common::injected_bug::{InjectedBug, is_injected};

/// The bugs that are injected into one query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct InjectedBugs {
    /// Restore the newest manifest instead of the one that the sink committed.
    #[cfg(test)]
    pub restore_newest: bool,
    /// Write the state of the next epoch into the snapshot of this one.
    #[cfg(test)]
    pub mix_epochs: bool,
    /// Ask the sink for its last commit without fencing it.
    #[cfg(test)]
    pub skip_fence: bool,
    /// Take a refused commit for one that this generation has already made, and continue.
    #[cfg(test)]
    pub skip_refused: bool,
}

macro_rules! accessors {
    ($($name:ident: $process_wide:expr),*) => { impl InjectedBugs { $(
        pub(crate) fn $name(self) -> bool {
            #[cfg(test)]
            return self.$name;
            #[cfg(not(test))]
            $process_wide
        }
    )* } };
}

// In a whole process the sink has the bug of the fence, and the last bug is not injected at all.
accessors!(
    restore_newest: is_injected(InjectedBug::RestoreNewest),
    mix_epochs: is_injected(InjectedBug::MixEpochs),
    skip_fence: false,
    skip_refused: false
);
