//! The one resolver: IR → DataFusion's `LogicalPlan`, with Spark's types, names and semantics.
//!
//! Knows no session, no protocol and no connector: tables come through the [`Catalog`] trait. Inside a plan
//! columns have opaque ids and no qualifiers; names live beside it in scopes. All coercion is ours:
//! DataFusion's type coercion finds nothing to do. An expression that can raise is never evaluated on a row
//! that an earlier conjunct, CASE branch, COALESCE or IF excludes.

mod aggregate;
mod aggregate_call;
mod anew;
mod attribute;
mod catalog;
mod describe;
mod errors;
mod event_window;
mod expr;
mod expr_scope;
mod filter;
mod function;
mod generate;
mod interval;
mod interval_fields;
mod join;
mod lambda;
mod literal;
mod load;
mod merge;
mod missing;
mod naming;
mod once;
mod parameters;
mod pivot;
mod plans;
mod project;
mod relation;
mod resolver;
mod scope;
mod select;
mod set;
mod sort;
mod source;
mod subquery;
pub mod types;
mod union_by_name;
mod unnest;
mod window;
mod window_columns;

pub use catalog::{Catalog, Context, ResolvedColumn, ResolvedQuery, TableEntry};
pub use resolver::{resolve, resolve_expression_type};

use plans::{column, filtered, project};
use resolver::{ResolvedRelation, Resolver};
