//! Resolves joins: conditions, USING and NATURAL with Spark's output columns.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr::masked;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::filter::is_risky;
use crate::scope::{Lookup, Scope, ScopeColumn};
use crate::unnest::refused::{correlated_to_both, scalar_in};
use crate::unnest::subquery_of;
use crate::{ResolvedRelation, Resolver, column, project};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlanBuilder};
use std::collections::HashSet;
use thalweg_common::Result;
use thalweg_sql::ir::{self, JoinKind};
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::{quoted, same_name};

impl Resolver<'_> {
    pub(crate) fn join(&self, join: &ir::Join, outer: Option<&ExprScope>) -> Result<ResolvedRelation> {
        if join.lateral {
            return self.lateral(join, outer);
        }
        let left = self.relation(&join.left, outer)?;
        let right = self.relation(&join.right, outer)?;
        let using = match join.natural {
            true => common_names(&left.scope, &right.scope),
            false => join.using.clone(),
        };
        let mut both = joined_scope(&left.scope, &right.scope);
        let rights = right.scope.columns.iter().chain(&right.scope.hidden);
        both.right = rights.map(|c| c.id.clone()).collect();
        // A conjunct with a subquery becomes a filter above an inner join, where DataFusion converts EXISTS and IN to
        // joins. Other kinds of join keep it in their condition.
        let clause = if join.kind == JoinKind::Inner { Clause::InnerJoin } else { Clause::Join };
        let expr_scope = ExprScope { clause, ..ExprScope::new(&both, outer) };
        let mut conjuncts = vec![];
        let mut pairs = vec![];
        for name in &using {
            let (l, r) =
                (using_column(name, &left.scope, "left")?, using_column(name, &right.scope, "right")?);
            conjuncts.push(self.using_equality(&l, &r)?);
            pairs.push((l, r));
        }
        if let Some(condition) = &join.condition {
            conjuncts.extend(self.conjuncts(condition, &expr_scope)?);
        }
        let relation = self.joined(left, right, join.kind, conjuncts)?;
        match pairs.is_empty() {
            true => Ok(relation),
            false => self.using_output(relation, join.kind, &pairs),
        }
    }

    fn using_equality(&self, left: &ScopeColumn, right: &ScopeColumn) -> Result<ResolvedExpr> {
        let sides = [left, right].map(crate::attribute::value_of);
        self.scalar("==", sides.to_vec())
    }

    /// Joins two relations on all conjuncts; its columns are those of both sides, nullable according to the kind.
    fn joined(
        &self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        kind: JoinKind,
        conjuncts: Vec<ResolvedExpr>,
    ) -> Result<ResolvedRelation> {
        let both = joined_scope(&left.scope, &right.scope);
        let streaming = left.streaming || right.streaming;
        let (mut left, mut right) = (left, right);
        let inner = matches!(kind, JoinKind::Inner | JoinKind::Cross);
        // The check comes before some conjuncts become filters above the join, in which Spark allows such subqueries.
        for conjunct in &conjuncts {
            refuse_correlated(&conjunct.expr, &left.scope, &right.scope)?;
        }
        // Whatever stays in `on` may become a key of the join or move below it to one side, and would then be evaluated
        // on rows that have no match. A conjunct that can raise must not.
        let (risky, plain): (Vec<_>, Vec<_>) = conjuncts
            .into_iter()
            .partition(|c| c.volatile || is_risky(c, &both) || (inner && holds_subquery(&c.expr)));
        if risky.iter().any(|c| c.volatile) {
            let text = "The operator expects a deterministic expression, but the join condition is not one.";
            return Err(analysis("INVALID_NON_DETERMINISTIC_EXPRESSIONS", "42K0E", text.to_owned()));
        }
        let mut on: Vec<Expr> = plain.into_iter().map(|c| c.expr).collect();
        let mut above = vec![];
        for conjunct in risky {
            if inner {
                above.push(conjunct);
                continue;
            }
            // A barrier on both sides, so that neither side's filters meet the expression again below the join.
            let barriers = [self.barrier(&mut left)?, self.barrier(&mut right)?];
            let guards = barriers.iter().map(|id| column(id)).chain(on.iter().cloned());
            let guard = guards.reduce(Expr::and);
            on.push(guard.map_or(conjunct.expr.clone(), |g| masked(g, conjunct.expr, false)));
        }
        let scope = output_scope(&left.scope, &right.scope, kind);
        let builder = LogicalPlanBuilder::from(left.plan);
        let plan = match on.is_empty() && inner {
            true => builder.cross_join(right.plan),
            false => builder.join_on(right.plan, join_type(kind), on),
        };
        let plan = plan.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        let relation = ResolvedRelation { plan, scope, streaming, excludes: true };
        self.filtered(relation, above)
    }

    /// Returns Spark's columns of a join with USING: the keys once, then the rest; the other side's keys stay in scope.
    fn using_output(
        &self,
        relation: ResolvedRelation,
        kind: JoinKind,
        pairs: &[(ScopeColumn, ScopeColumn)],
    ) -> Result<ResolvedRelation> {
        if matches!(kind, JoinKind::LeftSemi | JoinKind::LeftAnti) {
            return Ok(keys_first(relation, pairs));
        }
        // The pairs were found before the join, which may have made their columns nullable.
        let current = |c: &ScopeColumn| relation.scope.by_id(&c.id).cloned().unwrap_or_else(|| c.clone());
        let (mut keys, mut hidden, mut computed) = (vec![], vec![], vec![]);
        for (l, r) in pairs {
            let (l, r) = (current(l), current(r));
            match kind {
                // The left key is null on rows of the right side without a match, so the right one is shown.
                JoinKind::RightOuter => {
                    keys.push(r.clone());
                    hidden.push(l);
                }
                // Either key may be null, so the shown one is computed, and both stay within reach of their qualifiers.
                JoinKind::FullOuter => {
                    let value = self.scalar(
                        "coalesce",
                        vec![crate::attribute::value_of(&l), crate::attribute::value_of(&r)],
                    )?;
                    let nullable = l.nullable && r.nullable;
                    let key = ScopeColumn::new(self.new_id(), &l.name, value.spark_type()?, nullable);
                    computed.push(value.expr.alias(&key.id));
                    keys.push(key);
                    hidden.extend([l, r]);
                }
                _ => {
                    keys.push(l);
                    hidden.push(r);
                }
            }
        }
        // A key that the select list of a side repeats is still one key.
        let same = |a: &ScopeColumn, b: &ScopeColumn| a.identity() == b.identity();
        let is_key = |c: &ScopeColumn| pairs.iter().any(|(l, r)| same(l, c) || same(r, c));
        let rest = relation.scope.columns.iter().filter(|c| !is_key(c)).cloned();
        let columns = keys.into_iter().chain(rest).collect();
        let plan = match computed.is_empty() {
            true => relation.plan,
            false => {
                let kept = relation.plan.schema().columns().into_iter().map(Expr::Column).chain(computed);
                project(relation.plan.clone(), kept.collect::<Vec<_>>())?
            }
        };
        hidden.extend(relation.scope.hidden);
        Ok(ResolvedRelation { plan, scope: Scope { hidden, ..Scope::new(columns) }, ..relation })
    }
}

