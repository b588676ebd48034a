//! Merges a projection with the one below it.
//!
//! A program that adds columns one at a time creates a projection for each, and every optimizer rule visits all of
//! them. Two are merged if that computes no value twice: the upper one uses each computed column of the lower one at
//! most once.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::{Expr, Projection};
use std::collections::HashMap;

/// The deepest expression that merging creates: walks over expressions recurse once per level.
const DEPTH_MAX: usize = 8;

/// Whether `upper` over `lower` can become expressions over the input of `lower`.
///
/// # Errors
/// DataFusion's errors of the walk over the expressions.
pub(crate) fn can_merge(lower: &Projection, upper: &[Expr]) -> Result<bool> {
    let Some(columns) = columns_of(lower)? else { return Ok(false) };
    let mut uses: HashMap<&str, usize> = HashMap::with_capacity(columns.len());
    for expr in upper {
        let mut levels = 0;
        let mut merges = true;
        expr.apply(|e| {
            merges &= is_own(e);
            if let Expr::Column(c) = e {
                match columns.get_key_value(c.name.as_str()) {
                    // A column or a constant costs nothing, so it may be used any number of times.
                    Some((_, Expr::Column(_) | Expr::Literal(..))) => {}
                    Some((name, value)) => {
                        let times = uses.entry(*name).or_default();
                        *times += 1;
                        merges &= *times == 1;
                        // A column that is handed through keeps the depth that an earlier merge has allowed.
                        if !std::ptr::eq(e, expr) {
                            levels = levels.max(depth(value, DEPTH_MAX));
                        }
                    }
                    None => merges = false,
                }
            }
            Ok(if merges { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })?;
        if !merges || (levels > 0 && levels + depth(expr, DEPTH_MAX) > DEPTH_MAX) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The expressions of `upper` over the input of `lower`, where [`can_merge`] allows it.
///
/// # Errors
/// DataFusion's errors of the walk over the expressions.
pub(crate) fn merged(lower: Projection, upper: Vec<Expr>) -> Result<Vec<Expr>> {
    let names = lower.schema.fields().iter().map(|field| field.name().clone());
    let values = lower.expr.into_iter().map(|expr| match expr {
        Expr::Alias(alias) => *alias.expr,
        other => other,
    });
    let mut columns: HashMap<String, Expr> = names.zip(values).collect();
    upper.into_iter().map(|expr| over_input(expr, &mut columns)).collect()
}

/// Returns the expression of each column of a projection; none if one of them must not move.
fn columns_of(projection: &Projection) -> Result<Option<HashMap<&str, &Expr>>> {
    let mut columns = HashMap::with_capacity(projection.expr.len());
    for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
        let value = match expr {
            // Metadata marks an event time; inside of another expression it would be lost.
            Expr::Alias(Alias { metadata: Some(_), .. }) => return Ok(None),
            Expr::Alias(alias) => alias.expr.as_ref(),
            other => other,
        };
        // A random number is drawn in the projection that has it. raise_error() is marked as volatile to stay there as
        // well.
        if value.exists(|e| Ok(!is_own(e) || e.is_volatile_node()))? {
            return Ok(None);
        }
        columns.insert(field.name().as_str(), value);
    }
    Ok(Some(columns))
}

/// Whether a node of an expression reads its own row alone.
fn is_own(node: &Expr) -> bool {
    !matches!(
        node,
        Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..)
    )
}

/// A value that is used once moves; columns and constants, which may be used often, stay for the next use.
fn taken(columns: &mut HashMap<String, Expr>, name: &str) -> Option<Expr> {
    match columns.get(name)? {
        value @ (Expr::Column(_) | Expr::Literal(..)) => Some(value.clone()),
        _ => columns.remove(name),
    }
}

fn over_input(expr: Expr, columns: &mut HashMap<String, Expr>) -> Result<Expr> {
    if let Expr::Column(c) = &expr {
        return Ok(match taken(columns, &c.name) {
            Some(Expr::Column(below)) if below.name == c.name => expr,
            // The operators above refer to the column by the name it has in the upper projection.
            Some(value) => value.alias(&c.name),
            None => expr,
        });
    }
    let replace = |e: Expr| {
        let value = match &e {
            Expr::Column(c) => taken(columns, &c.name),
            _ => None,
        };
        Ok(match value {
            Some(value) => Transformed::new(value, true, TreeNodeRecursion::Jump),
            None => Transformed::no(e),
        })
    };
    expr.transform_down(replace).data()
}

/// How many levels an expression has, counted no further than `max` + 1.
fn depth(expr: &Expr, max: usize) -> usize {
    let Some(left) = max.checked_sub(1) else { return 1 };
    let mut below = 0;
    let walk = expr.apply_children(|child| {
        below = below.max(depth(child, left));
        Ok(TreeNodeRecursion::Continue)
    });
    if walk.is_err() { max + 1 } else { below + 1 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col, lit};
    use std::sync::Arc;

    fn projection(input: LogicalPlan, exprs: Vec<Expr>) -> Projection {
        Projection::try_new(exprs, Arc::new(input)).unwrap()
    }

    fn rows() -> LogicalPlan {
        let values = LogicalPlanBuilder::values(vec![vec![lit(1), lit(2)]]).unwrap();
        let named = values.project(vec![col("column1").alias("a"), col("column2").alias("b")]).unwrap();
        named.alias("t").unwrap().build().unwrap()
    }

    #[test]
    fn projections_merge_where_no_value_is_computed_twice() {
        let a = || col("a");
        let cases = [
            (
                vec![(a() + lit(1)).alias("x")],
                vec![(col("x") * lit(2)).alias("y")],
                Some(vec![((a() + lit(1)) * lit(2)).alias("y")]),
            ),
            (vec![(a() + lit(1)).alias("x")], vec![col("x")], Some(vec![(a() + lit(1)).alias("x")])),
            (
                vec![a().alias("x")],
                vec![(col("x") + col("x")).alias("y")],
                Some(vec![(a() + a()).alias("y")]),
            ),
            (vec![(a() + lit(1)).alias("x")], vec![(col("x") + col("x")).alias("y")], None),
            (vec![(a() + lit(1)).alias("x")], vec![col("x"), (col("x") + lit(1)).alias("y")], None),
            (vec![datafusion::functions::math::expr_fn::random().alias("x")], vec![col("x")], None),
        ];
        for (lower, upper, expected) in cases {
            let lower = projection(rows(), lower);
            let found = can_merge(&lower, &upper).unwrap().then(|| merged(lower, upper.clone()).unwrap());
            assert_eq!(found, expected, "{upper:?}");
        }
    }

    #[test]
    fn expressions_stay_shallow() {
        let deep = (0..DEPTH_MAX).fold(col("a"), |e, _| e + lit(1));
        let lower = projection(rows(), vec![deep.alias("x")]);
        assert!(!can_merge(&lower, &[(col("x") + lit(1)).alias("x")]).unwrap());
    }
}
