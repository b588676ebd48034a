//! Recognises the correlated subqueries that DataFusion's rules convert to correct and fast joins.
//!
//! The rules pull comparisons with outer columns up into the condition of a join: past projections, filters and
//! inner joins. Past a LIMIT, a window, an outer join or a set operation that changes the result, and so does a
//! global aggregate below EXISTS, which has a row even if nothing matches. A scalar aggregate is grouped by the
//! inner columns that are compared, which is correct if each is equal to an outer value.

use super::outer::names_only;
use super::{Place, is_correlated, subquery_of};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, JoinType, LogicalPlan, Operator};

/// Aggregates whose result for an empty input the rules know.
const KNOWN: [&str; 5] = ["count", "min", "max", "sum", "avg"];

/// Returns whether a subquery of a filter or a projection is one of those.
pub(super) fn is_simple(expr: &Expr, place: Place) -> bool {
    match expr {
        Expr::Exists(x) => place.filter && body(&x.subquery.subquery, is_comparison),
        Expr::ScalarSubquery(s) => place.alone && scalar(&s.subquery),
        _ => false,
    }
}

fn scalar(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => p.expr.iter().all(is_plain) && scalar(&p.input),
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
            group_expr.is_empty() && aggr_expr.iter().all(is_known) && body(input, is_equality)
        }
        _ => false,
    }
}

fn is_known(aggregate: &Expr) -> bool {
    let by_name = |e: &Expr| matches!(e, Expr::AggregateFunction(f) if KNOWN.contains(&f.func.name()));
    by_name(aggregate) && is_plain(aggregate)
}

/// Returns whether an expression uses no outer column and contains no subquery.
fn is_plain(expr: &Expr) -> bool {
    !expr.contains_outer() && !expr.exists(|e| Ok(subquery_of(e).is_some())).unwrap_or(true)
}

fn body(plan: &LogicalPlan, comparison: fn(&Expr) -> bool) -> bool {
    match plan {
        LogicalPlan::Projection(p) => p.expr.iter().all(is_plain) && body(&p.input, comparison),
        LogicalPlan::Filter(f) => {
            let fits = |part: &&Expr| match part.contains_outer() {
                true => comparison(part),
                false => {
                    names_only(part, &f.input)
                        && !holds_correlated_scalar(part)
                        && super::is_simple(part, Place { filter: true, alone: false }).unwrap_or(false)
                }
            };
            split_conjunction(&f.predicate).iter().all(fits) && body(&f.input, comparison)
        }
        LogicalPlan::Join(join) => {
            join.join_type == JoinType::Inner
                && !plan.contains_outer_reference()
                && body(&join.left, comparison)
                && body(&join.right, comparison)
        }
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
            !plan.contains_outer_reference()
        }
        _ => false,
    }
}

fn holds_correlated_scalar(expr: &Expr) -> bool {
    let found = |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(s) if is_correlated(s)));
    expr.exists(found).unwrap_or(true)
}

/// Returns whether a conjunct compares a column with outer columns and cannot raise.
fn is_comparison(part: &Expr) -> bool {
    let other = |e: &Expr| {
        Ok(!matches!(
            e,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Literal(..)
                | Expr::BinaryExpr(_)
                | Expr::Cast(_)
                | Expr::Not(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsNotFalse(_)
        ))
    };
    part.any_column_refs() && !part.exists(other).unwrap_or(true)
}

/// `column = outer column`.
fn is_equality(part: &Expr) -> bool {
    let pair = |a: &Expr, b: &Expr| matches!((a, b), (Expr::Column(_), Expr::OuterReferenceColumn(..)));
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            pair(left, right) || pair(right, left)
        }
        _ => false,
    }
}
