//! Physical planning of batch queries: which optimizer rules run and in which form, operators of our own, and the
//! planner from `thalweg-logical`'s nodes to operators.
//!
//! ```
//! use datafusion::execution::SessionStateBuilder;
//! use datafusion::logical_expr::{LogicalPlanBuilder, lit};
//!
//! let state = SessionStateBuilder::new()
//!     .with_config(thalweg_physical::session_config())
//!     .with_optimizer_rules(thalweg_physical::optimizer_rules())
//!     .with_physical_optimizer_rules(thalweg_physical::physical_optimizer_rules())
//!     .with_query_planner(thalweg_physical::query_planner())
//!     .build();
//! let plan = LogicalPlanBuilder::empty(true).project([lit(1)])?.build()?;
//! assert_eq!(state.optimize(&plan)?.schema().fields().len(), 1);
//! # Ok::<(), datafusion::error::DataFusionError>(())
//! ```

mod barrier;
mod first_rows;
mod interrupt;
mod keep_sorts;
mod null_safe;
mod optimizer;
mod planner;
mod pushdown;
mod sequential;
mod simplify;
mod slices;
mod unary;

pub use interrupt::interruptible;
pub use optimizer::{LEFT_OUT, optimizer_rules, physical_optimizer_rules, required_rules, session_config};
pub use planner::query_planner;
