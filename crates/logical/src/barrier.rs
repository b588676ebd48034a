//! A predicate that is true on every row and that no optimizer rule moves another predicate past.

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

/// The name of the function of [`optimization_barrier`], as plans show it.
pub const OPTIMIZATION_BARRIER: &str = "optimization_barrier";

static BARRIER: LazyLock<ScalarUDF> = LazyLock::new(|| ScalarUDF::from(OptimizationBarrier::default()));

/// Returns an expression that is true on every row. As a column of a projection it prevents rules from moving
/// predicates through the projection.
pub fn optimization_barrier() -> Expr {
    BARRIER.call(vec![])
}

/// The function is volatile, so that no rule moves a predicate on it further down.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OptimizationBarrier {
    signature: Signature,
}

impl Default for OptimizationBarrier {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![], Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for OptimizationBarrier {
    fn name(&self) -> &str {
        OPTIMIZATION_BARRIER
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(vec![true; args.number_rows]))))
    }
}
