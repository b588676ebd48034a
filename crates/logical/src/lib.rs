//! Thalweg's own logical nodes and markers, which DataFusion's `LogicalPlan` does not have.
//!
//! The resolver builds plans of them, `thalweg-physical` plans them as operators for a batch, and the engine lowers
//! them for a stream. They do not depend on names or functions of Spark.
//!
//! ```
//! use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
//! use datafusion::functions_nested::expr_fn::make_array;
//! use thalweg_logical::GenerateNode;
//!
//! let lists = LogicalPlanBuilder::empty(true)
//!     .project([make_array(vec![lit(1), lit(2)]).alias("element")])?
//!     .build()?;
//! let elements = GenerateNode::try_new(lists, "element".to_owned(), false)?;
//! assert_eq!(elements.index(), 0);
//! # Ok::<(), datafusion::error::DataFusionError>(())
//! ```

mod barrier;
mod compute_once;
mod deduplicate;
mod expansion;
mod extension;
mod generate;
mod large_lists;
mod null_marker;
mod null_safe;
mod sequential;
mod watermark;

pub use barrier::{OPTIMIZATION_BARRIER, optimization_barrier};
pub use compute_once::{ComputeOnceNode, compute_once};
pub use deduplicate::DeduplicateNode;
pub use expansion::bound_expansion;
pub use extension::LogicalExtension;
pub use generate::GenerateNode;
pub use large_lists::{large_list_aliases, makes_large_lists};
pub use null_safe::plain_keys;
pub use sequential::{CHAIN_MIN, ComputedColumn, SequentialProjectionNode, collapse_projections};
pub use watermark::{EVENT_TIME_KEY, WatermarkNode, event_time_of, filter_below};
