//! Resolves ORDER BY: its keys and the sort.
//!
//! A key is a position or an alias of the select list, or an expression over the list's input. Rows are sorted
//! by the canonical form of values, so that equal floats are equal here too.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, Outputs, ResolvedExpr};
use crate::unnest::refused::correlated_reference;
use crate::{Resolver, column, project};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use thalweg_common::Result;
use thalweg_sql::ir::{self, ExprNode, Literal, SortOrder};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    /// Resolves the keys of an ORDER BY; those of `ORDER BY ALL` are the select list.
    pub(crate) fn sort_keys(
        &self,
        order: &[SortOrder],
        outputs: &Outputs,
        expr_scope: &ExprScope,
    ) -> Result<Vec<(ResolvedExpr, SortOrder)>> {
        if let [all] = order
            && self.is_all(&all.expr, expr_scope)
        {
            return Ok(outputs.exprs.iter().map(|e| (e.clone(), all.clone())).collect());
        }
        let mut keys = vec![];
        for key in order {
            let resolved = match &key.expr.node {
                // Only an integer literal by itself is a position: `ORDER BY 1 + 0` sorts by a constant.
                ExprNode::Literal(Literal::Integer(position)) => {
                    let at = usize::try_from(*position).ok().and_then(|p| p.checked_sub(1));
                    let found = at.and_then(|i| outputs.exprs.get(i)).cloned();
                    found.ok_or_else(|| {
                        self.at(bad_position(*position, outputs.exprs.len()), key.expr.origin)
                    })?
                }
                _ => self.sort_key(&key.expr, expr_scope)?,
            };
            keys.push((resolved, key.clone()));
        }
        Ok(keys)
    }

    fn sort_key(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let resolved = self.expr(expr, expr_scope)?;
        match resolved.expr.contains_outer() {
            true => Err(self.at(correlated_reference(&self.name_of(expr, expr_scope)), expr.origin)),
            false => Ok(resolved),
        }
    }

    /// Returns whether an expression is the word ALL, and not a visible column.
    fn is_all(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> bool {
        let ExprNode::Attribute { name, plan_id: None } = &expr.node else { return false };
        matches!(name.as_slice(), [word] if word.eq_ignore_ascii_case("all"))
            && matches!(self.seen(name, None, expr_scope), Ok(None))
    }

    /// Sorts by columns of the plan; returns whether that added columns for their canonical forms.
    pub(crate) fn sorted(
        &self,
        mut plan: LogicalPlan,
        by: Vec<(ResolvedExpr, SortOrder)>,
    ) -> Result<(LogicalPlan, bool)> {
        let (mut sorts, mut keys) = (vec![], vec![]);
        for (value, spec) in by {
            let mut key = value.key();
            // DataFusion sorts floats by Arrow's total order, where -0.0 is before 0.0 and some NaNs are before all
            // numbers. A computed key becomes a column below the sort.
            if key != value.expr {
                let id = self.new_id();
                keys.push(key.alias(&id));
                key = column(&id);
            }
            // In Spark a null is less than every value unless the query says otherwise.
            let nulls_first = spec.nulls_first.unwrap_or(!spec.descending);
            sorts.push(Sort::new(key, !spec.descending, nulls_first));
        }
        let keyed = !keys.is_empty();
        if keyed {
            let kept = plan.schema().columns().into_iter().map(Expr::Column);
            plan = project(plan, kept.chain(keys).collect::<Vec<_>>())?;
        }
        if !sorts.is_empty() {
            let sorted = LogicalPlanBuilder::from(plan).sort(sorts);
            plan = sorted.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        }
        Ok((plan, keyed))
    }
}

fn bad_position(position: i32, size: usize) -> thalweg_common::Error {
    let text = format!("ORDER BY position {position} is not in select list (valid range is [1, {size}]).");
    analysis("ORDER_BY_POS_OUT_OF_RANGE", "42805", text)
        .param("index", position.to_string())
        .param("size", size.to_string())
}
