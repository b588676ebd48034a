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
const DEPTH_MAX: usize = 32;

/// Returns the expressions of `upper` over the input of `lower`; none if the two cannot be merged.
///
/// # Errors
/// DataFusion's errors of the walk over the expressions.
pub(crate) fn merged(lower: &Projection, upper: &[Expr]) -> Result<Option<Vec<Expr>>> {
    let Some(columns) = columns_of(lower)? else { return Ok(None) };
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for expr in upper {
        if !is_own(expr)? {
            return Ok(None);
        }
        for name in names(expr)? {
            match columns.get_key_value(name.as_str()) {
                Some((_, Expr::Column(_) | Expr::Literal(..))) => {}
                Some((known, _)) => *uses.entry(*known).or_default() += 1,
                None => return Ok(None),
            }
        }
    }
    if uses.values().any(|times| *times > 1) {
        return Ok(None);
    }
    let exprs = upper.iter().map(|expr| over_input(expr, &columns)).collect::<Result<Vec<_>>>()?;
    Ok(exprs.iter().all(|e| is_within(e, DEPTH_MAX)).then_some(exprs))
}

/// Returns the expression of each column of a projection; none if one of them must not move.
fn columns_of(projection: &Projection) -> Result<Option<HashMap<&str, &Expr>>> {
    let mut columns = HashMap::with_capacity(projection.expr.len());
    for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
        let value = match expr {
            Expr::Alias(Alias { metadata: Some(_), .. }) => return Ok(None),
            Expr::Alias(alias) => alias.expr.as_ref(),
            other => other,
        };
        if !is_own(value)? || value.is_volatile() {
            return Ok(None);
        }
        columns.insert(field.name().as_str(), value);
    }
    Ok(Some(columns))
}

/// Returns whether an expression depends on its own row only.
fn is_own(expr: &Expr) -> Result<bool> {
    let reads_elsewhere = |e: &Expr| {
        matches!(
            e,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        )
    };
    expr.exists(|e| Ok(reads_elsewhere(e))).map(|found| !found)
}

/// Returns the columns of an expression, each as often as it occurs.
fn names(expr: &Expr) -> Result<Vec<String>> {
    let mut names = vec![];
    expr.apply(|e| {
        if let Expr::Column(c) = e {
            names.push(c.name.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}

fn over_input(expr: &Expr, columns: &HashMap<&str, &Expr>) -> Result<Expr> {
    if let Expr::Column(c) = expr {
        return Ok(match columns.get(c.name.as_str()) {
            Some(Expr::Column(below)) if below.name == c.name => expr.clone(),
            Some(value) => (*value).clone().alias(&c.name),
            None => expr.clone(),
        });
    }
    let replace = |e: Expr| {
        let value = match &e {
            Expr::Column(c) => columns.get(c.name.as_str()),
            _ => None,
        };
        Ok(match value {
            Some(value) => Transformed::new((*value).clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(e),
        })
    };
    expr.clone().transform_down(replace).data()
}

/// Returns whether an expression has at most `levels` levels. The walk goes no deeper.
fn is_within(expr: &Expr, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return false };
    let mut all = true;
    let walk = expr.apply_children(|child| {
        all &= is_within(child, below);
        Ok(if all { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walk.is_ok() && all
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
            let merged: Option<Vec<Expr>> = merged(&lower, &upper).unwrap();
            assert_eq!(merged, expected, "{upper:?}");
        }
    }

    #[test]
    fn expressions_stay_shallow() {
        let deep = (0..DEPTH_MAX).fold(col("a"), |e, _| e + lit(1));
        let lower = projection(rows(), vec![deep.alias("x")]);
        assert_eq!(merged(&lower, &[(col("x") + lit(1)).alias("x")]).unwrap(), None);
    }
}
