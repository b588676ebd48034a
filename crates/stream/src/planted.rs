//! Faults that the tests plant, to prove that they would be noticed.
//!
//! This crate's tests plant per query; tests with processes of their own plant for the whole process (see
//! [`thalweg_common::planted`], which no release build has). Outside of tests the type is empty.

#[cfg(not(test))]
use thalweg_common::planted::{Bug, is};

/// Which faults are planted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Planted {
    /// Restore the newest manifest instead of the one that the sink committed.
    #[cfg(test)]
    pub restore_newest: bool,
    /// Put the state of the next epoch into the snapshot of this one.
    #[cfg(test)]
    pub mix_epochs: bool,
    /// Ask the sink for its last commit without fencing it.
    #[cfg(test)]
    pub skip_fence: bool,
    /// Take a refused commit for one's own that was done already, and go on.
    #[cfg(test)]
    pub skip_refused: bool,
}

macro_rules! questions {
    ($($name:ident: $process_wide:expr),*) => { impl Planted { $(
        pub(crate) fn $name(self) -> bool {
            #[cfg(test)]
            return self.$name;
            #[cfg(not(test))]
            $process_wide
        }
    )* } };
}

// A whole process plants the fence's fault in the sink, and the last one not at all.
questions!(
    restore_newest: is(Bug::RestoreNewest),
    mix_epochs: is(Bug::MixEpochs),
    skip_fence: false,
    skip_refused: false
);
