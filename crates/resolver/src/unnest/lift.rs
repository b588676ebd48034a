//! Computes subqueries in grouping, aggregates, windows and join conditions in a projection below.

use super::push::refused;
use super::refused::correlated_to_both;
use super::{Resolver, column, is_correlated, project, subquery_of};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, Projection, Subquery};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    /// Returns the node over projections that compute its correlated subqueries.
    pub(super) fn lifted(&self, node: LogicalPlan) -> Result<LogicalPlan> {
        match node {
            LogicalPlan::Join(join) => self.lifted_join(join),
            LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) => self.lifted_unary(node),
            other => Err(refused(&other)),
        }
    }

    fn lifted_unary(&self, node: LogicalPlan) -> Result<LogicalPlan> {
        let inputs: Vec<LogicalPlan> = node.inputs().into_iter().cloned().collect();
        let [input] = inputs.as_slice() else { return Err(refused(&node)) };
        let mut lifted: Vec<(Expr, String)> = vec![];
        let exprs = node.expressions().into_iter();
        let exprs = exprs.map(|e| self.lift(e, &mut |_| true, &mut lifted)).collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = node.schema().fields().iter().map(|f| f.name().clone()).collect();
        let below = input.schema().fields().len();
        let input = self.with_computed(input.clone(), &lifted)?;
        let made = node.with_new_exprs(exprs, vec![input]).map_err(from_datafusion)?;
        // A window's columns are its input's and its own; an aggregate's only its own.
        let skipped = match &made {
            LogicalPlan::Window(_) => below..below + lifted.len(),
            _ => 0..0,
        };
        let columns = made.schema().columns().into_iter().enumerate().filter(|(i, _)| !skipped.contains(i));
        let renamed = columns.zip(&names).map(|((_, c), name)| super::named(Expr::Column(c), name));
        let renamed = renamed.collect::<Result<Vec<_>>>()?;
        project(made, renamed)
    }

    fn lifted_join(&self, mut join: Join) -> Result<LogicalPlan> {
        let columns = join.schema.columns();
        let (left, right) = (Arc::clone(&join.left), Arc::clone(&join.right));
        let of = |side: &LogicalPlan, s: &Subquery| {
            s.outer_ref_columns.iter().all(|e| match e {
                Expr::OuterReferenceColumn(_, c) => side.schema().has_column(c),
                _ => false,
            })
        };
        let (mut lefts, mut rights, mut both) = (vec![], vec![], false);
        if let Some(filter) = join.filter.take() {
            let filter = self.lift(filter, &mut |s| of(&left, s), &mut lefts)?;
            let filter = self.lift(filter, &mut |s| of(&right, s), &mut rights)?;
            let still = |e: &Expr| Ok(subquery_of(e).is_some_and(is_correlated));
            both = filter.exists(still).map_err(from_datafusion)?;
            join.filter = Some(filter);
        }
        // A subquery that is left uses columns of both sides, which no projection below the join has.
        if both {
            return Err(correlated_to_both());
        }
        join.left = Arc::new(self.with_computed(left.as_ref().clone(), &lefts)?);
        join.right = Arc::new(self.with_computed(right.as_ref().clone(), &rights)?);
        let made = Join::try_new(
            join.left,
            join.right,
            join.on,
            join.filter,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        );
        let plan = LogicalPlan::Join(made.map_err(from_datafusion)?);
        project(plan, columns.into_iter().map(Expr::Column))
    }

    /// Replaces the correlated subqueries that `take` accepts by columns.
    fn lift(
        &self,
        expr: Expr,
        take: &mut dyn FnMut(&Subquery) -> bool,
        lifted: &mut Vec<(Expr, String)>,
    ) -> Result<Expr> {
        let replace = |e: Expr| {
            match subquery_of(&e) {
                None => return Ok(Transformed::no(e)),
                Some(s) if !is_correlated(s) => return self.inside(e),
                Some(s) if !take(s) => return Ok(Transformed::no(e)),
                Some(_) => {}
            }
            // Equal subqueries share a column, so that equal expressions of the node remain equal.
            let known = lifted.iter().find(|(other, _)| other == &e).map(|(_, id)| id.clone());
            let id = known.unwrap_or_else(|| {
                let id = self.new_id();
                lifted.push((e, id.clone()));
                id
            });
            Ok(Transformed::yes(column(&id)))
        };
        expr.transform_down(replace).data().map_err(from_datafusion)
    }

    fn with_computed(&self, input: LogicalPlan, lifted: &[(Expr, String)]) -> Result<LogicalPlan> {
        if lifted.is_empty() {
            return Ok(input);
        }
        let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.extend(lifted.iter().map(|(e, id)| e.clone().alias(id)));
        let projection = Projection::try_new(exprs, Arc::new(input)).map_err(from_datafusion)?;
        self.unnested_node(LogicalPlan::Projection(projection))
    }
}
