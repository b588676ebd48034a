//! Joins the results of correlated subqueries to their rows.

use super::domain::{Domain, columns};
use super::single::at_most_one;
use super::{Resolver, column, is_correlated, project, subquery_of};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, JoinType, LogicalPlan, Subquery, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::{AggregateCall, Arg};
use thalweg_values::errors::{external, from_datafusion};

/// A relation, and the joins that add the results of subqueries to its rows.
pub(super) struct Attached<'r, 'a> {
    resolver: &'r Resolver<'a>,
    /// The relation itself, from which the subqueries' domains are built.
    base: LogicalPlan,
    pub plan: LogicalPlan,
}

impl<'r, 'a> Attached<'r, 'a> {
    pub(super) fn new(resolver: &'r Resolver<'a>, base: LogicalPlan) -> Self {
        Self { resolver, plan: base.clone(), base }
    }

    /// Keeps the rows for which the subquery has a row, or has none if `negated`.
    pub(super) fn keep_where(&mut self, subquery: &Subquery, negated: bool) -> Result<()> {
        let (domain, plan, keys) = self.answers(subquery)?;
        let plan = project(plan, columns(&keys))?;
        let kind = if negated { JoinType::LeftAnti } else { JoinType::LeftSemi };
        self.join(&domain, plan, &keys, kind)
    }

    /// Replaces the subqueries of an expression by columns.
    pub(super) fn replaced(&mut self, expr: Expr) -> Result<Expr> {
        let replace = |e: Expr| match subquery_of(&e) {
            Some(s) if is_correlated(s) => {
                let answer = self.answer(&e).map_err(external)?;
                Ok(Transformed::new(answer, true, TreeNodeRecursion::Jump))
            }
            Some(_) => self.resolver.inside(e),
            None => Ok(Transformed::no(e)),
        };
        expr.transform_down(replace).data().map_err(from_datafusion)
    }

    fn answer(&mut self, expr: &Expr) -> Result<Expr> {
        match expr {
            Expr::Exists(x) => {
                let found = self.found(&x.subquery)?;
                Ok(if x.negated { found.is_null() } else { found.is_not_null() })
            }
            Expr::ScalarSubquery(s) => self.value(s),
            _ => Err(Error::unsupported("IN over a correlated subquery at this place")),
        }
    }

    /// Adds a column that is null where the subquery has no row.
    fn found(&mut self, subquery: &Subquery) -> Result<Expr> {
        let (domain, plan, keys) = self.answers(subquery)?;
        // There is one row for each value at most, so that the left join repeats no row of the relation.
        let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(project(plan, columns(&keys))?)));
        let mark = self.resolver.new_id();
        let marked = columns(&keys).into_iter().chain([lit(true).alias(&mark)]);
        let plan = project(plan, marked.collect::<Vec<_>>())?;
        self.join(&domain, plan, &keys, JoinType::Left)?;
        Ok(column(&mark))
    }

    /// Adds a column with the subquery's value: null where it has no row.
    fn value(&mut self, subquery: &Subquery) -> Result<Expr> {
        let Some(field) = subquery.subquery.schema().fields().first().cloned() else {
            return Err(Error::internal("a scalar subquery returns no column, although it was checked"));
        };
        let (domain, plan, keys) = self.answers(subquery)?;
        let id = self.resolver.new_id();
        let plan = match crate::subquery::is_one_row(&subquery.subquery) {
            true => {
                let value = column(field.name()).alias(&id);
                project(plan, columns(&keys).into_iter().chain([value]).collect::<Vec<_>>())?
            }
            false => self.resolver.single(plan, &keys, &field, &id)?,
        };
        self.join(&domain, plan, &keys, JoinType::Left)?;
        Ok(column(&id))
    }

    /// Returns the subquery's rows for every value of its domain, which are the columns with these ids.
    fn answers(&self, subquery: &Subquery) -> Result<(Domain, LogicalPlan, Vec<String>)> {
        let domain = Domain::of(self.resolver, &self.base, &subquery.outer_ref_columns)?;
        let pushed = self.resolver.pushed(&subquery.subquery, &domain)?;
        // Subqueries inside now refer to the domain's columns. They nest one level less, so the recursion ends.
        Ok((domain, self.resolver.unnested(pushed.plan)?, pushed.keys))
    }

    fn join(&mut self, domain: &Domain, right: LogicalPlan, keys: &[String], kind: JoinType) -> Result<()> {
        let (outer, keys) = (domain.outer_keys(), columns(keys));
        self.plan = domain.join(self.resolver, (self.plan.clone(), &outer), (right, &keys), kind)?;
        Ok(())
    }
}

impl Resolver<'_> {
    /// One row per key: the value of its only row, or an error where it has several.
    fn single(
        &self,
        plan: LogicalPlan,
        keys: &[String],
        field: &arrow::datatypes::Field,
        id: &str,
    ) -> Result<LogicalPlan> {
        let none = AggregateCall::default;
        let value = Arg { expr: column(field.name()), data_type: field.data_type().clone(), nullable: true };
        let first = thalweg_functions::bind_aggregate("first", vec![value], none(), &self.binding())?;
        let count = thalweg_functions::bind_aggregate("count", vec![], none(), &self.binding())?.aggregate;
        let name = |e: &Expr| column(&e.schema_name().to_string());
        let (raw, rows) = (name(&first.aggregate), name(&count));
        let value = first.finish.map_or(raw.clone(), |finish| finish(raw));
        let aggregate = Aggregate::try_new(Arc::new(plan), columns(keys), vec![first.aggregate, count]);
        let plan = LogicalPlan::Aggregate(aggregate.map_err(from_datafusion)?);
        let value = at_most_one(value, rows).alias(id);
        project(plan, columns(keys).into_iter().chain([value]).collect::<Vec<_>>())
    }
}
