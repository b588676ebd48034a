//! Finds the columns of the enclosing queries that a plan uses, also in its own subqueries.

use super::subquery_of;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use std::sync::Arc;

/// Returns the outer columns of a plan, each once, without those of its own subqueries that refer to the plan itself.
pub(crate) fn outer_references(plan: &LogicalPlan) -> Vec<Expr> {
    let mut found: Vec<Expr> = vec![];
    let mut add = |e: &Expr| {
        if !found.contains(e) {
            found.push(e.clone());
        }
    };
    // No step of this walk can fail.
    let _ = plan.apply(|node| {
        node.apply_expressions(|e| {
            e.apply(|e| {
                if matches!(e, Expr::OuterReferenceColumn(..)) {
                    add(e);
                }
                let inner = subquery_of(e).map_or(&[][..], |s| s.outer_ref_columns.as_slice());
                inner.iter().filter(|e| !is_of(e, &node.inputs())).for_each(&mut add);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found
}

/// Returns whether an outer reference is a column of one of these plans.
fn is_of(reference: &Expr, plans: &[&LogicalPlan]) -> bool {
    match reference {
        Expr::OuterReferenceColumn(_, c) => plans.iter().any(|p| p.schema().has_column(c)),
        _ => false,
    }
}

/// Returns whether the subqueries of an expression over `input` use outer columns of `input` only.
pub(super) fn names_only(expr: &Expr, input: &LogicalPlan) -> bool {
    let further = |e: &Expr| {
        Ok(subquery_of(e).is_some_and(|s| !s.outer_ref_columns.iter().all(|r| is_of(r, &[input]))))
    };
    !expr.exists(further).unwrap_or(true)
}

/// Replaces the outer columns of an expression; in its subqueries the new ones are outer columns too.
pub(super) fn replaced(expr: Expr, by: &dyn Fn(&Column) -> Option<Column>) -> Result<Transformed<Expr>> {
    expr.transform_up(|e| match e {
        Expr::OuterReferenceColumn(field, c) => Ok(match by(&c) {
            Some(column) => Transformed::yes(Expr::Column(column)),
            None => Transformed::no(Expr::OuterReferenceColumn(field, c)),
        }),
        other => in_subquery(other, by),
    })
}

fn in_subquery(expr: Expr, by: &dyn Fn(&Column) -> Option<Column>) -> Result<Transformed<Expr>> {
    Ok(Transformed::yes(match expr {
        Expr::ScalarSubquery(s) => Expr::ScalarSubquery(renamed(s, by)?),
        Expr::Exists(Exists { subquery, negated }) => {
            Expr::Exists(Exists { subquery: renamed(subquery, by)?, negated })
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            Expr::InSubquery(InSubquery::new(expr, renamed(subquery, by)?, negated))
        }
        other => return Ok(Transformed::no(other)),
    }))
}

fn renamed(subquery: Subquery, by: &dyn Fn(&Column) -> Option<Column>) -> Result<Subquery> {
    let rename = |e: Expr| match e {
        Expr::OuterReferenceColumn(field, c) => Ok(match by(&c) {
            Some(column) => {
                let field = field.as_ref().clone().with_name(&column.name);
                Transformed::yes(Expr::OuterReferenceColumn(Arc::new(field), column))
            }
            None => Transformed::no(Expr::OuterReferenceColumn(field, c)),
        }),
        other => in_subquery(other, by),
    };
    let plan = subquery.subquery.as_ref().clone();
    let plan = plan.transform_up(|node| node.map_expressions(|e| e.transform_up(rename))).data()?;
    Ok(Subquery { outer_ref_columns: outer_references(&plan), subquery: Arc::new(plan), ..subquery })
}
