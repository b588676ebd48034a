//! Converts equality in which null equals null to pairs of keys in which null equals nothing.

use crate::null_marker::null_marker;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

/// Returns pairs of keys that are all equal exactly where `left` and `right` are, with null equal to null.
///
/// # Errors
/// DataFusion's error for an expression without a type.
pub fn plain_keys(
    left: Expr,
    left_schema: &DFSchema,
    right: Expr,
    right_schema: &DFSchema,
) -> Result<Vec<(Expr, Expr)>> {
    // A null on one side equals nothing if the other side has none.
    if !left.nullable(left_schema)? || !right.nullable(right_schema)? {
        return Ok(vec![(left, right)]);
    }
    // Any value serves: the second key tells a null from it.
    let stand_in = ScalarValue::new_default(&left.get_type(left_schema)?)?;
    let filled = |e: &Expr| {
        let branch = (Box::new(e.clone().is_null()), Box::new(lit(stand_in.clone())));
        Expr::Case(Case::new(None, vec![branch], Some(Box::new(e.clone()))))
    };
    let value = (filled(&left), filled(&right));
    Ok(vec![value, (null_marker(left), null_marker(right))])
}
