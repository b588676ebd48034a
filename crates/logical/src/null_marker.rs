//! A function that returns whether a value is null, and that no optimizer rule folds.
//!
//! A rule that knows that a column is never null would replace `IS NULL` by a literal, and a join drops a key that
//! is a literal.

use arrow::compute::is_null;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

static NULL_MARKER: LazyLock<ScalarUDF> = LazyLock::new(|| ScalarUDF::from(NullMarker::default()));

/// Returns the expression of whether a value is null, as a join key.
pub(crate) fn null_marker(value: Expr) -> Expr {
    NULL_MARKER.call(vec![value])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NullMarker {
    signature: Signature,
}

impl Default for NullMarker {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NullMarker {
    fn name(&self) -> &str {
        "null_marker"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn is_nullable(&self, _: &[Expr], _: &dyn datafusion::common::ExprSchema) -> bool {
        false
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let nulls = values.iter().map(|values| is_null(values)).next().transpose()?;
        let nulls =
            nulls.ok_or_else(|| datafusion::common::internal_datafusion_err!("null_marker takes a value"))?;
        Ok(ColumnarValue::Array(Arc::new(nulls)))
    }
}
