//! Identifiers as types, so that an epoch is never taken for a generation.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The one that follows.
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
    /// One step of a streaming query: rows between two consistent cuts of its sources. Counts from 0;
    /// Spark's `batchId`.
    Epoch
);
number_id!(
    /// One run of a streaming query over its checkpoint. Counts from 1; a higher one fences all lower ones.
    Generation
);
