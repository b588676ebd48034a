//! Builds plans whose columns are referred to by their ids only.

use crate::errors::from_datafusion;
use crate::merge::merged;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, Projection};
use std::sync::Arc;
use thalweg_common::Result;

/// Creates a reference to the column with this id.
pub(crate) fn column(id: &str) -> Expr {
    Expr::Column(Column::new_unqualified(id))
}

/// Creates a projection of `input`.
pub(crate) fn project(input: LogicalPlan, exprs: impl IntoIterator<Item = Expr>) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = exprs.into_iter().collect();
    if is_plain(&input) {
        let (input, exprs) = match &input {
            LogicalPlan::Projection(lower) => match merged(lower, &exprs).map_err(from_datafusion)? {
                Some(exprs) => (Arc::clone(&lower.input), exprs),
                None => (Arc::new(input), exprs),
            },
            _ => (Arc::new(input), exprs),
        };
        return Projection::try_new(exprs, input).map(LogicalPlan::Projection).map_err(from_datafusion);
    }
    LogicalPlanBuilder::from(input)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)
}

/// Creates a filter of `input`.
pub(crate) fn filtered(input: LogicalPlan, predicate: Expr) -> Result<LogicalPlan> {
    if is_plain(&input) {
        let filter = Filter::try_new(predicate, Arc::new(input));
        return filter.map(LogicalPlan::Filter).map_err(from_datafusion);
    }
    LogicalPlanBuilder::from(input)
        .filter(predicate)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)
}

/// Returns whether the columns of a plan are referred to by their ids only. The builder would look them up again in
/// the whole plan below, for every expression: a chain of some hundred operators would take minutes.
fn is_plain(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_))
        && plan.schema().iter().all(|(qualifier, _)| qualifier.is_none())
}
