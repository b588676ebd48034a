//! Converts equality in which null equals null to join keys in which null equals nothing.
//!
//! DataFusion makes `l IS NOT DISTINCT FROM r` a key of a join and marks the whole join: null then equals null
//! in every key. Keys that are added later, by a filter that moves into the join, would also be compared so, and
//! `ON a.x <=> b.x WHERE a.y = b.y` would match two nulls in `y`. So each such pair becomes two ordinary ones:
//! whether the value is null, and the value with a substitute for null.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::utils::{find_valid_equijoin_key_pair, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Join, LogicalPlan, Operator};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;
use thalweg_logical::plain_keys;

/// `extract_equijoin_predicate` that never sees an equality in which null equals null.
#[derive(Debug)]
pub(crate) struct PlainEquijoins(pub Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for PlainEquijoins {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }
    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Join(join) => self.0.rewrite(LogicalPlan::Join(plain(join)?), config),
            other => self.0.rewrite(other, config),
        }
    }
}

fn plain(mut join: Join) -> Result<Join> {
    let Some(filter) = join.filter.take() else { return Ok(join) };
    let (left, right) = (join.left.schema(), join.right.schema());
    let mut parts = vec![];
    for part in split_conjunction_owned(filter) {
        match null_safe_pair(&part, left, right)? {
            Some((l, r)) => {
                parts.extend(plain_keys(l, left, r, right)?.into_iter().map(|(l, r)| l.eq(r)));
            }
            None => parts.push(part),
        }
    }
    // Only the extraction sees the parts apart: the condition stays one expression.
    join.filter = parts.into_iter().reduce(Expr::and);
    Ok(join)
}

fn null_safe_pair(part: &Expr, left: &DFSchema, right: &DFSchema) -> Result<Option<(Expr, Expr)>> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left: l, op: Operator::IsNotDistinctFrom, right: r }) => {
            find_valid_equijoin_key_pair(l, r, left, right)
        }
        _ => Ok(None),
    }
}
