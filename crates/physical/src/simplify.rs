//! DataFusion's simplifier, prevented from merging lists of values as if unknown were false.
//!
//! It replaces `c IN (1, 2) AND c IN (3, 4)`, which has no common value, by false, and `c NOT IN (1, 2) OR
//! c NOT IN (3, 4)` by true; but where `c` is null, both are null. A null in a list is lost in the same way. Lists
//! are merged if they test the same expression; so while the simplifier runs, each column that a list tests gets a
//! name for that list. Equalities with constants below OR become lists, so they are renamed too. Equal lists have
//! equal names, so that repetitions are still found.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Alias, InList};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// The prefix of the temporary names of columns.
const HIDDEN: &str = "#list ";

/// `simplify_expressions` over lists with renamed columns.
#[derive(Debug)]
pub(crate) struct CarefulSimplify(pub Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for CarefulSimplify {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }
    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let hidden = plan.clone().map_expressions(|e| hide(e, Place::default()))?;
        if !hidden.transformed {
            return self.0.rewrite(plan, config);
        }
        // The names of their columns are those of their expressions, which therefore must not change.
        if matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) {
            return Ok(Transformed::no(plan));
        }
        let simplified = self.0.rewrite(hidden.data, config)?;
        if !simplified.transformed {
            return Ok(Transformed::no(plan));
        }
        simplified.map_data(|p| p.map_expressions(|e| e.transform_up(show)).data())
    }
}

/// The context of a boolean: below an odd number of NOTs, and below anything but the ANDs of a filter.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    negated: bool,
    inside: bool,
}

fn hide(expr: Expr, place: Place) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Not(_) => expr.map_children(|e| hide(e, Place { negated: !place.negated, inside: true })),
        Expr::BinaryExpr(BinaryExpr { op: Operator::And, .. }) => expr.map_children(|e| hide(e, place)),
        Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => {
            expr.map_children(|e| hide(e, Place { inside: true, ..place }))
        }
        Expr::BinaryExpr(pair) if place.inside && becomes_list(&pair) => {
            let renamed = |e: Box<Expr>| match *e {
                Expr::Column(_) => Box::new(e.alias(HIDDEN)),
                _ => e,
            };
            let pair = BinaryExpr { left: renamed(pair.left), op: pair.op, right: renamed(pair.right) };
            Ok(Transformed::yes(Expr::BinaryExpr(pair)))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let items: Vec<String> = list.iter().map(ToString::to_string).collect();
            let name = format!("{HIDDEN}{} {}", negated != place.negated, items.join(","));
            let rename = |e: Expr| match e {
                Expr::Column(_) => Ok(Transformed::yes(e.alias(&name))),
                _ => Ok(Transformed::no(e)),
            };
            let renamed = expr.as_ref().clone().transform_up(rename)?;
            let list = InList { expr: Box::new(renamed.data), list, negated };
            Ok(Transformed::new_transformed(Expr::InList(list), renamed.transformed))
        }
        other => other.map_children(|e| hide(e, Place::default())),
    }
}

/// Returns whether a comparison of a column and a constant may become a list: `=`, or `<>` below NOT.
fn becomes_list(pair: &BinaryExpr) -> bool {
    let one = |a: &Expr, b: &Expr| matches!((a, b), (Expr::Column(_), Expr::Literal(..)));
    matches!(pair.op, Operator::Eq | Operator::NotEq)
        && (one(&pair.left, &pair.right) || one(&pair.right, &pair.left))
}

fn show(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Alias(Alias { expr, name, .. }) if name.contains(HIDDEN) => Ok(Transformed::yes(*expr)),
        other => Ok(Transformed::no(other)),
    }
}
