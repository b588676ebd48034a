//! Bounds the size of the expressions that optimizer rules make when they move conditions below projections.
//!
//! A rule that moves a filter below a projection writes the projection's expressions in the place of its columns. Where
//! a column uses the one before several times, and that one the one before, the condition multiplies with each of them:
//! a dozen steps of `CASE WHEN x > 1 THEN x - 1 ELSE x % 5 END` are a million nodes. Therefore columns that would
//! become too large are computed once, above a [`ComputeOnceNode`](crate::ComputeOnceNode), which no condition passes.

use crate::{LogicalExtension, compute_once};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Union};
use std::collections::HashMap;
use std::sync::Arc;

/// The most nodes of a column's expression over the columns of the tables, or of the node below it that stops
/// conditions.
const EXPANDED_NODES_MAX: u64 = 1_000;

/// Returns the plan with nodes that stop conditions wherever the expressions of columns, written over the columns of
/// the tables, would be larger than the bound.
///
/// # Errors
/// DataFusion's, from the walk over the plan.
pub fn bound_expansion(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut sizes = ExpandedSizes::default();
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Projection(projection) => sizes.bounded(projection),
        node => {
            sizes.pass(&node);
            Ok(Transformed::no(node))
        }
    })
    .data()
}

/// The nodes of the expanded expression of each column by its id. Other columns are one node.
#[derive(Default)]
struct ExpandedSizes(HashMap<String, u64>);

impl ExpandedSizes {
    fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(1)
    }

    /// Notes the columns of a projection, over a node that stops conditions if they are too large without it.
    fn bounded(&mut self, projection: Projection) -> Result<Transformed<LogicalPlan>> {
        let computed = |expr: &Expr, name: &str| !matches!(expr, Expr::Column(c) if c.name == name);
        let mut columns = vec![];
        let mut is_too_large = false;
        for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
            if computed(expr, field.name()) {
                let size = self.expanded(expr)?;
                is_too_large |= size.expanded > EXPANDED_NODES_MAX && size.expanded > size.written;
                columns.push((field.name().clone(), size));
            }
        }
        if is_too_large {
            self.stop(projection.input.schema());
        }
        for (name, size) in columns {
            self.0.insert(name, if is_too_large { size.written } else { size.expanded });
        }
        if !is_too_large {
            return Ok(Transformed::no(LogicalPlan::Projection(projection)));
        }
        let input = Arc::new(compute_once(Arc::unwrap_or_clone(projection.input)));
        let projection = Projection::try_new_with_schema(projection.expr, input, projection.schema)?;
        Ok(Transformed::yes(LogicalPlan::Projection(projection)))
    }

    fn expanded(&self, expr: &Expr) -> Result<Size> {
        let mut size = Size { written: 0, expanded: 0 };
        expr.apply(|e| {
            let (written, expanded) = match e {
                Expr::Column(c) => (1, self.of(&c.name)),
                // A name is not evaluated.
                Expr::Alias(_) => (0, 0),
                _ => (1, 1),
            };
            size.written = size.written.saturating_add(written);
            size.expanded = size.expanded.saturating_add(expanded);
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(size)
    }

    /// Notes the columns of a node that computes none, or that lets no condition through.
    fn pass(&mut self, node: &LogicalPlan) {
        match node {
            // A condition above goes into each branch, over the branch's own columns.
            LogicalPlan::Union(Union { inputs, schema }) => {
                for (i, field) in schema.fields().iter().enumerate() {
                    let names = inputs.iter().filter_map(|input| input.schema().fields().get(i));
                    let most = names.map(|column| self.of(column.name())).max().unwrap_or(1);
                    self.0.insert(field.name().clone(), most);
                }
            }
            node => match LogicalExtension::at(node) {
                Some(LogicalExtension::SequentialProjection(_) | LogicalExtension::ComputeOnce(_)) => {
                    self.stop(node.schema());
                }
                Some(
                    LogicalExtension::Generate(_)
                    | LogicalExtension::Watermark(_)
                    | LogicalExtension::Deduplicate(_),
                )
                | None => {}
            },
        }
    }

    /// Notes that conditions over these columns stay above them.
    fn stop(&mut self, schema: &DFSchema) {
        for field in schema.fields() {
            self.0.remove(field.name());
        }
    }
}

/// The size of an expression.
#[derive(Clone, Copy)]
struct Size {
    /// As it is.
    written: u64,
    /// With the expressions below in the place of its columns.
    expanded: u64,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    /// `steps` projections, each of which uses the column before `uses` times, with filters between them.
    fn steps(steps: usize, uses: usize) -> LogicalPlan {
        let rows = LogicalPlanBuilder::values(vec![vec![lit(1i64)]]).unwrap();
        let mut plan = rows.project(vec![col("column1").alias("c0")]).unwrap();
        for i in 1..=steps {
            let before = col(format!("c{}", i - 1));
            let sum = (1..uses).fold(before.clone(), |sum, _| sum + before.clone());
            plan = plan.filter(col(format!("c{}", i - 1)).is_not_null()).unwrap();
            plan = plan.project(vec![sum.alias(format!("c{i}"))]).unwrap();
        }
        plan.build().unwrap()
    }

    fn stops(plan: &LogicalPlan) -> usize {
        let mut count = 0;
        plan.apply(|node| {
            count +=
                usize::from(matches!(LogicalExtension::at(node), Some(LogicalExtension::ComputeOnce(_))));
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        count
    }

    #[test]
    fn columns_that_multiply_are_stopped_and_the_others_stay() {
        // A step of two uses doubles and adds one: 3, 7, 15, … are 1,023 nodes after nine steps, and after eight more.
        for (length, uses, expect) in [(1, 900, 0), (8, 2, 0), (9, 2, 1), (64, 2, 7), (500, 1, 0)] {
            let plan = steps(length, uses);
            let bounded = bound_expansion(plan.clone()).unwrap();
            assert_eq!(stops(&bounded), expect, "{length} steps of {uses} uses");
            assert_eq!(bounded.schema(), plan.schema());
            if expect == 0 {
                assert_eq!(bounded, plan);
            }
        }
    }
}
