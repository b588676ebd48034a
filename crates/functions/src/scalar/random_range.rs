//! Implements `uniform` and `randstr`: random numbers of a range, and random texts.
//!
//! With a seed the values are Spark's, as those of `rand` are.

use super::random::{RandomKind, call};
use crate::binding::{Arg, Bound, CastMode};
use crate::cast::cast;
use crate::coerce::{as_arg, constant_of, to_type};
use crate::errors::{bad_value_of, not_constant, unexpected_type};
use crate::registry::{Call, Entry, bind_scalar};
use crate::types::{is_decimal, is_integral, is_numeric};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use thalweg_common::Result;
use thalweg_values::types::decimal_holds;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["uniform"], 2, 3, uniform).doc(
        "min, max[, seed]",
        "Returns a random number between two bounds for each row, of the wider type of both.",
        &["SELECT uniform(10, 20, 0), uniform(0D, 1D, 0)"],
    ),
    Entry::bind(&["randstr"], 1, 2, randstr).doc(
        "length[, seed]",
        "Returns a random text of letters and digits with the given length for each row.",
        &["SELECT randstr(5, 0)"],
    ),
];

/// The seed that is argument `i`; the context's if there is none. A null counts as 0.
fn seed(c: &Call, i: usize) -> Result<i64> {
    let Some(arg) = c.args.get(i) else { return Ok(c.ctx.seed) };
    if !matches!(
        arg.data_type,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Null
    ) {
        return Err(unexpected_type(c.name, i, "(\"INT\" or \"BIGINT\")", &arg.data_type));
    }
    let value = constant_of(arg).and_then(|value| value.cast_to(&DataType::Int64).ok());
    match value {
        Some(ScalarValue::Int64(seed)) => Ok(seed.unwrap_or(0)),
        _ => Err(not_constant(c.name, "seed", "integer")),
    }
}

/// `min + rand(seed) * (max - min)`, cast to the type of the ends.
fn uniform(c: Call) -> Result<Bound> {
    for (i, (arg, parameter)) in c.args.iter().zip(["min", "max"]).enumerate() {
        if !is_numeric(&arg.data_type) && arg.data_type != DataType::Null {
            return Err(unexpected_type(c.name, i, "NUMERIC", &arg.data_type));
        }
        if constant_of(arg).is_none() {
            return Err(not_constant(c.name, parameter, "integer or floating-point"));
        }
    }
    let (seed, ctx) = (seed(&c, 2)?, c.ctx);
    let returns = type_of_ends(&c.type_of(0), &c.type_of(1));
    let draw = as_arg(call(RandomKind::Uniform, seed));
    let mut ends = vec![];
    for arg in c.args.into_iter().take(2) {
        ends.push(to_type(arg, &DataType::Float64, ctx)?);
    }
    let apply = |operator: &str, left: &Arg, right: &Arg| {
        bind_scalar(operator, vec![left.clone(), right.clone()], ctx).map(as_arg)
    };
    let [min, max] = ends.as_slice() else {
        return Err(crate::errors::wrong_num_args(c.name, "[2, 3]", ends.len()));
    };
    let width = apply("-", max, min)?;
    let value = apply("+", min, &apply("*", &draw, &width)?)?;
    cast(value, &returns, CastMode::Ansi, ctx)
}

/// The wider type of two ends, which Spark does not call their common type: a decimal stays as it is.
fn type_of_ends(min: &DataType, max: &DataType) -> DataType {
    let either = |t: &DataType| min == t || max == t;
    if either(&DataType::Null) || either(&DataType::Float64) {
        return DataType::Float64;
    }
    if either(&DataType::Float32) {
        return DataType::Float32;
    }
    match (is_decimal(min), is_decimal(max)) {
        (true, true) if holds(min, max) => min.clone(),
        (true, false) => min.clone(),
        (_, true) => max.clone(),
        (false, false) => [DataType::Int64, DataType::Int32, DataType::Int16]
            .into_iter()
            .find(|t| either(t) && is_integral(t))
            .unwrap_or(DataType::Int8),
    }
}

fn holds(wide: &DataType, narrow: &DataType) -> bool {
    matches!(wide, DataType::Decimal128(precision, scale) if decimal_holds(narrow, *precision, *scale))
}

fn randstr(mut c: Call) -> Result<Bound> {
    c.coerce(0, &DataType::Int32)?;
    let seed = seed(&c, 1)?;
    let length = match c.args.first().and_then(constant_of) {
        // A length that is null counts as 0, as a seed does.
        Some(ScalarValue::Int32(length)) => length.unwrap_or(0),
        _ => return Err(not_constant(c.name, "length", "integer")),
    };
    match usize::try_from(length) {
        Ok(length) => Ok(call(RandomKind::Text(length), seed)),
        Err(_) => {
            let class = "INVALID_PARAMETER_VALUE.LENGTH";
            let expected = "`length` greater than or equal to 0";
            Err(bad_value_of(class, [c.name, "length"], expected, &length.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null};

    #[test]
    fn ends_have_a_type() {
        for (min, max, expect) in [
            (Int32, Int32, Int32),
            (Int8, Int16, Int16),
            (Int64, Int8, Int64),
            (Int32, Decimal128(3, 1), Decimal128(3, 1)),
            (Decimal128(1, 1), Decimal128(4, 2), Decimal128(4, 2)),
            (Decimal128(38, 0), Decimal128(1, 0), Decimal128(38, 0)),
            (Decimal128(5, 0), Decimal128(4, 3), Decimal128(4, 3)),
            (Decimal128(4, 3), Decimal128(5, 0), Decimal128(5, 0)),
            (Decimal128(3, 2), Float32, Float32),
            (Float32, Float64, Float64),
            (Null, Int32, Float64),
        ] {
            assert_eq!(type_of_ends(&min, &max), expect, "{min} {max}");
        }
    }
}
