//! Spark's functions: recorded answers over constants, columns, nulls, slices, batches and partitions.
//!
//! `examples` holds Spark's documented examples, `pins` the shapes that each function runs in, `names` that none is
//! without a test, `session` functions that a session registers, `values` Spark's answers about values, and `reference`
//! the examples of the function reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod examples;
mod names;
mod pins;
mod query;
mod reference;
mod session;
mod shapes;
mod values;
