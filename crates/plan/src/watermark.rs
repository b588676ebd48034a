//! The mark that `withWatermark` leaves in a plan.
//!
//! Rows pass unchanged. The stream's lowering reads the column and the delay; a batch strips the node.

use crate::types::EVENT_TIME_KEY;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Rows whose column `column` is the event time, at most `delay_micros` late.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WatermarkNode {
    pub input: LogicalPlan,
    /// The id of the event-time column in the input's schema.
    pub column: String,
    /// The delay of the watermark in microseconds.
    pub delay_micros: i64,
    schema: DFSchemaRef,
}

impl WatermarkNode {
    /// A watermark over `input`; the column's field gets the mark that [`crate::event_time_of`] reads.
    pub fn try_new(input: LogicalPlan, column: String, delay_micros: i64) -> Result<Self> {
        let fields = input.schema().iter().map(|(qualifier, field)| {
            let mut field = field.as_ref().clone();
            // Only the newest watermark counts: the other columns lose their marks.
            field.metadata_mut().remove(EVENT_TIME_KEY);
            if field.name() == &column {
                field.metadata_mut().insert(EVENT_TIME_KEY.to_owned(), delay_micros.to_string());
            }
            (qualifier.cloned(), Arc::new(field))
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), input.schema().metadata().clone())?;
        Ok(Self { input, column, delay_micros, schema: Arc::new(schema) })
    }
}

impl PartialOrd for WatermarkNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.column.partial_cmp(&other.column)
    }
}

impl UserDefinedLogicalNodeCore for WatermarkNode {
    fn name(&self) -> &str {
        "Watermark"
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
        // A filter below would change which rows the watermark sees, so none passes.
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Watermark: {} delay={}us", self.column, self.delay_micros)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input =
            inputs.pop().ok_or_else(|| DataFusionError::Internal("a watermark needs an input".into()))?;
        Self::try_new(input, self.column.clone(), self.delay_micros)
    }
}
