//! Implements the operators as plain code: batches in, batches and state changes out.
//!
//! Nothing here knows timely, tokio, files or the clock. The runtime calls an [`Operator`] with rows and with
//! the descriptor of the epoch, and makes the results durable.

mod accumulate;
mod aggregate;
mod aggregate_input;
mod build;
mod deduplicate;
mod evaluate;
mod event_time;
mod join;
mod key_encoder;
mod operator;
mod panes;
mod processing_time;
mod sort;
mod stateless;
#[cfg(test)]
mod tests;
mod union;
mod watermark;

pub(crate) use build::{BuiltInput, BuiltOperator, build};
pub(crate) use key_encoder::KeyEncoder;
pub(crate) use operator::{
    EMITTED_ROWS_MAX, EmittedRows, EpochDescriptor, EpochTables, Operator, StateDeltas, StateReport,
};
pub(crate) use watermark::EventTimes;
