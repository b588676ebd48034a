//! Evaluates a subquery's plan for a whole domain: the dispatch over its operators, and the simple ones.

use super::domain::{Domain, columns};
use super::outer::outer_references;
use super::{Resolver, column, filtered, named, project};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Projection, Union, Window};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_datafusion;

/// A plan with the rows for all values of the domain.
pub(super) struct Pushed {
    /// Has the domain's columns, those of the original plan, and those of `order`.
    pub plan: LogicalPlan,
    /// The ids of the domain's columns in `plan`.
    pub keys: Vec<String>,
    /// The order of the rows for one value, which a LIMIT above may need.
    pub order: Vec<Sort>,
}

impl Pushed {
    pub(super) fn unordered(plan: LogicalPlan, keys: Vec<String>) -> Self {
        Self { plan, keys, order: vec![] }
    }

    /// Keeps only the domain's columns and those of `schema`.
    pub(super) fn narrowed(self, schema: &LogicalPlan) -> Result<LogicalPlan> {
        let own = schema.schema().columns().into_iter().map(Expr::Column);
        project(self.plan, columns(&self.keys).into_iter().chain(own).collect::<Vec<_>>())
    }
}

/// Returns whether a plan uses an outer column.
pub(super) fn is_dependent(plan: &LogicalPlan) -> bool {
    !outer_references(plan).is_empty()
}

impl Resolver<'_> {
    /// Evaluates a plan for every value of the domain.
    pub(super) fn pushed(&self, plan: &LogicalPlan, domain: &Domain) -> Result<Pushed> {
        // The recursion ends here: nothing below uses the domain.
        if !is_dependent(plan) {
            return self.for_each_value(plan, domain);
        }
        match plan {
            LogicalPlan::Projection(p) => self.pushed_projection(p, domain),
            LogicalPlan::Filter(f) => {
                let input = self.pushed(&f.input, domain)?;
                let predicate = domain.substituted(f.predicate.clone(), &input.keys)?;
                Ok(Pushed { plan: filtered(input.plan, predicate)?, ..input })
            }
            LogicalPlan::Aggregate(a) => self.pushed_aggregate(a, domain),
            LogicalPlan::Window(w) => self.pushed_window(w, plan, domain),
            LogicalPlan::Sort(s) => self.pushed_sort(s, domain),
            LogicalPlan::Limit(l) => self.pushed_limit(l, domain),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let pushed = self.pushed(input, domain)?;
                let keys = pushed.keys.clone();
                // Columns that are there for an order alone would make rows differ that are equal.
                let rows = Arc::new(pushed.narrowed(input)?);
                Ok(Pushed::unordered(LogicalPlan::Distinct(Distinct::All(rows)), keys))
            }
            LogicalPlan::Union(u) => self.pushed_union(u, domain),
            LogicalPlan::Join(j) => self.pushed_join(j, domain),
            LogicalPlan::Extension(_) => match plan.inputs().as_slice() {
                [input] => {
                    let pushed = self.pushed(input, domain)?;
                    let node = plan.with_new_exprs(plan.expressions(), vec![pushed.plan]);
                    Ok(Pushed::unordered(node.map_err(from_datafusion)?, pushed.keys))
                }
                _ => Err(refused(plan)),
            },
            other => Err(refused(other)),
        }
    }

    /// Evaluates a plan that does not use the domain: all its rows for each value.
    fn for_each_value(&self, plan: &LogicalPlan, domain: &Domain) -> Result<Pushed> {
        let (copy, keys) = domain.copy(self)?;
        let both = LogicalPlanBuilder::from(copy).cross_join(plan.clone());
        let plan = both.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        Ok(Pushed::unordered(plan, keys))
    }

    fn pushed_projection(&self, projection: &Projection, domain: &Domain) -> Result<Pushed> {
        let input = self.pushed(&projection.input, domain)?;
        let mut exprs = columns(&input.keys);
        for (e, field) in projection.expr.iter().zip(projection.schema.fields()) {
            exprs.push(named(domain.substituted(e.clone(), &input.keys)?, field.name())?);
        }
        // A LIMIT above sorts by these again, so they stay even if the projection does not have them.
        for sort in &input.order {
            let shown = projection.schema.fields().iter().any(|f| column(f.name()) == sort.expr);
            if !shown && !exprs.contains(&sort.expr) {
                exprs.push(sort.expr.clone());
            }
        }
        Ok(Pushed { plan: project(input.plan, exprs)?, ..input })
    }

    fn pushed_window(&self, window: &Window, plan: &LogicalPlan, domain: &Domain) -> Result<Pushed> {
        let input = self.pushed(&window.input, domain)?;
        let inputs = window.input.schema().fields().len();
        let (mut calls, mut exprs) = (vec![], columns(&input.keys));
        exprs.extend(window.input.schema().columns().into_iter().map(Expr::Column));
        for (e, field) in window.window_expr.iter().zip(plan.schema().fields().iter().skip(inputs)) {
            let Expr::WindowFunction(call) = domain.substituted(e.clone(), &input.keys)? else {
                return Err(refused(plan));
            };
            let mut call = *call;
            // Each value of the domain has partitions of its own.
            call.params.partition_by.splice(0..0, columns(&input.keys));
            let call = Expr::from(call);
            exprs.push(column(&call.schema_name().to_string()).alias(field.name()));
            calls.push(call);
        }
        let plan = LogicalPlanBuilder::window_plan(input.plan, calls).map_err(from_datafusion)?;
        Ok(Pushed::unordered(project(plan, exprs)?, input.keys))
    }

    fn pushed_union(&self, union: &Union, domain: &Domain) -> Result<Pushed> {
        // Each input has its copy of the domain under ids of its own; the union has one id for all.
        let keys: Vec<String> = domain.names.iter().map(|_| self.new_id()).collect();
        let mut inputs = vec![];
        for input in &union.inputs {
            let pushed = self.pushed(input, domain)?;
            let own = input.schema().columns().into_iter().zip(union.schema.fields());
            let shared = pushed.keys.iter().zip(&keys).map(|(own, shared)| column(own).alias(shared));
            let own = own.map(|(c, field)| named(Expr::Column(c), field.name()));
            let exprs = shared.map(Ok).chain(own).collect::<Result<Vec<_>>>()?;
            inputs.push(Arc::new(project(pushed.plan, exprs)?));
        }
        let union = Union::try_new(inputs).map_err(from_datafusion)?;
        Ok(Pushed::unordered(LogicalPlan::Union(union), keys))
    }
}

/// Creates the error for an operator that is not supported.
pub(super) fn refused(plan: &LogicalPlan) -> Error {
    let text = plan.display().to_string();
    let name = text.split(':').next().unwrap_or_default();
    Error::unsupported(format!("a correlated subquery with the operator {name}"))
}
