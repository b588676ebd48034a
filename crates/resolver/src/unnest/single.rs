//! Returns the value of a scalar subquery that may have no row or several: null without one, an error for several.

use arrow::array::AsArray;
use arrow::datatypes::{DataType as Arrow, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::LazyLock;
use thalweg_common::{Error, ErrorKind};

static AT_MOST_ONE: LazyLock<ScalarUDF> = LazyLock::new(|| ScalarUDF::from(AtMostOne::new()));

/// Returns the value if the number of rows is at most 1. In plans it is nullable.
pub(crate) fn at_most_one(value: Expr, rows: Expr) -> Expr {
    AT_MOST_ONE.call(vec![value, rows])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AtMostOne {
    signature: Signature,
}

impl AtMostOne {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for AtMostOne {
    fn name(&self) -> &str {
        "at_most_one"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[Arrow]) -> Result<Arrow> {
        Ok(types.first().cloned().unwrap_or(Arrow::Null))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [value, rows] = arrays.as_slice() else {
            return Err(thalweg_values::errors::external(Error::internal(
                "at_most_one was called with other arguments than a value and a count",
            )));
        };
        if rows.as_primitive::<Int64Type>().iter().any(|n| n.is_some_and(|n| n > 1)) {
            return Err(thalweg_values::errors::external(Error::new(
                ErrorKind::Runtime,
                "SCALAR_SUBQUERY_TOO_MANY_ROWS",
                "21000",
                "More than one row returned by a subquery used as an expression.",
            )));
        }
        Ok(ColumnarValue::Array(std::sync::Arc::clone(value)))
    }
}
