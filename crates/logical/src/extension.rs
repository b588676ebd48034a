//! Distinguishes Thalweg's logical nodes in one exhaustive enum.
//!
//! A planner or a lowering matches on it, so a new node does not compile until each of them handles it.

use crate::{ComputeOnceNode, DeduplicateNode, GenerateNode, SequentialProjectionNode, WatermarkNode};
use datafusion::common::{DFSchema, Result, internal_datafusion_err};
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};

/// A logical node of this crate.
///
/// ```
/// use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
/// use thalweg_logical::{LogicalExtension, compute_once};
///
/// let rows = LogicalPlanBuilder::empty(true).project([lit(1)])?.build()?;
/// let LogicalPlan::Extension(extension) = compute_once(rows) else { unreachable!() };
/// assert!(matches!(LogicalExtension::of(extension.node.as_ref()), Some(LogicalExtension::ComputeOnce(_))));
/// # Ok::<(), datafusion::error::DataFusionError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub enum LogicalExtension<'n> {
    /// A row per element of a list.
    Generate(&'n GenerateNode),
    /// Columns that are computed one after another.
    SequentialProjection(&'n SequentialProjectionNode),
    /// Rows that are computed exactly once.
    ComputeOnce(&'n ComputeOnceNode),
    /// An event time and how late its rows may be.
    Watermark(&'n WatermarkNode),
    /// The first row of each key of a stream.
    Deduplicate(&'n DeduplicateNode),
}

impl<'n> LogicalExtension<'n> {
    /// Returns the node as one of this crate; none for a node of another crate.
    pub fn of(node: &'n dyn UserDefinedLogicalNode) -> Option<Self> {
        let node = node.as_any();
        let generate = || node.downcast_ref().map(Self::Generate);
        let sequential = || node.downcast_ref().map(Self::SequentialProjection);
        let compute_once = || node.downcast_ref().map(Self::ComputeOnce);
        let watermark = || node.downcast_ref().map(Self::Watermark);
        let deduplicate = || node.downcast_ref().map(Self::Deduplicate);
        generate().or_else(sequential).or_else(compute_once).or_else(watermark).or_else(deduplicate)
    }

    /// Returns the node at the top of a plan, if it is one of this crate.
    pub fn at(plan: &'n LogicalPlan) -> Option<Self> {
        match plan {
            LogicalPlan::Extension(extension) => Self::of(extension.node.as_ref()),
            _ => None,
        }
    }
}

/// Returns the input that an optimizer rule gives to a node of one input.
///
/// # Errors
/// DataFusion's internal error for any other number of inputs.
pub(crate) fn only_input(node: &str, inputs: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    // A rule replaces the inputs that a node reports, so another number is an error of the rule.
    let count = inputs.len();
    let [input] =
        <[_; 1]>::try_from(inputs).map_err(|_| internal_datafusion_err!("{node} of {count} inputs"))?;
    Ok(input)
}

/// Returns the place of a column that a node names by its id.
///
/// # Errors
/// DataFusion's internal error if there is no such column.
pub(crate) fn place_of(node: &str, column: &str, schema: &DFSchema) -> Result<usize> {
    // The resolver creates a node over the column, and the node requires it from its input, so only an error of an
    // optimizer rule can remove it.
    let place = schema.fields().iter().position(|f| f.name() == column);
    place.ok_or_else(|| internal_datafusion_err!("the column {column} of {node} is not in its input"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use datafusion::common::DFSchemaRef;
    use datafusion::logical_expr::{
        Expr, Extension, LogicalPlanBuilder, UserDefinedLogicalNodeCore, col, lit,
    };
    use std::fmt;
    use std::sync::Arc;

    #[derive(Debug, PartialEq, Eq, PartialOrd, Hash)]
    struct Foreign(LogicalPlan);

    impl UserDefinedLogicalNodeCore for Foreign {
        fn name(&self) -> &str {
            "Foreign"
        }
        fn inputs(&self) -> Vec<&LogicalPlan> {
            vec![&self.0]
        }
        fn schema(&self) -> &DFSchemaRef {
            self.0.schema()
        }
        fn expressions(&self) -> Vec<Expr> {
            vec![]
        }
        fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "Foreign")
        }
        fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
            only_input("Foreign", inputs).map(Self)
        }
    }

    fn rows() -> LogicalPlan {
        let rows = LogicalPlanBuilder::values(vec![vec![lit(1i64)]]).unwrap();
        rows.project(vec![col("column1").alias("a")]).unwrap().build().unwrap()
    }

    #[test]
    fn each_node_is_found_and_those_of_others_are_not() {
        let node = |node| LogicalPlan::Extension(Extension { node });
        let marked = node(Arc::new(WatermarkNode::try_new(rows(), "a".to_owned(), 1).unwrap()));
        assert!(matches!(LogicalExtension::at(&marked), Some(LogicalExtension::Watermark(_))));
        let compute_once = crate::compute_once(rows());
        assert!(matches!(LogicalExtension::at(&compute_once), Some(LogicalExtension::ComputeOnce(_))));
        assert!(LogicalExtension::at(&node(Arc::new(Foreign(rows())))).is_none());
        assert!(LogicalExtension::at(&rows()).is_none());
    }

    #[test]
    fn a_node_over_a_column_that_is_not_there_is_refused() {
        for error in [
            WatermarkNode::try_new(rows(), "b".to_owned(), 1).unwrap_err(),
            GenerateNode::try_new(rows(), "b".to_owned(), false).unwrap_err(),
            GenerateNode::try_new(rows(), "a".to_owned(), false).unwrap_err(),
        ] {
            assert!(error.to_string().contains("Internal error"), "{error}");
        }
        assert!(only_input("Foreign", vec![]).is_err());
    }
}
