//! Makes a physical plan give way while it works, and end soon after it is cancelled.
//!
//! A task is stopped, and its thread does something else, only where a poll returns. Operators that make many
//! rows of few, or drop nearly all that they make, can work for hours within one poll. So behind every operator
//! stands a [`StepsExec`], which returns from the poll after a bounded number of rows and ends with an error
//! once the query's flag is raised. Joins that drop pairs get conditions that look at the flag, and probe rows
//! few at a time, so that it is the build side alone that makes a step long. Rows and, but for joins that
//! promise no order, their order stay.
//!
//! What an operator does with all rows at once, such as sorting or hashing them, stays one step.

mod joins;
mod steps;
mod stop;
#[cfg(test)]
mod tests;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use steps::{Role, StepsExec};
use thalweg_common::cancel::Cancellation;

/// The plan, which gives way while it works and ends once `cancellation` is raised. Nothing may be optimized
/// after this.
///
/// # Errors
/// DataFusion's, if an operator does not take its inputs.
pub fn interruptible(
    plan: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let node = joins::in_steps(node, cancellation)?;
        Ok(Transformed::yes(StepsExec::over(node, cancellation, Role::Rows)))
    })
    .data()
}
