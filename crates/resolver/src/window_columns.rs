//! Adds the columns of window calls to a relation, and below them the columns of their computed keys.

use crate::expr_scope::Calls;
use crate::{ResolvedRelation, Resolver, column, project};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    /// Adds the columns of window calls.
    pub(crate) fn windows(&self, mut relation: ResolvedRelation, calls: &Calls) -> Result<ResolvedRelation> {
        if calls.windows.is_empty() {
            return Ok(relation);
        }
        if !calls.drawn.is_empty() {
            let mut exprs: Vec<Expr> =
                relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(calls.drawn.iter().map(|(id, drawn)| drawn.clone().alias(id)));
            // All windows read the same numbers, which a filter from above must not change.
            relation.plan = self.compute_once(project(relation.plan, exprs)?, relation.streaming);
        }
        let before = relation.plan.schema().columns();
        let mut keys = WindowKeys::default();
        let mut windows: Vec<Expr> = vec![];
        let mut distinct: Vec<Expr> = vec![];
        for found in &calls.windows {
            let mut window = keys.as_columns(&found.window, || self.new_id());
            let name = window.schema_name().to_string();
            // DataFusion's name of a call leaves out the casts of its arguments, so that two calls may have one name.
            if distinct.iter().any(|w| *w != window && w.schema_name().to_string() == name) {
                window = keys.arguments_as_columns(window, || self.new_id());
            }
            // Calls may differ in the type of their finished result only.
            if !distinct.contains(&window) {
                distinct.push(window.clone());
            }
            windows.push(window);
        }
        let input = keys.below(relation.plan)?;
        let plan = LogicalPlanBuilder::window_plan(input, distinct).map_err(from_datafusion)?;
        let mut exprs: Vec<Expr> = before.into_iter().map(Expr::Column).collect();
        for (found, window) in calls.windows.iter().zip(&windows) {
            let raw = column(&window.schema_name().to_string());
            let value = found.finish.map_or(raw.clone(), |finish| finish(raw));
            exprs.push(value.alias(&found.id));
        }
        relation.plan = project(plan, exprs)?;
        Ok(relation)
    }
}

/// The computed keys of windows, and some of their arguments, which become columns of a projection below them.
///
/// DataFusion derives the order of an operator's input again from its expressions. For a key such as `a < 1 AND b`
/// it derives another order than the one it sorted by, and then refuses the plan; a column has only one order.
#[derive(Debug, Default)]
struct WindowKeys(Vec<(Expr, String)>);

impl WindowKeys {
    /// Replaces the partition and order keys of a call by columns. An expression that has no such keys is unchanged.
    fn as_columns(&mut self, window: &Expr, mut new_id: impl FnMut() -> String) -> Expr {
        let Expr::WindowFunction(function) = window else { return window.clone() };
        let mut function = function.clone();
        let params = &mut function.params;
        let order = params.order_by.iter_mut().map(|sort| &mut sort.expr);
        for key in params.partition_by.iter_mut().chain(order) {
            if !matches!(key, Expr::Column(_) | Expr::Literal(..)) {
                *key = column(&self.id_of(key, &mut new_id));
            }
        }
        Expr::WindowFunction(function)
    }

    /// Replaces the arguments of a call by columns.
    fn arguments_as_columns(&mut self, window: Expr, mut new_id: impl FnMut() -> String) -> Expr {
        let Expr::WindowFunction(mut function) = window else { return window };
        for argument in &mut function.params.args {
            // A literal may be a parameter of the function and not a value of the rows.
            if !matches!(argument, Expr::Column(_) | Expr::Literal(..)) {
                *argument = column(&self.id_of(argument, &mut new_id));
            }
        }
        Expr::WindowFunction(function)
    }

    fn id_of(&mut self, key: &Expr, new_id: &mut impl FnMut() -> String) -> String {
        if let Some((_, id)) = self.0.iter().find(|(known, _)| known == key) {
            return id.clone();
        }
        let id = new_id();
        self.0.push((key.clone(), id.clone()));
        id
    }

    /// Adds the keys to the input of the windows.
    fn below(self, input: LogicalPlan) -> Result<LogicalPlan> {
        if self.0.is_empty() {
            return Ok(input);
        }
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let keys = self.0.into_iter().map(|(key, id)| key.alias(id));
        project(input, columns.chain(keys).collect::<Vec<_>>())
    }
}
