//! An expression in which several places share values that are computed once for each row.
//!
//! What a rewrite says twice, such as `x >= a AND x <= b` for BETWEEN, must not draw twice where `x` is a random
//! number. The shared values are arguments, and the expression over them is the body, which the optimizer does not
//! see. Columns that the body names besides are arguments too.

use crate::kernel::Kernel;
use crate::lambda;
use arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// The name of the function that shares values between places of an expression.
const ONCE: &str = "once";

/// Whether the function at the top of an expression may give something else at every evaluation.
pub fn draws_itself(expr: &Expr) -> bool {
    let Expr::ScalarFunction(call) = expr else { return false };
    // These are marked as volatile to stay in their place.
    let function = call.func.inner();
    let is_steady = function.downcast_ref::<Kernel>().is_some()
        || function.downcast_ref::<Once>().is_some()
        || call.name() == thalweg_logical::OPTIMIZATION_BARRIER;
    expr.is_volatile_node() && !is_steady
}

/// Whether every evaluation of an expression may give something else.
pub fn draws(expr: &Expr) -> bool {
    expr.exists(|e| Ok(draws_itself(e))).unwrap_or(true)
}

/// What is known of an expression that shares values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// Whether evaluations may return different values.
    pub volatile: bool,
    /// Whether evaluating the body can raise.
    pub fallible: bool,
}

/// The body over these shared values, each under its id in the body.
pub fn call(shared: Vec<(String, Expr)>, body: Expr, returns: Arrow, sharing: Sharing) -> Expr {
    let (mut names, mut args): (Vec<String>, Vec<Expr>) = shared.into_iter().unzip();
    let mut captured: Vec<_> = body.column_refs().into_iter().filter(|c| !names.contains(&c.name)).collect();
    captured.sort();
    args.extend(captured.iter().map(|c| Expr::Column((*c).clone())));
    names.extend(captured.iter().map(|c| c.name.clone()));
    let volatility = if sharing.volatile { Volatility::Volatile } else { Volatility::Immutable };
    let signature = Signature::user_defined(volatility);
    let udf = Once { names, body, returns, fallible: sharing.fallible, signature };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(udf)), args))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Once {
    /// What the body calls the arguments.
    names: Vec<String>,
    body: Expr,
    returns: Arrow,
    fallible: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Once {
    fn name(&self) -> &str {
        ONCE
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(self.returns.clone())
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<Arc<Field>> {
        Ok(Arc::new(Field::new(ONCE, self.returns.clone(), true)))
    }
    fn coerce_types(&self, arg_types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }
    /// An expression that can raise is not shared with a place that evaluates it on more rows.
    fn short_circuits(&self) -> bool {
        self.fallible
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let named = self.names.iter().cloned().zip(columns).collect();
        Ok(ColumnarValue::Array(lambda::evaluate(&self.body, named, rows)?))
    }
}
