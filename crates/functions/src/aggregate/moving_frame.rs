//! Computes moving window frames of aggregates that cannot retract rows exactly.
//!
//! The rows of the frame are kept, and each result is computed from all of them, as Spark does for every moving
//! frame. DataFusion's aggregates of floating-point numbers can retract, but a sum from which a NaN or a large number
//! was retracted is not the sum of the rest. All others that can retract are used as they are.

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use std::collections::VecDeque;
use std::sync::Arc;

/// Creates the accumulator of a moving frame: the aggregate's own if it can retract rows exactly.
pub(crate) fn moving(of: &Arc<AggregateUDF>, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
    let make = Maker::new(of, &args);
    // Decided by the arguments' types: `sum` is exact over integers and not over doubles.
    let is_exact = !args.expr_fields.iter().any(|field| field.data_type().is_floating());
    match of.create_sliding_accumulator(args) {
        Ok(made) if is_exact && made.supports_retract_batch() => Ok(made),
        _ => Ok(Box::new(Replayed { make, rows: VecDeque::new() })),
    }
}

/// Creates accumulators of the aggregate, one for each result. An owned copy of `AccumulatorArgs`, which borrows.
#[derive(Debug)]
struct Maker {
    of: Arc<AggregateUDF>,
    return_field: FieldRef,
    schema: Schema,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl Maker {
    fn new(of: &Arc<AggregateUDF>, args: &AccumulatorArgs) -> Self {
        Self {
            of: Arc::clone(of),
            return_field: Arc::clone(&args.return_field),
            schema: args.schema.clone(),
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys.to_vec(),
            is_reversed: args.is_reversed,
            name: args.name.to_owned(),
            is_distinct: args.is_distinct,
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        }
    }

    fn make(&self) -> Result<Box<dyn Accumulator>> {
        self.of.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        })
    }
}

/// The rows of the frame in their order, in the arrays that they came in.
#[derive(Debug)]
struct Replayed {
    make: Maker,
    rows: VecDeque<Vec<ArrayRef>>,
}

impl Replayed {
    /// Creates an accumulator of all rows. They are concatenated first, so that the next results do not go through
    /// many small arrays again.
    fn whole(&mut self) -> Result<Box<dyn Accumulator>> {
        let mut made = self.make.make()?;
        if self.rows.len() > 1 {
            let columns = self.rows.iter().map(Vec::len).min().unwrap_or_default();
            let column =
                |i: usize| self.rows.iter().filter_map(move |values| values.get(i)).map(AsRef::as_ref);
            let together = (0..columns).map(|i| concat(&column(i).collect::<Vec<_>>()));
            self.rows = VecDeque::from([together.collect::<Result<Vec<_>, _>>()?]);
        }
        for values in &self.rows {
            made.update_batch(values)?;
        }
        Ok(made)
    }
}

/// Returns the number of rows of a batch of arguments.
fn rows_of(values: &[ArrayRef]) -> usize {
    values.first().map_or(0, |column| column.len())
}

impl Accumulator for Replayed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if rows_of(values) > 0 {
            self.rows.push_back(values.to_vec());
        }
        Ok(())
    }
    /// Removes the first rows: a frame only loses rows at its start, so their number is enough.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut leaving = rows_of(values);
        while leaving > 0 {
            let Some(first) = self.rows.pop_front() else {
                return Err(DataFusionError::Internal("more rows leave a frame than it has".into()));
            };
            let rows = rows_of(&first);
            if rows > leaving {
                // A slice keeps the array and copies nothing.
                let rest = first.iter().map(|column| column.slice(leaving, rows - leaving)).collect();
                self.rows.push_front(rest);
            }
            leaving = leaving.saturating_sub(rows);
        }
        Ok(())
    }
    fn supports_retract_batch(&self) -> bool {
        true
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.whole()?.evaluate()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.whole()?.state()
    }
    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        // Window functions run in one partition and have no partial states.
        Err(DataFusionError::Internal("frames are not merged".into()))
    }
    fn size(&self) -> usize {
        size_of_val(self)
            + self.rows.iter().flatten().map(|column| column.get_array_memory_size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow::array::{BooleanArray, Float64Array};
    use arrow::datatypes::{DataType, Field};
    use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
    use datafusion::functions_aggregate::sum::sum_udaf;

    fn frame(of: &Arc<AggregateUDF>, of_type: DataType) -> Box<dyn Accumulator> {
        let field = Arc::new(Field::new("a", of_type, true));
        let schema = Schema::new(vec![Arc::clone(&field)]);
        let args = AccumulatorArgs {
            return_field: Arc::clone(&field),
            schema: &schema,
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: "of",
            is_distinct: false,
            exprs: &[],
            expr_fields: &[Arc::clone(&field)],
        };
        moving(of, args).unwrap()
    }

    fn booleans(values: &[Option<bool>]) -> Vec<ArrayRef> {
        vec![Arc::new(BooleanArray::from(values.to_vec()))]
    }

    #[test]
    fn rows_leave_in_the_order_in_which_they_came() {
        let mut frame = frame(&bool_and_udaf(), DataType::Boolean);
        assert!(frame.evaluate().unwrap().is_null());
        frame.update_batch(&booleans(&[Some(true), Some(false), None])).unwrap();
        frame.update_batch(&booleans(&[Some(true)])).unwrap();
        assert_eq!(frame.evaluate().unwrap(), ScalarValue::from(false));
        frame.retract_batch(&booleans(&[Some(true), Some(false)])).unwrap();
        assert_eq!(frame.evaluate().unwrap(), ScalarValue::from(true));
        frame.retract_batch(&booleans(&[None, Some(true)])).unwrap();
        assert!(frame.evaluate().unwrap().is_null());
        assert!(frame.retract_batch(&booleans(&[None])).is_err());
    }

    #[test]
    fn a_number_that_has_left_leaves_no_trace() {
        let mut frame = frame(&sum_udaf(), DataType::Float64);
        let doubles =
            |values: &[f64]| -> Vec<ArrayRef> { vec![Arc::new(Float64Array::from(values.to_vec()))] };
        frame.update_batch(&doubles(&[f64::NAN, 1e300, 0.1, 0.2])).unwrap();
        assert_eq!(frame.evaluate().unwrap().to_string(), "NaN");
        frame.retract_batch(&doubles(&[f64::NAN, 1e300])).unwrap();
        assert_eq!(frame.evaluate().unwrap(), ScalarValue::from(0.1 + 0.2));
    }
}
