//! Implements Spark's ANSI coercion: finds the common type of several types, and casts arguments implicitly.
//!
//! All implicit casts are inserted here, before DataFusion sees the expression, so that its own coercion has nothing
//! left to change. The rules are those of Spark's `AnsiTypeCoercion`.

use crate::binding::{Arg, BindContext, Bound, CastMode};
use crate::cast::cast;
use crate::errors::{cannot_cast, data_diff_types, unexpected_type};
use crate::types::{
    PRECISION_MAX, TIMESTAMP_NTZ, decimal_bounded, element_field, is_datetime, is_decimal, is_float,
    is_integral, is_interval, is_numeric, is_string, map_of, map_types, timestamp,
};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::names::same_name;
use thalweg_values::types::{exact_digits, sql_name};

/// Returns the least type that holds the values of all `types`, for set operations, CASE, IN, COALESCE and VALUES.
/// `None` if they have no common type; the type NULL for no types.
pub fn common_type(types: &[DataType]) -> Option<DataType> {
    // Texts come last, so that the result does not depend on the order of the arguments: (text, date, text) is a
    // date.
    let (texts, others): (Vec<_>, Vec<_>) = types.iter().partition(|t| is_string(t));
    let mut found = DataType::Null;
    for t in others.into_iter().chain(texts) {
        found = common_of_two(&found, t)?;
    }
    Some(found)
}

/// Returns the common type of two types.
fn common_of_two(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Int32, Int64, List, Map, Null, Struct};
    match (a, b) {
        _ if a == b => Some(a.clone()),
        (Null, t) | (t, Null) => Some(t.clone()),
        (x, y) if is_numeric(x) && is_numeric(y) => Some(common_number(x, y)),
        (x, y) if is_datetime(x) && is_datetime(y) => Some(common_time(x, y)),
        (x, y) if is_string(x) => with_string(y),
        (x, y) if is_string(y) => with_string(x),
        (List(x), List(y)) => {
            let element = common_of_two(x.data_type(), y.data_type())?;
            Some(DataType::List(element_field(element)))
        }
        (Map(x, _), Map(y, _)) => {
            let ((kx, vx), (ky, vy)) = (map_types(x), map_types(y));
            Some(map_of(common_of_two(kx, ky)?, common_of_two(vx, vy)?))
        }
        (Struct(x), Struct(y)) => common_struct(x, y),
        (Int32, Int64) | (Int64, Int32) => Some(Int64),
        _ => None,
    }
}

fn common_struct(x: &Fields, y: &Fields) -> Option<DataType> {
    if x.len() != y.len() {
        return None;
    }
    let mut fields = Vec::with_capacity(x.len());
    for (a, b) in x.iter().zip(y.iter()) {
        // Structs are coerced field by field only if their names agree.
        if !same_name(a.name(), b.name()) {
            return None;
        }
        let t = common_of_two(a.data_type(), b.data_type())?;
        fields.push(Field::new(a.name(), t, a.is_nullable() || b.is_nullable()));
    }
    Some(DataType::Struct(fields.into()))
}

fn rank(t: &DataType) -> u8 {
    match t {
        DataType::Int8 => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        DataType::Int64 => 3,
        DataType::Float32 => 4,
        _ => 5,
    }
}

/// Returns the common type of two different numeric types.
fn common_number(a: &DataType, b: &DataType) -> DataType {
    if is_decimal(a) || is_decimal(b) {
        return match (exact_digits(a), exact_digits(b)) {
            (Some(x), Some(y)) => wider_decimal(x, y),
            _ => DataType::Float64,
        };
    }
    match (is_float(a), is_float(b)) {
        (true, true) => DataType::Float64,
        // In ANSI mode the common type of an integer and a FLOAT is DOUBLE, since a FLOAT would lose digits.
        (true, false) | (false, true) => DataType::Float64,
        (false, false) => {
            // Of two integers the wider one holds both.
            if rank(a) > rank(b) { a.clone() } else { b.clone() }
        }
    }
}

/// Returns the decimal type that holds the values of two others. If 38 digits are not enough, the scale is reduced
/// and the integral digits are kept.
fn wider_decimal((p1, s1): (i32, i32), (p2, s2): (i32, i32)) -> DataType {
    // Enough digits on both sides of the point for either type.
    let scale = s1.max(s2);
    let precision = (p1 - s1).max(p2 - s2) + scale;
    if precision <= PRECISION_MAX {
        return decimal_bounded(precision, scale);
    }
    decimal_bounded(PRECISION_MAX, (scale - (precision - PRECISION_MAX)).max(0))
}

/// Returns TIMESTAMP if one of two different types is that, and otherwise TIMESTAMP_NTZ.
fn common_time(a: &DataType, b: &DataType) -> DataType {
    if a == &timestamp() || b == &timestamp() { timestamp() } else { TIMESTAMP_NTZ }
}

/// Returns the common type of a text and another type: BIGINT for integers, DOUBLE for other numbers, otherwise the
/// other type.
fn with_string(other: &DataType) -> Option<DataType> {
    match other {
        t if is_integral(t) => Some(DataType::Int64),
        t if is_float(t) || is_decimal(t) => Some(DataType::Float64),
        DataType::Boolean | DataType::Binary => Some(other.clone()),
        t if is_datetime(t) => Some(other.clone()),
        _ => None,
    }
}

