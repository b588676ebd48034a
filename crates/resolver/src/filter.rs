//! Resolves predicates. An optimization barrier keeps one that can raise away from rows excluded below it.
//!
//! Conjuncts that cannot raise become a plain filter, which may move to the scan. Those that can are evaluated
//! above, in their order, each only where all before are true. The optimizer would merge such a filter with
//! one below it, or move it below a join; so it uses a column of a volatile function, which nothing moves past.

use crate::clause::Clause;
use crate::errors::filter_not_boolean;
use crate::expr::masked;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::join::holds_subquery;
use crate::scope::Scope;
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use thalweg_common::Result;
use thalweg_functions::SpecialForm;
use thalweg_logical::filter_below;
use thalweg_sql::ir::{self, ExprNode, Relation};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(crate) fn filter(
        &self,
        input: &Relation,
        condition: &ir::Expr,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.input_with(input, std::iter::once(condition), outer)?;
        let expr_scope = ExprScope { clause: Clause::Where, ..ExprScope::new(&relation.scope, outer) };
        let conjuncts = self.conjuncts(condition, &expr_scope)?;
        self.filtered(relation, conjuncts)
    }

    /// Returns the conjuncts of a condition, each a boolean.
    pub(crate) fn conjuncts(
        &self,
        condition: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<Vec<ResolvedExpr>> {
        let mut parts = vec![];
        self.split(condition, &mut parts);
        parts.into_iter().map(|part| self.conjunct(part, expr_scope)).collect()
    }

    /// The parts between the ANDs at the top of a condition, from left to right.
    fn split<'e>(&self, condition: &'e ir::Expr, parts: &mut Vec<&'e ir::Expr>) {
        if let ExprNode::Function(call) = &condition.node
            && let ([_], [left, right]) = (call.name.as_slice(), call.args.as_slice())
            && self.special_form(call) == Some(SpecialForm::And)
        {
            self.split(left, parts);
            self.split(right, parts);
            return;
        }
        parts.push(condition);
    }

    fn conjunct(&self, condition: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        // DataFusion joins by IN only if it is a conjunct by itself.
        match self.membership_conjunct(condition, expr_scope)? {
            Some(resolved) => Ok(resolved),
            None => self.predicate(condition, expr_scope),
        }
    }

    /// A boolean expression.
    pub(crate) fn predicate(&self, condition: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let resolved = self.expr(condition, expr_scope)?;
        match resolved.data_type {
            Arrow::Boolean => Ok(resolved),
            // A NULL without a type is the null of BOOLEAN, to which Spark casts it.
            Arrow::Null => Ok(ResolvedExpr::new(lit(ScalarValue::Boolean(None)), Arrow::Boolean, true)),
            _ => {
                let name = self.name_of(condition, expr_scope);
                Err(self.at(filter_not_boolean(&name, &resolved.type_name()), condition.origin))
            }
        }
    }

    /// Returns the rows for which all conjuncts are true.
    pub(crate) fn filtered(
        &self,
        mut relation: ResolvedRelation,
        conjuncts: Vec<ResolvedExpr>,
    ) -> Result<ResolvedRelation> {
        let varies = conjuncts.iter().any(|c| c.volatile);
        let (mut risky, plain) = self.in_two(conjuncts, &relation.scope);
        // Only then is there no row below on which the first fallible conjunct must not be evaluated.
        let nothing_excluded = !relation.excludes && plain.is_empty();
        let mut stay: Option<Expr> = None;
        for conjunct in plain {
            // As in Spark, rows that such a filter drops must not advance the watermark.
            match filter_below(&relation.plan, &conjunct.expr).map_err(from_datafusion)? {
                Some(plan) => (relation.plan, relation.excludes) = (plan, true),
                None => stay = Some(stay.map_or(conjunct.expr.clone(), |s| s.and(conjunct.expr))),
            }
        }
        if let Some(predicate) = stay {
            relation = keep(relation, predicate)?;
        }
        // A conjunct without others before it excludes the same rows further down.
        if let (true, Some(first)) = (nothing_excluded && !varies, risky.first())
            && let Some(plan) = filter_below(&relation.plan, &first.expr).map_err(from_datafusion)?
        {
            (relation.plan, relation.excludes) = (plan, true);
            risky.remove(0);
        }
        let guarded = relation.excludes;
        if risky.is_empty() {
            return Ok(relation);
        }
        // A copy of a volatile conjunct in the guard of the next one would draw another number.
        if varies {
            return self.filtered_in_turn(relation, risky);
        }
        // If no row is excluded below, the predicate is correct wherever the optimizer moves it.
        let barrier = if guarded { Some(self.barrier(&mut relation)?) } else { None };
        let mut earlier: Option<Expr> = barrier.map(|id| column(&id));
        let mut predicate: Option<Expr> = None;
        for conjunct in risky {
            let part = match &earlier {
                Some(guard) => masked(guard.clone(), conjunct.expr.clone(), false),
                None => conjunct.expr.clone(),
            };
            let seen = conjunct.expr.is_true();
            earlier = Some(earlier.map_or(seen.clone(), |g| masked(g, seen, false)));
            predicate = Some(predicate.map_or(part.clone(), |p| p.and(part)));
        }
        match predicate {
            Some(predicate) => keep(relation, predicate),
            None => Ok(relation),
        }
    }

    /// Splits conjuncts into those that are evaluated in their order, and those before them that may move.
    ///
    /// A conjunct after a random number stays after it: it must not change which rows draw a number.
    fn in_two(&self, conjuncts: Vec<ResolvedExpr>, scope: &Scope) -> (Vec<ResolvedExpr>, Vec<ResolvedExpr>) {
        let mut varied = false;
        conjuncts.into_iter().partition(|c| {
            varied |= c.volatile;
            // Below the guard of a number DataFusion would not convert a subquery to a join, so a conjunct with one
            // stays in the plain filter.
            (varied && !holds_subquery(&c.expr)) || is_risky(c, scope)
        })
    }

    /// Returns the rows for which all conjuncts are true, each evaluated once, where those before it are true.
    fn filtered_in_turn(
        &self,
        mut relation: ResolvedRelation,
        conjuncts: Vec<ResolvedExpr>,
    ) -> Result<ResolvedRelation> {
        let mut before: Option<String> = None;
        // This node fixes the rows that draw numbers: no filter or limit from above moves below it.
        relation.plan = self.compute_once(relation.plan, relation.streaming);
        for conjunct in conjuncts {
            let id = self.new_id();
            let guarded = match &before {
                Some(guard) => masked(column(guard), conjunct.expr, false),
                None => conjunct.expr,
            };
            let mut exprs: Vec<Expr> =
                relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.push(guarded.alias(&id));
            relation.plan = self.compute_once(project(relation.plan, exprs)?, relation.streaming);
            before = Some(id);
        }
        match before {
            Some(id) => keep(relation, column(&id)),
            None => Ok(relation),
        }
    }

    /// Returns the plan, in a batch with the node that keeps its rows as they are.
    pub(crate) fn compute_once(&self, plan: LogicalPlan, streaming: bool) -> LogicalPlan {
        if streaming { plan } else { thalweg_logical::compute_once(plan) }
    }

    /// Adds a column that is true on every row and that no predicate can pass; returns its id.
    pub(crate) fn barrier(&self, relation: &mut ResolvedRelation) -> Result<String> {
        let id = self.new_id();
        let mut exprs: Vec<Expr> = relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(thalweg_logical::optimization_barrier().alias(&id));
        relation.plan = project(relation.plan.clone(), exprs)?;
        Ok(id)
    }
}

/// Returns whether a conjunct can raise, itself or through a column it uses.
pub(crate) fn is_risky(conjunct: &ResolvedExpr, scope: &Scope) -> bool {
    let names_guarded = || {
        conjunct.expr.column_refs().iter().any(|c| scope.by_id(&c.name).is_some_and(|found| found.guarded))
    };
    conjunct.fallible || names_guarded()
}

fn keep(mut relation: ResolvedRelation, predicate: Expr) -> Result<ResolvedRelation> {
    relation.plan = crate::filtered(relation.plan, predicate)?;
    relation.excludes = true;
    Ok(relation)
}
