//! The one resolver: IR → DataFusion's `LogicalPlan`, with Spark's types, names and semantics.
//!
//! Knows no session, no protocol and no connector: tables come through the [`Catalog`] trait.

mod catalog;

pub use catalog::{Catalog, Context, Resolved, ResolvedColumn, TableEntry};
