//! Faults that the tests plant, to prove that they would be noticed.
//!
//! Outside of tests the type is empty and every question is answered with no, so that no build that
//! a user runs can have one.

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
    ($($name:ident),*) => { impl Planted { $(
        pub(crate) fn $name(self) -> bool {
            #[cfg(test)]
            return self.$name;
            #[cfg(not(test))]
            false
        }
    )* } };
}

questions!(restore_newest, mix_epochs, skip_fence, skip_refused);
