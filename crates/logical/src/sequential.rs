//! Columns that are computed one after another, each over the input and those before it: the node of a long chain of
//! projections.
//!
//! A program that adds some hundred columns one at a time, each from the one before, makes as many projections, each
//! of all columns. Every optimizer rule would go through all of them, and through all columns of each. As one node the
//! chain holds each computed column once. The rules do not see its expressions, so a short chain stays as it is.

use crate::extension::only_input;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, Projection, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The fewest projections that become one node: below it the optimizer's work on them is small, and worth it.
pub const CHAIN_MIN: usize = 16;

/// A column that is computed from the input's columns and from earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ComputedColumn {
    /// The id of the column; no other column of the node has it.
    pub id: String,
    /// What it is computed from.
    pub expr: Expr,
    /// The columns that `expr` names, as they are where it is computed.
    pub reads: DFSchemaRef,
}

/// The input's rows with columns that are computed in order; the schema names those that leave the node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SequentialProjectionNode {
    /// The rows.
    pub input: LogicalPlan,
    /// What is computed, in order.
    pub columns: Vec<ComputedColumn>,
    schema: DFSchemaRef,
}

/// The plan with a [`SequentialProjectionNode`] in the place of every chain of at least [`CHAIN_MIN`] projections
/// whose columns are named by ids that occur once.
///
/// # Errors
/// DataFusion's, from the walk over the plan.
pub fn collapse_projections(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down(|node| match collapsed(&node)? {
        Some(node) => Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(node) }))),
        None => Ok(Transformed::no(node)),
    })
    .data()
}

fn collapsed(plan: &LogicalPlan) -> Result<Option<SequentialProjectionNode>> {
    let mut chain: Vec<&Projection> = vec![];
    let mut below = plan;
    while let LogicalPlan::Projection(projection) = below {
        chain.push(projection);
        below = &projection.input;
    }
    let (true, Some(top)) = (chain.len() >= CHAIN_MIN, chain.first()) else { return Ok(None) };
    let schema = Arc::clone(&top.schema);
    let mut known = names_of(below.schema());
    // A name that occurs twice could mean either column.
    if known.len() < below.schema().fields().len() || names_of(&schema).len() < schema.fields().len() {
        return Ok(None);
    }
    let mut columns = vec![];
    for projection in chain.iter().rev() {
        for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
            // A column that is only handed on is in its place already.
            if matches!(expr, Expr::Column(c) if &c.name == field.name()) {
                continue;
            }
            // A name that is used again would hide a column that a later expression still reads.
            if !known.insert(field.name()) || !is_repeatable(expr)? {
                return Ok(None);
            }
            let expr = match expr {
                // Metadata are not computed, and dropping them would lose the mark of an event time.
                Expr::Alias(Alias { metadata: Some(_), .. }) => return Ok(None),
                other => other.clone().unalias(),
            };
            let reads = read_columns(&expr, projection.input.schema())?;
            columns.push(ComputedColumn { id: field.name().clone(), expr, reads });
        }
    }
    let columns = used(columns, &schema);
    Ok(Some(SequentialProjectionNode { input: below.clone(), columns, schema }))
}

fn names_of(schema: &DFSchema) -> HashSet<&str> {
    schema.fields().iter().map(|f| f.name().as_str()).collect()
}

/// Whether an expression reads its own row alone and gives the same at every evaluation.
fn is_repeatable(expr: &Expr) -> Result<bool> {
    let keeps_its_place = |e: &Expr| {
        let elsewhere = matches!(
            e,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        );
        elsewhere || e.is_volatile_node()
    };
    expr.exists(|e| Ok(keeps_its_place(e))).map(|found| !found)
}

