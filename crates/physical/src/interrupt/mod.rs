//! Makes a physical plan yield while it works, and end soon after it is cancelled.
//!
//! A task can be stopped, and its thread can run other tasks, only when a poll returns. Operators that make many
//! rows of few, or drop nearly all that they make, can work for hours within one poll. So above every operator
//! there are [`steps`]: an operator that returns from the poll after a bounded number of rows and ends with an error
//! once the query's flag is raised. Joins that drop pairs get conditions that check the flag, and few probe rows
//! at a time, so that only the build side makes a step long. The rows do not change, nor does their order, except
//! for joins without a defined order.
//!
//! Work on all rows at once, such as sorting or hashing them, is still one step.

mod joins;
mod steps;
mod stop;
#[cfg(test)]
mod tests;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use steps::{Role, in_steps};
use thalweg_common::cancel::Cancellation;

/// Returns a plan that yields while it works and ends once `cancellation` is raised. It must not be optimized
/// afterwards.
///
/// # Errors
/// DataFusion's, if an operator does not take its inputs.
pub fn interruptible(
    plan: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let node = joins::bounded(node, cancellation)?;
        Ok(Transformed::yes(in_steps(node, cancellation, Role::Rows)))
    })
    .data()
}
