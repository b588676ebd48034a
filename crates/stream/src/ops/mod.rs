//! Implements the operators as plain code: batches in, batches and state changes out.
//!
//! Nothing here knows timely, tokio, files or the clock. The runtime calls these functions with rows and with
//! the descriptor of the epoch, and makes the results durable.

mod accumulate;
mod aggregate;
mod aggregate_input;
mod processing_time;
mod stateless;
#[cfg(test)]
mod tests;

pub(crate) use aggregate::Aggregate;
pub(crate) use aggregate_input::{AggregateInput, KeyEncoder};
pub(crate) use stateless::{EventTimes, Steps};
