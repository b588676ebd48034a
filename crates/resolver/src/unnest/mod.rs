//! Converts correlated subqueries to joins: the general unnesting of Neumann and Kemper
//! ("Unnesting Arbitrary Queries", BTW 2015).
//!
//! Let C be the columns of the enclosing relation that a subquery uses. Its *domain* D is every combination of
//! values of C, once. The subquery is evaluated for all of D at a time: D is joined where the plan below does not use
//! C, every operator above also outputs D's columns, and groups, windows, limits and set operations
//! work within each value of D. A join of the relation with that, on C with null equal to null, then adds the result
//! to each row.
//!
//! DataFusion's own rules are correct, and need no D, if the columns are compared in plain filters only
//! ([`simple`]); those subqueries stay as they are. What Spark refuses is refused while the query is resolved
//! ([`refused`]); other subqueries that cannot be unnested are refused here. The relation is evaluated twice, so it
//! must not be volatile.

mod aggregate;
mod attach;
mod domain;
mod join;
mod lift;
mod order;
pub(super) mod outer;
mod push;
pub(super) mod refused;
mod simple;
pub(super) mod single;

use super::{Resolver, column, filtered, project};
use attach::Attached;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, Subquery};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::{external, from_datafusion};

impl Resolver<'_> {
    /// Returns the plan without subqueries that DataFusion's rules cannot convert to joins.
    pub(super) fn unnested(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if !holds_subquery(&plan)? {
            return Ok(plan);
        }
        // The walk goes from below: when the domain of a node is built from its input, the subqueries in that are
        // converted already, or left to DataFusion.
        let unnest = |node: LogicalPlan| self.unnested_node(node).map(Transformed::yes).map_err(external);
        plan.transform_up(unnest).data().map_err(from_datafusion)
    }

    fn unnested_node(&self, node: LogicalPlan) -> Result<LogicalPlan> {
        let subqueries = subqueries_of(&node)?;
        if subqueries.is_empty() {
            return Ok(node);
        }
        let correlated = subqueries.iter().filter(|s| is_correlated(s)).count();
        match node {
            LogicalPlan::Filter(filter) => {
                self.unnested_filter(filter, Place { filter: true, alone: correlated == 1 })
            }
            LogicalPlan::Projection(projection) => {
                self.unnested_projection(projection, Place { filter: false, alone: correlated == 1 })
            }
            other if correlated > 0 => self.lifted(other),
            other => other.map_expressions(|e| self.inside(e)).data().map_err(from_datafusion),
        }
    }

    fn unnested_filter(&self, filter: Filter, place: Place) -> Result<LogicalPlan> {
        let Filter { predicate, input, .. } = filter;
        let (mut ours, mut rest) = (vec![], vec![]);
        for part in split_conjunction_owned(predicate) {
            match is_simple(&part, place)? {
                true => rest.push(self.inside(part).data().map_err(from_datafusion)?),
                false => ours.push(part),
            }
        }
        let input = Arc::unwrap_or_clone(input);
        // The other conjuncts come first: no subquery is evaluated for the rows that they exclude.
        let input = match rest.into_iter().reduce(Expr::and) {
            Some(predicate) => filtered(input, predicate)?,
            None => input,
        };
        if ours.is_empty() {
            return Ok(input);
        }
        let columns = input.schema().columns();
        let mut attached = Attached::new(self, input);
        let mut kept = vec![];
        for part in ours {
            match as_exists(&part) {
                Some((subquery, negated)) => attached.keep_where(subquery, negated)?,
                None => kept.push(attached.replaced(part)?),
            }
        }
        let mut plan = attached.plan;
        if let Some(predicate) = kept.into_iter().reduce(Expr::and) {
            plan = filtered(plan, predicate)?;
        }
        // The joins have added columns for results, which no operator above knows.
        match plan.schema().columns() == columns {
            true => Ok(plan),
            false => project(plan, columns.into_iter().map(Expr::Column)),
        }
    }

    fn unnested_projection(&self, projection: Projection, place: Place) -> Result<LogicalPlan> {
        let Projection { expr, input, schema, .. } = projection;
        let mut attached = Attached::new(self, Arc::unwrap_or_clone(input));
        let mut exprs = vec![];
        for (e, field) in expr.into_iter().zip(schema.fields()) {
            let e = match is_simple(&e, place)? {
                true => self.inside(e).data().map_err(from_datafusion)?,
                false => attached.replaced(e)?,
            };
            exprs.push(named(e, field.name())?);
        }
        project(attached.plan, exprs)
    }

    /// Unnests the plans of the subqueries that stay in an expression.
    fn inside(&self, expr: Expr) -> datafusion::error::Result<Transformed<Expr>> {
        let unnest = |s: Subquery| -> datafusion::error::Result<Subquery> {
            let plan = self.unnested(s.subquery.as_ref().clone()).map_err(external)?;
            Ok(Subquery { subquery: Arc::new(plan), ..s })
        };
        expr.transform_up(|e| match e {
            Expr::ScalarSubquery(s) => Ok(Transformed::yes(Expr::ScalarSubquery(unnest(s)?))),
            Expr::Exists(Exists { subquery, negated }) => {
                Ok(Transformed::yes(Expr::Exists(Exists { subquery: unnest(subquery)?, negated })))
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let found = InSubquery::new(expr, unnest(subquery)?, negated);
                Ok(Transformed::yes(Expr::InSubquery(found)))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

/// Gives an expression an alias, unless it has the name.
fn named(expr: Expr, name: &str) -> Result<Expr> {
    expr.alias_if_changed(name.to_owned()).map_err(from_datafusion)
}

/// Returns the subquery of an expression, if it is one.
pub(super) fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(s) => Some(s),
        Expr::Exists(x) => Some(&x.subquery),
        Expr::InSubquery(x) => Some(&x.subquery),
        _ => None,
    }
}

fn is_correlated(subquery: &Subquery) -> bool {
    !subquery.outer_ref_columns.is_empty()
}

/// The subqueries of a node's expressions, without those inside of them.
fn subqueries_of(node: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut found = vec![];
    let walk = node.apply_expressions(|e| {
        e.apply(|e| {
            found.extend(subquery_of(e).cloned());
            Ok(TreeNodeRecursion::Continue)
        })
    });
    walk.map_err(from_datafusion)?;
    Ok(found)
}

fn holds_subquery(plan: &LogicalPlan) -> Result<bool> {
    let holds = |node: &LogicalPlan| {
        let mut found = false;
        node.apply_expressions(|e| {
            found |= e.exists(|e| Ok(subquery_of(e).is_some()))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    };
    plan.exists(holds).map_err(from_datafusion)
}

/// The context of a subquery.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Whether in a filter, not in a projection.
    filter: bool,
    /// Whether its node has no other correlated one.
    alone: bool,
}

/// Returns whether DataFusion's rules convert all subqueries in an expression to joins.
fn is_simple(expr: &Expr, place: Place) -> Result<bool> {
    let general = |e: &Expr| Ok(subquery_of(e).is_some_and(is_correlated) && !simple::is_simple(e, place));
    expr.exists(general).map(|found| !found).map_err(from_datafusion)
}

/// Returns the subquery of a conjunct that is EXISTS or NOT EXISTS, and whether it is negated.
fn as_exists(conjunct: &Expr) -> Option<(&Subquery, bool)> {
    match conjunct {
        Expr::Exists(Exists { subquery, negated }) => Some((subquery, *negated)),
        Expr::Not(inner) => as_exists(inner).map(|(subquery, negated)| (subquery, !negated)),
        _ => None,
    }
}
