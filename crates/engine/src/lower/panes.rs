//! Finds aggregates over sliding windows, which are lowered to panes.
//!
//! The resolver's plan computes the list of windows of each row and makes a row of each. With many windows, these rows
//! and their groups would be many times the input. The plan is changed to compute the one pane of the row instead, and
//! the operator merges the panes.

use super::Lowering;
use super::aggregate::event_time_key;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_functions::{Arg, as_sliding_windows};
use thalweg_logical::LogicalExtension;
use thalweg_stream::{OutputMode, SlidingWindows};
use thalweg_values::errors::from_datafusion;

/// With fewer windows of an instant, a row for each costs less than to merge their panes, and the numbers of groups in
/// the progress stay Spark's.
const WINDOWS_MIN: i64 = 3;

impl Lowering<'_> {
    /// Returns an aggregate over sliding windows as one over their panes; none for any other one.
    pub(super) fn in_panes(&self, node: &Aggregate) -> Result<Option<(Aggregate, SlidingWindows)>> {
        // In the other modes every epoch emits windows that are still open.
        if self.mode != OutputMode::Append {
            return Ok(None);
        }
        // Only the key that closes groups may have panes: another one that is an event time would close them earlier.
        let fields = node.schema.fields().iter().take(node.group_expr.len());
        let closing = event_time_key(fields).and_then(|key| node.group_expr.get(key.group_index));
        if let Some(window) = closing.and_then(column_name) {
            let Some((input, windows)) = paned(&node.input, window)? else { return Ok(None) };
            let keys = node.group_expr.iter().filter(|e| column_name(e) != Some(window));
            let uses_window = keys.chain(&node.aggr_expr).any(|e| uses(e, window));
            // `first` and `collect_list` follow the order in which the rows came, and panes are merged in that of their
            // times.
            let is_ordered = !node.aggr_expr.iter().all(is_same_in_any_order);
            if windows.size_us / windows.slide_us < WINDOWS_MIN || uses_window || is_ordered {
                return Ok(None);
            }
            let (group, calls) = (node.group_expr.clone(), node.aggr_expr.clone());
            let schema = Arc::clone(&node.schema);
            let aggregate = Aggregate::try_new_with_schema(Arc::new(input), group, calls, schema);
            return Ok(Some((aggregate.map_err(from_datafusion)?, windows)));
        }
        Ok(None)
    }
}

/// Returns `plan` with the pane of each row in place of the column `name`, if that has a row for each of its windows.
fn paned(plan: &LogicalPlan, name: &str) -> Result<Option<(LogicalPlan, SlidingWindows)>> {
    if let LogicalPlan::Projection(projection) = plan {
        let place = projection.schema.fields().iter().position(|f| f.name() == name);
        let Some(source) = place.and_then(|place| projection.expr.get(place)).and_then(column_name) else {
            return Ok(None);
        };
        // Another column that is computed from the window would be computed from a pane.
        if projection.expr.iter().filter(|e| uses(e, source)).count() != 1 {
            return Ok(None);
        }
        let Some((input, windows)) = paned(&projection.input, source)? else { return Ok(None) };
        let projection = Projection::try_new(projection.expr.clone(), Arc::new(input));
        return Ok(Some((LogicalPlan::Projection(projection.map_err(from_datafusion)?), windows)));
    }
    let Some(LogicalExtension::Generate(generate)) = LogicalExtension::at(plan) else { return Ok(None) };
    let LogicalPlan::Projection(below) = &generate.input else { return Ok(None) };
    if generate.outer || generate.column != name {
        return Ok(None);
    }
    let Some(place) = below.schema.fields().iter().position(|f| f.name() == name) else { return Ok(None) };
    let mut exprs = below.expr.clone();
    let Some(list) = exprs.get_mut(place) else { return Ok(None) };
    let call = list.clone().unalias();
    let Some(found) = as_sliding_windows(&call) else { return Ok(None) };
    let windows = SlidingWindows { size_us: found.size, slide_us: found.slide, start_us: found.start };
    let pane = windows.pane_us();
    let data_type = found.time.get_type(below.input.schema()).map_err(from_datafusion)?;
    let time = Arg { expr: found.time.clone(), data_type, nullable: true };
    *list = thalweg_functions::tumbling_window(time, pane, found.start.rem_euclid(pane))?.expr.alias(name);
    let plan = LogicalPlanBuilder::from(below.input.as_ref().clone()).project(exprs);
    Ok(Some((plan.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?, windows)))
}

/// Returns whether an aggregate has the same result whatever the order of its rows.
fn is_same_in_any_order(call: &Expr) -> bool {
    match call {
        Expr::Alias(alias) => is_same_in_any_order(&alias.expr),
        Expr::AggregateFunction(call) => {
            call.func.inner().order_sensitivity() == AggregateOrderSensitivity::Insensitive
        }
        _ => false,
    }
}

/// Returns the name of the column that an expression is, under whatever name.
fn column_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Alias(alias) => column_name(&alias.expr),
        _ => None,
    }
}

fn uses(expr: &Expr, name: &str) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::Column(column) if column.name == name))).unwrap_or(true)
}
