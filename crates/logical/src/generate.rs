//! The logical node of `explode` and of sliding windows: returns a row per element of a list.
//!
//! DataFusion's own Unnest keeps its input's functional dependencies, as if a key were still unique after its
//! row was repeated: ORDER BY, GROUP BY and DISTINCT over the elements then lose keys. This node has none.
//! A batch runs it as DataFusion's UnnestExec; a stream is lowered from the node itself.

use crate::extension::{only_input, place_of};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
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
    index: usize,
    schema: DFSchemaRef,
}

impl GenerateNode {
    /// Creates the node for the list `column` of `input`.
    ///
    /// # Errors
    /// DataFusion's internal error if the column is not a list.
    pub fn try_new(input: LogicalPlan, column: String, outer: bool) -> Result<Self> {
        let index = place_of("Generate", &column, input.schema())?;
        // The resolver checks the argument of a generator, so another type is an error of a rule that rewrote the input.
        let DataType::List(element) = input.schema().field(index).data_type() else {
            return internal_err!("the column {column} of Generate is not a list");
        };
        let element = Arc::new(Field::new(&column, element.data_type().clone(), true));
        let fields = input.schema().iter().enumerate().map(|(at, (qualifier, field))| {
            let field = if at == index { &element } else { field };
            (qualifier.cloned(), Arc::clone(field))
        });
        let fields = fields.collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?);
        Ok(Self { input, column, outer, index, schema })
    }

    /// Returns the index of the list among the input's columns, and of the element among the node's.
    pub fn index(&self) -> usize {
        self.index
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
        needed.push(self.index);
        // DataFusion wants ascending places, each once.
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Generate: {} outer={}", self.column, self.outer)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::try_new(only_input("Generate", inputs)?, self.column.clone(), self.outer)
    }
}