fn read_columns(expr: &Expr, schema: &DFSchema) -> Result<DFSchemaRef> {
    let mut fields = vec![];
    let mut seen = HashSet::new();
    expr.apply(|e| {
        if let Expr::Column(c) = e
            && seen.insert(c.name.clone())
        {
            let (qualifier, field) = schema.qualified_field(schema.index_of_column(c)?);
            fields.push((qualifier.cloned(), Arc::clone(field)));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    DFSchema::new_with_metadata(fields, HashMap::new()).map(Arc::new)
}

/// The columns without those that nothing later reads and that do not leave the node.
fn used(columns: Vec<ComputedColumn>, schema: &DFSchema) -> Vec<ComputedColumn> {
    let mut needed: HashSet<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut kept: Vec<ComputedColumn> = vec![];
    // From the end, so that a column that only an unused one reads is unused too.
    for column in columns.into_iter().rev() {
        if needed.contains(&column.id) {
            needed.extend(column.reads.fields().iter().map(|f| f.name().clone()));
            kept.push(column);
        }
    }
    kept.reverse();
    kept
}

impl PartialOrd for SequentialProjectionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for SequentialProjectionNode {
    fn name(&self) -> &str {
        "SequentialProjection"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }
    /// The columns of the input that something of the node reads, whichever of its own are asked for.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let computed = self.columns.iter().flat_map(|c| c.reads.fields().iter());
        let read: HashSet<&str> = computed.chain(self.schema.fields()).map(|f| f.name().as_str()).collect();
        let input = self.input.schema().fields().iter().enumerate();
        Some(vec![input.filter(|(_, f)| read.contains(f.name().as_str())).map(|(i, _)| i).collect()])
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SequentialProjection: {} columns computed", self.columns.len())
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { input: only_input("SequentialProjection", inputs)?, ..self.clone() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::LogicalExtension;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    /// `n` projections: each hands its columns on and adds what `add` makes of its number.
    fn chain(n: usize, add: impl Fn(usize) -> Expr) -> LogicalPlan {
        let rows = LogicalPlanBuilder::values(vec![vec![lit(1i64)]]).unwrap();
        let mut plan = rows.project(vec![col("column1").alias("c0")]).unwrap().alias("t").unwrap();
        for i in 1..=n {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.push(add(i));
            plan = plan.project(exprs).unwrap();
        }
        plan.build().unwrap()
    }

    fn next(i: usize) -> Expr {
        (col(format!("c{}", i - 1)) + lit(1i64)).alias(format!("c{i}"))
    }

    fn node_of(plan: &LogicalPlan) -> Option<SequentialProjectionNode> {
        match LogicalExtension::at(plan) {
            Some(LogicalExtension::SequentialProjection(node)) => Some(node.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_long_chain_becomes_one_node_with_the_same_schema() {
        let plan = chain(CHAIN_MIN, next);
        let collapsed = collapse_projections(plan.clone()).unwrap();
        assert_eq!(collapsed.schema(), plan.schema());
        let node = node_of(&collapsed).unwrap();
        assert_eq!(node.columns.len(), CHAIN_MIN);
        assert_eq!(node.necessary_children_exprs(&[]), Some(vec![vec![0]]));
        assert_eq!(collapse_projections(chain(CHAIN_MIN - 1, next)).unwrap(), chain(CHAIN_MIN - 1, next));
    }

    #[test]
    fn what_nothing_reads_is_not_computed() {
        let all = chain(CHAIN_MIN, |i| (col("c0") + lit(i as i64)).alias(format!("c{i}")));
        let last = LogicalPlanBuilder::from(all).project(vec![col("c3")]).unwrap().build().unwrap();
        let node = node_of(&collapse_projections(last).unwrap()).unwrap();
        assert_eq!(node.columns.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c3"]);
    }

    #[test]
    fn a_chain_that_draws_random_numbers_stays() {
        let plan =
            chain(CHAIN_MIN, |i| datafusion::functions::math::expr_fn::random().alias(format!("c{i}")));
        assert_eq!(collapse_projections(plan.clone()).unwrap(), plan);
    }
}
