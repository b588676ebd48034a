//! The declarations of all connectors together: descriptors, and the reference that is written from them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod descriptors;
mod reference;
