//! Bounds the work of joins that may compare many pairs of rows before they return a row.

use super::steps::{Role, in_steps};
use super::stop::Stop;
use arrow::datatypes::Schema;
use datafusion::common::JoinType;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use thalweg_common::cancel::Cancellation;

/// Fewer probe rows at once make a nested loop much slower: it evaluates its condition once per build row.
const NESTED_ROWS_MIN: usize = 1 << 13;
/// Fewer probe rows at once make a hash join slower, and only a key of very many rows needs fewer.
const HASHED_ROWS_MIN: usize = 1 << 10;

/// Returns a join that checks the flag while it compares rows, and compares a bounded number per step. Other
/// operators are returned as they are.
pub(super) fn bounded(
    node: Arc<dyn ExecutionPlan>,
    cancellation: &Cancellation,
) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let filter = match join.filter() {
            Some(filter) => Some(stopping(filter, cancellation)),
            // Without a condition most joins return a row for each pair, but these do not.
            None if drops_pairs(*join.join_type()) => Some(always(cancellation)),
            None => None,
        };
        let (left, right) = sides([join.left(), join.right()], NESTED_ROWS_MIN, cancellation);
        let join = NestedLoopJoinExecBuilder::new(left, right, *join.join_type())
            .with_filter(filter)
            .with_projection_ref(join.projection().clone())
            .build()?;
        return Ok(Arc::new(join));
    }
    match node.downcast_ref::<HashJoinExec>() {
        Some(join) if join.filter().is_some() || drops_pairs(*join.join_type()) => {
            let (left, right) = sides([join.left(), join.right()], HASHED_ROWS_MIN, cancellation);
            let filter = join.filter().map(|filter| stopping(filter, cancellation));
            join.builder().with_filter(filter).with_new_children(vec![left, right])?.build_exec()
        }
        _ => Ok(node),
    }
}

/// Returns whether a join of this type returns at most one row for each row of one side.
fn drops_pairs(join_type: JoinType) -> bool {
    match join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => false,
        JoinType::LeftSemi
        | JoinType::RightSemi
        | JoinType::LeftAnti
        | JoinType::RightAnti
        | JoinType::LeftMark
        | JoinType::RightMark => true,
    }
}

fn stopping(filter: &JoinFilter, cancellation: &Cancellation) -> JoinFilter {
    let stop = Stop { inner: Arc::clone(filter.expression()), cancellation: cancellation.clone() };
    JoinFilter::new(Arc::new(stop), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
}

/// Creates a condition that is true for every pair.
fn always(cancellation: &Cancellation) -> JoinFilter {
    let stop = Stop { inner: lit(true), cancellation: cancellation.clone() };
    JoinFilter::new(Arc::new(stop), vec![], Arc::new(Schema::empty()))
}

/// Returns the build side, whose rows are counted, and the probe side, which is split accordingly.
fn sides(
    [left, right]: [&Arc<dyn ExecutionPlan>; 2],
    least: usize,
    cancellation: &Cancellation,
) -> (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>) {
    // The build side is read before the probe side, so its number is known when the first probe row arrives.
    let build = Arc::new(AtomicUsize::new(0));
    let side = |side: &Arc<dyn ExecutionPlan>, role| in_steps(Arc::clone(side), cancellation, role);
    (side(left, Role::Build(Arc::clone(&build))), side(right, Role::Probe { build, least }))
}
