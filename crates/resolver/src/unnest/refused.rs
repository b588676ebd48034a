//! Refuses the correlated subqueries that Spark refuses, with its error classes.

use super::push::is_dependent;
use super::{is_correlated, subquery_of};
use crate::errors::analysis;
use datafusion::common::NullEquality;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};
use thalweg_common::{Error, Result};

fn category(name: &str, what: &str) -> Error {
    let class = format!("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.{name}");
    analysis(&class, "0A000", format!("Unsupported subquery expression: {what}."))
}

/// An outer column elsewhere than in WHERE and HAVING.
pub(crate) fn correlated_reference(expression: &str) -> Error {
    let what = format!(
        "Expressions referencing the outer query are not supported outside of WHERE/HAVING clauses: \"{expression}\""
    );
    category("CORRELATED_REFERENCE", &what).param("sqlExprs", format!("\"{expression}\""))
}

/// An aggregate over columns of two queries.
pub(crate) fn mixed_references(function: &str) -> Error {
    let what = format!(
        "Found an aggregate function in a correlated predicate that has both outer and local references, which is not \
         supported: {function}"
    );
    category("AGGREGATE_FUNCTION_MIXED_OUTER_LOCAL_REFERENCES", &what).param("function", function)
}

/// A correlated subquery in a clause that does not allow it.
pub(crate) fn scalar_in(clause: &str) -> Error {
    let what = format!(
        "Correlated scalar subqueries can only be used in filters, aggregations, projections, and UPDATE/MERGE/DELETE \
         commands, not in {clause}"
    );
    category("UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY", &what)
}

/// EXISTS or IN in a clause that does not allow it.
pub(crate) fn predicate_in(clause: &str) -> Error {
    let what = format!(
        "IN/EXISTS predicate subqueries can only be used in filters, joins, aggregations, window functions, projections, \
         and UPDATE/MERGE/DELETE commands, not in {clause}"
    );
    category("UNSUPPORTED_IN_EXISTS_SUBQUERY", &what)
}

/// A subquery of a join condition that uses columns of both sides.
pub(crate) fn correlated_to_both() -> Error {
    let what = "Correlated subqueries in the join predicate cannot reference both join inputs";
    category("UNSUPPORTED_CORRELATED_EXPRESSION_IN_JOIN_CONDITION", what)
}

/// Refuses a correlated scalar subquery in a select list of groups that is neither key nor aggregated.
pub(crate) fn refuse_ungrouped(expr: &Expr, name: &str) -> Result<()> {
    let scalar =
        |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(_)) && subquery_of(e).is_some_and(is_correlated));
    if !expr.exists(scalar).unwrap_or(false) {
        return Ok(());
    }
    let text = format!(
        "The correlated scalar subquery '{name}' is neither present in GROUP BY, nor in an aggregate function. Add it \
         to GROUP BY using ordinal position or wrap it in `first()` (or `first_value`) if you don't care which value \
         you get."
    );
    let error = analysis("SCALAR_SUBQUERY_IS_IN_GROUP_BY_OR_AGGREGATE_FUNCTION", "0A000", text);
    Err(error.param("sqlExpr", name))
}

/// Refuses a subquery that uses outer columns below an operator for which they would be unknown on some rows.
pub(crate) fn refuse_inaccessible(plan: &LogicalPlan) -> Result<()> {
    let mut refused = false;
    let walk = plan.apply(|node| {
        refused |= match node {
            LogicalPlan::Join(join) => is_inaccessible(join, node),
            LogicalPlan::Aggregate(a) => {
                matches!(a.group_expr.first(), Some(Expr::GroupingSet(_))) && is_dependent(&a.input)
            }
            _ => false,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    walk.map_err(thalweg_values::errors::from_datafusion)?;
    match refused {
        true => Err(category(
            "ACCESSING_OUTER_QUERY_COLUMN_IS_NOT_ALLOWED",
            "Accessing outer query column is not allowed in this location",
        )),
        false => Ok(()),
    }
}

fn is_inaccessible(join: &Join, node: &LogicalPlan) -> bool {
    match join.join_type {
        JoinType::Left => is_dependent(&join.right),
        JoinType::Right => is_dependent(&join.left),
        // INTERSECT and EXCEPT are such joins with null equal to null.
        JoinType::LeftSemi | JoinType::LeftAnti => {
            join.null_equality == NullEquality::NullEqualsNothing && is_dependent(&join.right)
        }
        JoinType::Inner => false,
        _ => is_dependent(node),
    }
}
