//! The logical node of `dropDuplicates` on a stream: passes the first row of each key.
//!
//! A batch numbers the rows of each key instead; a stream has no last row, so it is lowered from this node.

use crate::extension::only_input;
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

/// Passes the first row of each key, unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeduplicateNode {
    /// The rows.
    pub input: LogicalPlan,
    /// The expressions over the rows whose values identify a row.
    pub keys: Vec<Expr>,
    /// Whether a key is forgotten when the watermark has passed the event time of its row by the delay of the
    /// watermark (`dropDuplicatesWithinWatermark`).
    pub within_watermark: bool,
}

impl PartialOrd for DeduplicateNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.keys, self.within_watermark).partial_cmp(&(&other.keys, other.within_watermark))
    }
}

impl UserDefinedLogicalNodeCore for DeduplicateNode {
    fn name(&self) -> &str {
        "Deduplicate"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        self.keys.clone()
    }
    /// A filter below could let another row be the first of its key.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.input.schema().fields().iter().map(|f| f.name().clone()).collect()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        write!(f, "Deduplicate: {} within_watermark={}", keys.join(", "), self.within_watermark)
    }
    fn with_exprs_and_inputs(&self, keys: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = only_input("Deduplicate", inputs)?;
        Ok(Self { input, keys, within_watermark: self.within_watermark })
    }
}
