//! The one resolver: IR → DataFusion's `LogicalPlan`, with Spark's types, names and semantics.
//!
//! Knows no session, no protocol and no connector: tables come through the [`Catalog`] trait. Inside a plan
//! columns have opaque ids and no qualifiers; names live beside it in scopes. All coercion is ours:
//! DataFusion's type coercion finds nothing to do. An expression that can raise is never evaluated on a row
//! that an earlier conjunct, CASE branch, COALESCE or IF excludes.

mod careful_simplify;
mod catalog;
mod errors;
mod generate;
mod interrupt;
mod interval;
mod keep_sorts;
mod lambda;
mod literal;
mod naming;
mod naming_table;
mod null_safe;
mod once;
mod optimizer;
mod pushdown;
mod resolver;
mod scope;
mod settled;
mod slices;
pub mod types;
mod watermark;

pub use catalog::{Catalog, Context, Resolved, ResolvedColumn, TableEntry};
pub use generate::{GenerateNode, query_planner};
pub use interrupt::interruptible;
pub use once::ONCE;
pub use optimizer::{LEFT_OUT, optimizer_rules, physical_optimizer_rules, required_rules, session_config};
pub use resolver::{FENCE, resolve, resolve_expression_type};
/// Functions by name, intervals and the text of values, for callers that may not reach below the resolver.
pub use thalweg_functions as functions;
pub use types::event_time_of;
pub use watermark::WatermarkNode;
