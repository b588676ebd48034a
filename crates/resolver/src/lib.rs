//! Resolves IR to DataFusion's `LogicalPlan`, with Spark's types, names and semantics.
//!
//! The resolver knows no session, no protocol and no connector: tables come from the [`Catalog`] trait. Inside a plan
//! columns have opaque ids and no qualifiers; their names are in scopes beside the plan. The resolver inserts all
//! casts, so that DataFusion's type coercion changes nothing. An expression that can raise is never evaluated on a
//! row that an earlier conjunct, CASE branch, COALESCE or IF excludes.
//!
//! ```
//! use thalweg_resolver::{Context, resolve_expression_type};
//! use thalweg_sql::types::DataType;
//!
//! let context = Context {
//!     time_zone: "UTC".to_owned(),
//!     now_micros: Some(0),
//!     current_database: "default".to_owned(),
//!     user: "ada".to_owned(),
//!     text: None,
//!     functions: Default::default(),
//! };
//! let sum = thalweg_sql::parse_expression("1 + 2L")?;
//! assert_eq!(resolve_expression_type(&sum, &context)?, (DataType::Long, false));
//! # Ok::<(), thalweg_common::Error>(())
//! ```

mod aggregate;
mod aggregate_call;
mod aggregate_columns;
mod attribute;
mod catalog;
mod clause;
mod column_copies;
mod deduplicate;
mod describe;
mod errors;
mod event_window;
mod expr;
mod expr_scope;
mod filter;
mod function;
mod generate;
mod interval_fields;
mod join;
mod lambda;
mod limit;
mod literal;
mod load;
mod merge;
mod missing_columns;
mod na_functions;
mod naming;
mod parameters;
mod pivot;
mod plan_builder;
mod project;
mod relation;
mod resolver;
mod scope;
mod select;
mod set;
mod shared_operands;
mod sort;
mod source;
mod star;
mod subquery;
mod union_by_name;
mod unnest;
mod watermark;
mod window;
mod window_columns;

pub use catalog::{Catalog, Context, ResolvedColumn, ResolvedQuery, TableEntry};
pub use resolver::{resolve, resolve_expression_type};

use plan_builder::{column, filtered, project};
use resolver::{ResolvedRelation, Resolver};
