//! The logical node of `explode` and of sliding windows: returns a row per element of a list.
//!
//! DataFusion's own Unnest keeps its input's functional dependencies, as if a key were still unique after its
//! row was repeated: ORDER BY, GROUP BY and DISTINCT over the elements then lose keys. This node has none.
//! A batch runs it as DataFusion's UnnestExec; a stream is lowered from the node itself.

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Returns the input's rows, each once per element of a list: the element replaces the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenerateNode {
    /// The rows.
    pub input: LogicalPlan,
    /// The id of the list's column, and of the element's.
    pub column: String,
    /// Whether a row without elements stays, once, with null.
    pub outer: bool,
    schema: DFSchemaRef,
}

impl GenerateNode {
    /// Creates the node for the list `column` of `input`.
    ///
    /// # Errors
    /// DataFusion's internal error if the column is not a list.
    pub fn try_new(input: LogicalPlan, column: String, outer: bool) -> Result<Self> {
        let fields = input.schema().iter().map(|(qualifier, field)| {
            let element = match field.data_type() {
                DataType::List(element) if field.name() == &column => {
                    Arc::new(Field::new(&column, element.data_type().clone(), true))
                }
                _ => Arc::clone(field),
            };
            (qualifier.cloned(), element)
        });
        let fields = fields.collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        let node = Self { input, column, outer, schema };
        match node.input.schema().field(node.index()?).data_type() {
            DataType::List(_) => Ok(node),
            other => {
                Err(DataFusionError::Internal(format!("no elements in {} of type {other}", node.column)))
            }
        }
    }

    /// Returns the index of the list among the columns.
    ///
    /// # Errors
    /// DataFusion's internal error if the input no longer has the column.
    pub fn index(&self) -> Result<usize> {
        let place = self.schema.fields().iter().position(|f| f.name() == &self.column);
        place.ok_or_else(|| DataFusionError::Internal(format!("the list {} is gone", self.column)))
    }
}

impl PartialOrd for GenerateNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.column, self.outer).partial_cmp(&(&other.column, other.outer))
    }
}

impl UserDefinedLogicalNodeCore for GenerateNode {
    fn name(&self) -> &str {
        "Generate"
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
    /// A filter of the other columns keeps or drops all rows of an input row, so it may be pushed down.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::from([self.column.clone()])
    }
    /// The required columns, and always the list: it determines the number of rows.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let mut needed = output_columns.to_vec();
        needed.push(self.index().ok()?);
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Generate: {} outer={}", self.column, self.outer)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input =
            inputs.pop().ok_or_else(|| DataFusionError::Internal("Generate needs an input".into()))?;
        Self::try_new(input, self.column.clone(), self.outer)
    }
}
