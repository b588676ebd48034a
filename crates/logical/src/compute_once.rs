//! The logical node above random numbers and row ids, whose rows must be computed exactly once.
//!
//! The values of such expressions depend on the rows that reach them, in their order. So no filter and no
//! limit moves below this node, and no projection merges with the one below it. Columns that are not
//! read are still removed. It is planned as an optimization barrier that is removed at the end of planning.

use crate::extension::only_input;
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The node that [`compute_once`] puts above rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ComputeOnceNode {
    input: LogicalPlan,
}

/// Creates the node above `input`.
pub fn compute_once(input: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(ComputeOnceNode { input }) })
}

impl PartialOrd for ComputeOnceNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for ComputeOnceNode {
    fn name(&self) -> &str {
        "ComputeOnce"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.input.schema().fields().iter().map(|f| f.name().clone()).collect()
    }
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ComputeOnce")
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { input: only_input("ComputeOnce", inputs)? })
    }
}
