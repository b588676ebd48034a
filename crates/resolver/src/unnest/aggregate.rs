//! Aggregates per value of the domain. A value without rows still has one group if there are no keys.

use super::domain::{Domain, columns};
use super::push::{Pushed, refused};
use super::{Resolver, column, project};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{
    Aggregate, EmptyRelation, Expr, JoinType, LogicalPlan, LogicalPlanBuilder, lit,
};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

/// Aggregates that are null for an empty input.
const NULL_OF_NOTHING: [&str; 4] = ["min", "max", "sum", "avg"];

impl Resolver<'_> {
    pub(super) fn pushed_aggregate(&self, aggregate: &Aggregate, domain: &Domain) -> Result<Pushed> {
        if matches!(aggregate.group_expr.first(), Some(Expr::GroupingSet(_))) {
            return Err(refused(&LogicalPlan::Aggregate(aggregate.clone())));
        }
        let input = self.pushed(&aggregate.input, domain)?;
        let substituted = |exprs: &[Expr]| {
            exprs.iter().map(|e| domain.substituted(e.clone(), &input.keys)).collect::<Result<Vec<_>>>()
        };
        let groups = substituted(&aggregate.group_expr)?;
        let calls = substituted(&aggregate.aggr_expr)?;
        let keys = columns(&input.keys).into_iter().chain(groups).collect();
        let rows = Arc::new(input.plan);
        let grouped = Aggregate::try_new(Arc::clone(&rows), keys, calls.clone()).map_err(from_datafusion)?;
        let names: Vec<String> = aggregate.schema.fields().iter().map(|f| f.name().clone()).collect();
        let grouped_names: Vec<String> =
            grouped.schema.fields().iter().skip(input.keys.len()).map(|f| f.name().clone()).collect();
        let plan = LogicalPlan::Aggregate(grouped);
        // With keys of its own, an aggregate has no group for a value without rows.
        if !aggregate.group_expr.is_empty() {
            let own = grouped_names.iter().zip(&names).map(|(raw, name)| super::named(column(raw), name));
            let exprs = columns(&input.keys).into_iter().map(Ok).chain(own).collect::<Result<Vec<_>>>()?;
            return Ok(Pushed::unordered(project(plan, exprs)?, input.keys));
        }
        let groups = Groups { plan, keys: input.keys, names: grouped_names, calls };
        self.with_empty_groups(groups, &rows, &names, domain)
    }

    /// Returns the groups, and for each value of the domain without one, the group of an empty input.
    fn with_empty_groups(
        &self,
        groups: Groups,
        rows: &LogicalPlan,
        names: &[String],
        domain: &Domain,
    ) -> Result<Pushed> {
        // An aggregate of a group may itself be null, so a mark tells groups from values without one.
        let mark = self.new_id();
        let ids: Vec<String> = groups.names.iter().map(|_| self.new_id()).collect();
        let found = groups.names.iter().zip(&ids).map(|(name, id)| column(name).alias(id));
        let found = columns(&groups.keys).into_iter().chain(found).chain([lit(true).alias(&mark)]);
        let found = project(groups.plan.clone(), found.collect::<Vec<_>>())?;
        let (all, keys) = domain.copy(self)?;
        let (all_keys, found_keys) = (columns(&keys), columns(&groups.keys));
        let mut plan = domain.join(self, (all, &all_keys), (found, &found_keys), JoinType::Left)?;
        let null_of_nothing =
            |e: &Expr| matches!(e, Expr::AggregateFunction(f) if NULL_OF_NOTHING.contains(&f.func.name()));
        let mut values = columns(&ids);
        // For these the null of the outer join is already the result, and nothing else is computed.
        if !groups.calls.iter().all(null_of_nothing) {
            let (empty, of_nothing) = self.of_no_rows(rows, &groups)?;
            plan = LogicalPlanBuilder::from(plan)
                .cross_join(empty)
                .and_then(LogicalPlanBuilder::build)
                .map_err(from_datafusion)?;
            values = values.into_iter().zip(of_nothing).map(|(v, none)| either(&mark, none, v)).collect();
        }
        let values = values.into_iter().zip(names).map(|(v, name)| v.alias(name));
        let exprs = columns(&keys).into_iter().chain(values).collect::<Vec<_>>();
        Ok(Pushed::unordered(project(plan, exprs)?, keys))
    }

    /// Returns one row: the aggregates of an empty input, with new ids.
    fn of_no_rows(&self, rows: &LogicalPlan, groups: &Groups) -> Result<(LogicalPlan, Vec<Expr>)> {
        let none = EmptyRelation { produce_one_row: false, schema: Arc::clone(rows.schema()) };
        let none = Arc::new(LogicalPlan::EmptyRelation(none));
        let aggregate = Aggregate::try_new(none, vec![], groups.calls.clone()).map_err(from_datafusion)?;
        let ids: Vec<String> = groups.names.iter().map(|_| self.new_id()).collect();
        let renamed = groups.names.iter().zip(&ids).map(|(name, id)| column(name).alias(id));
        let plan = project(LogicalPlan::Aggregate(aggregate), renamed.collect::<Vec<_>>())?;
        Ok((plan, columns(&ids)))
    }
}

/// An aggregate by the domain's columns only.
struct Groups {
    plan: LogicalPlan,
    keys: Vec<String>,
    /// The aggregates' columns.
    names: Vec<String>,
    calls: Vec<Expr>,
}

/// Returns `value` where the mark is not null, `none` elsewhere.
fn either(mark: &str, none: Expr, value: Expr) -> Expr {
    let branch = (Box::new(column(mark).is_null()), Box::new(none));
    Expr::Case(Case::new(None, vec![branch], Some(Box::new(value))))
}
