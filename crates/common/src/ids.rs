//! Defines identifiers as types of their own, so that an epoch cannot be passed as a generation.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        // Files have the number alone.
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Returns the next number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// A step of a streaming query, which processes the rows between two offsets of its source. Counts from
    /// 0; Spark's `batchId`.
    Epoch
);
number_id!(
    /// A run of a streaming query over its checkpoint: a count from 1 in the upper 32 bits, and a random number, by
    /// which the runs over two copies of a checkpoint differ. A higher generation fences all lower ones.
    Generation
);
