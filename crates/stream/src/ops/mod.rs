//! The operators, as plain code: batches in, batches out, state apart.
//!
//! Nothing here knows timely, tokio, files or the clock: the runtime calls these functions with rows
//! and an epoch's descriptor, and does with the answer what the protocol asks.

mod accumulate;
mod aggregate;
mod now;
mod prepare;
mod stateless;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::Aggregate;
pub(crate) use prepare::{KeyHasher, Prepare};
pub(crate) use stateless::{EventTimes, Steps};