/// Casts an argument implicitly, as Spark does where a function requires another type.
///
/// # Errors
/// `DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION` if there is no implicit cast between the types.
pub fn implicit_cast(arg: Arg, to: &DataType, ctx: &BindContext) -> Result<Bound> {
    if &arg.data_type == to {
        return Ok(Bound {
            expr: arg.expr,
            data_type: arg.data_type,
            nullable: arg.nullable,
            fallible: false,
        });
    }
    if !implicitly_castable(&arg.data_type, to) {
        return Err(cannot_cast(&arg.data_type, to));
    }
    cast(arg, to, CastMode::Ansi, ctx)
}

/// Casts argument `i` of a function implicitly; the error names the function and the argument.
pub(crate) fn coerce_argument(
    function: &str,
    i: usize,
    arg: Arg,
    to: &DataType,
    ctx: &BindContext,
) -> Result<Arg> {
    if &arg.data_type == to {
        return Ok(arg);
    }
    if !implicitly_castable(&arg.data_type, to) {
        return Err(unexpected_type(function, i, &sql_name(to), &arg.data_type));
    }
    cast(arg, to, CastMode::Ansi, ctx).map(as_arg)
}

/// Casts all arguments to their common type.
pub(crate) fn coerce_all(function: &str, args: Vec<Arg>, ctx: &BindContext) -> Result<(Vec<Arg>, DataType)> {
    let types: Vec<DataType> = args.iter().map(|a| a.data_type.clone()).collect();
    let common = common_type(&types).ok_or_else(|| data_diff_types(function, &types))?;
    let args = args.into_iter().map(|a| to_type(a, &common, ctx)).collect::<Result<Vec<_>>>()?;
    Ok((args, common))
}

/// Casts two arguments to their common type.
pub(crate) fn coerce_both(
    function: &str,
    [left, right]: [Arg; 2],
    ctx: &BindContext,
) -> Result<([Arg; 2], DataType)> {
    let types = [left.data_type.clone(), right.data_type.clone()];
    let common = common_type(&types).ok_or_else(|| data_diff_types(function, &types))?;
    Ok(([to_type(left, &common, ctx)?, to_type(right, &common, ctx)?], common))
}

/// Casts to a type that is known to fit.
pub(crate) fn to_type(arg: Arg, to: &DataType, ctx: &BindContext) -> Result<Arg> {
    if &arg.data_type == to { Ok(arg) } else { cast(arg, to, CastMode::Ansi, ctx).map(as_arg) }
}

/// Returns the value of an argument that is computed from constants alone, for functions that need it while binding.
/// `None` if it is not constant or its evaluation fails.
pub(crate) fn constant_of(arg: &Arg) -> Option<ScalarValue> {
    if let Some(value) = arg.literal() {
        return Some(value.clone());
    }
    if arg.expr.any_column_refs() || arg.expr.is_volatile() {
        return None;
    }
    let schema = DFSchema::empty();
    let physical =
        create_physical_expr(&arg.expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
            .ok()?;
    // One row and no columns: evaluated as on any row, with this crate's kernels.
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(schema.inner().clone(), vec![], &options).ok()?;
    let array = physical.evaluate(&row).ok()?.into_array(1).ok()?;
    ScalarValue::try_from_array(&array, 0).ok()
}

/// Converts a bound expression to an argument of another one.
pub(crate) fn as_arg(b: Bound) -> Arg {
    Arg { expr: b.expr, data_type: b.data_type, nullable: b.nullable }
}

/// Returns whether a function's argument may be cast from one type to another without an explicit CAST.
fn implicitly_castable(from: &DataType, to: &DataType) -> bool {
    use DataType::{List, Map, Null, Struct};
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (x, y) if is_numeric(x) && is_numeric(y) => true,
        (x, y) if is_datetime(x) && is_datetime(y) => true,
        (x, y) if is_string(x) => {
            is_numeric(y)
                || is_datetime(y)
                || is_interval(y)
                || matches!(y, DataType::Boolean | DataType::Binary)
        }
        // Everything else has an implicit cast to a text; nested values need an explicit one.
        (List(_) | Map(..) | Struct(_), y) if is_string(y) => false,
        (_, y) if is_string(y) => true,
        (List(x), List(y)) => implicitly_castable(x.data_type(), y.data_type()),
        (Map(x, _), Map(y, _)) => {
            let ((kx, vx), (ky, vy)) = (map_types(x), map_types(y));
            implicitly_castable(kx, ky) && implicitly_castable(vx, vy)
        }
        (Struct(x), Struct(y)) => {
            x.len() == y.len()
                && x.iter().zip(y.iter()).all(|(a, b)| implicitly_castable(a.data_type(), b.data_type()))
        }
        _ => false,
    }
}

/// Makes a struct type of fields.
pub(crate) fn struct_of(fields: Vec<Field>) -> DataType {
    DataType::Struct(fields.into_iter().map(Arc::new).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use DataType::*;

    #[test]
    fn common_types_follow_ansi() {
        let cases = [
            (vec![Int32, Int64], Some(Int64)),
            (vec![Int32, Float32], Some(Float64)),
            (vec![Int32, Decimal128(2, 1)], Some(Decimal128(11, 1))),
            (vec![Decimal128(38, 10), Decimal128(38, 2)], Some(Decimal128(38, 2))),
            (vec![Decimal128(5, 2), Float64], Some(Float64)),
            (vec![Utf8, Int32], Some(Int64)),
            (vec![Utf8, Decimal128(5, 2)], Some(Float64)),
            (vec![Utf8, Date32], Some(Date32)),
            (vec![Date32, timestamp()], Some(timestamp())),
            (vec![Boolean, Int32], None),
            (vec![Null, Null], Some(Null)),
            (vec![Utf8, Null, Boolean], Some(Boolean)),
            (vec![], Some(Null)),
        ];
        for (types, expect) in cases {
            assert_eq!(common_type(&types), expect, "{types:?}");
        }
    }
}