/// Moves the keys of the left side before its other columns.
fn keys_first(mut relation: ResolvedRelation, pairs: &[(ScopeColumn, ScopeColumn)]) -> ResolvedRelation {
    let at = |c: &ScopeColumn| pairs.iter().position(|(l, _)| l.id == c.id).unwrap_or(pairs.len());
    let repeats_key =
        |c: &ScopeColumn| pairs.iter().any(|(l, _)| l.id != c.id && l.identity() == c.identity());
    relation.scope.columns.retain(|c| !repeats_key(c));
    // The sort is stable: the keys in the order of USING, then the other columns in their own.
    relation.scope.columns.sort_by_key(at);
    relation
}

pub(crate) fn holds_subquery(expr: &Expr) -> bool {
    expr.exists(|e| Ok(subquery_of(e).is_some())).unwrap_or(true)
}

/// Refuses what Spark does in a join condition: correlated values, and subqueries correlated to both sides.
fn refuse_correlated(condition: &Expr, left: &Scope, right: &Scope) -> Result<()> {
    let mut refused = None;
    let names = |scope: &Scope, outer: &[Expr]| {
        outer.iter().any(|e| matches!(e, Expr::OuterReferenceColumn(_, c) if scope.by_id(&c.name).is_some()))
    };
    let walk = condition.apply(|e| {
        let outer = subquery_of(e).map_or(&[][..], |s| s.outer_ref_columns.as_slice());
        let (of_left, of_right) = (names(left, outer), names(right, outer));
        if of_left && of_right {
            refused = Some(correlated_to_both());
        } else if (of_left || of_right) && matches!(e, Expr::ScalarSubquery(_)) {
            refused = Some(scalar_in("a join condition"));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.map_err(from_datafusion)?;
    refused.map_or(Ok(()), Err)
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner | JoinKind::Cross => JoinType::Inner,
        JoinKind::LeftOuter => JoinType::Left,
        JoinKind::RightOuter => JoinType::Right,
        JoinKind::FullOuter => JoinType::Full,
        JoinKind::LeftSemi => JoinType::LeftSemi,
        JoinKind::LeftAnti => JoinType::LeftAnti,
    }
}

fn joined_scope(left: &Scope, right: &Scope) -> Scope {
    let both = |l: &[ScopeColumn], r: &[ScopeColumn]| l.iter().chain(r).cloned().collect();
    Scope { hidden: both(&left.hidden, &right.hidden), ..Scope::new(both(&left.columns, &right.columns)) }
}

fn output_scope(left: &Scope, right: &Scope, kind: JoinKind) -> Scope {
    if matches!(kind, JoinKind::LeftSemi | JoinKind::LeftAnti) {
        return left.clone();
    }
    let (mut left, mut right) = (left.clone(), right.clone());
    let nullable = |scope: &mut Scope| {
        scope.columns.iter_mut().chain(&mut scope.hidden).for_each(|c| c.nullable = true);
    };
    if matches!(kind, JoinKind::RightOuter | JoinKind::FullOuter) {
        nullable(&mut left);
    }
    if matches!(kind, JoinKind::LeftOuter | JoinKind::FullOuter) {
        nullable(&mut right);
    }
    joined_scope(&left, &right)
}

fn common_names(left: &Scope, right: &Scope) -> Vec<String> {
    let in_right = |c: &&ScopeColumn| right.columns.iter().any(|r| same_name(&r.name, &c.name));
    let mut seen = HashSet::new();
    // A column that the select list of the left side repeats is joined once.
    let once = left.columns.iter().filter(|c| seen.insert(c.identity()));
    once.filter(in_right).map(|c| c.name.clone()).collect()
}

fn using_column(name: &str, scope: &Scope, side: &str) -> Result<ScopeColumn> {
    let parts = [name.to_owned()];
    match scope.lookup(&parts) {
        Lookup::One(found) => Ok(found.column.clone()),
        Lookup::Many(columns) => Err(crate::errors::ambiguous_reference(&parts, &columns)),
        Lookup::None => {
            let mut names: Vec<_> =
                scope.columns.iter().map(|c| quoted(std::slice::from_ref(&c.name))).collect();
            names.sort();
            let text = format!(
                "USING column {} cannot be resolved on the {side} side of the join. The {side}-side columns: [{}].",
                quoted(&parts),
                names.join(", ")
            );
            Err(analysis("UNRESOLVED_USING_COLUMN_FOR_JOIN", "42703", text)
                .param("colName", quoted(&parts))
                .param("side", side)
                .param("suggestion", names.join(", ")))
        }
    }
}
