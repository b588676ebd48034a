//! Wraps an aggregate that is used over windows, so that it ends soon after its query is cancelled.
//!
//! DataFusion computes all windows of a partition in one call, however many rows it has, but evaluates the
//! accumulator for each row: that is where the wrapper checks. Everything else is delegated to the aggregate.

use super::moving_frame::moving;
use crate::errors::external;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF, SetMonotonicity, Signature,
};
use std::sync::Arc;

/// Wraps an aggregate, so that its windows check for cancellation.
pub(crate) fn windowed(of: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Windowed(of)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Windowed(Arc<AggregateUDF>);

impl AggregateUDFImpl for Windowed {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn signature(&self) -> &Signature {
        self.0.signature()
    }
    fn window_function_schema_name(&self, params: &WindowFunctionParams) -> Result<String> {
        self.0.window_function_schema_name(params)
    }
    fn window_function_display_name(&self, params: &WindowFunctionParams) -> Result<String> {
        self.0.window_function_display_name(params)
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }
    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        self.0.return_field(arg_fields)
    }
    fn is_nullable(&self) -> bool {
        self.0.is_nullable()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arg_types)
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(StillWanted(self.0.accumulator(args)?)))
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(StillWanted(moving(&self.0, args)?)))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        match self.0.reverse_udf() {
            ReversedUDAF::Reversed(of) => ReversedUDAF::Reversed(windowed(of)),
            other => other,
        }
    }
    fn is_descending(&self) -> Option<bool> {
        self.0.is_descending()
    }
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.0.default_value(data_type)
    }
    fn supports_null_handling_clause(&self) -> bool {
        self.0.supports_null_handling_clause()
    }
    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        // `AggregateUDF` does not delegate this method.
        self.0.inner().set_monotonicity(data_type)
    }
}

#[derive(Debug)]
struct StillWanted(Box<dyn Accumulator>);

fn still_wanted() -> Result<()> {
    thalweg_common::cancel::check().map_err(external)
}

impl Accumulator for StillWanted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values)
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(values)
    }
    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        still_wanted()?;
        self.0.evaluate()
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::functions_aggregate::sum::sum_udaf;
    use thalweg_common::cancel::Cancellation;

    #[derive(Debug)]
    struct Seven;

    impl Accumulator for Seven {
        fn update_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
            Ok(())
        }
        fn evaluate(&mut self) -> Result<ScalarValue> {
            Ok(ScalarValue::from(7))
        }
        fn size(&self) -> usize {
            0
        }
        fn state(&mut self) -> Result<Vec<ScalarValue>> {
            Ok(vec![])
        }
        fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_window_of_a_cancelled_query_is_not_computed() {
        let cancellation = Cancellation::default();
        let _entered = cancellation.enter();
        let mut windows = StillWanted(Box::new(Seven));
        assert_eq!(windows.evaluate().unwrap(), ScalarValue::from(7));
        cancellation.cancel();
        assert!(windows.evaluate().unwrap_err().to_string().contains("OPERATION_CANCELED"));
    }

    #[test]
    fn it_says_of_itself_what_the_aggregate_says() {
        let (of, made) = (sum_udaf(), windowed(sum_udaf()));
        assert_eq!((made.name(), made.signature()), (of.name(), of.signature()));
        assert_eq!(made, windowed(sum_udaf()));
        assert_ne!(made, of);
        assert!(matches!(made.reverse_udf(), ReversedUDAF::Identical));
    }
}
