//! Binds CAST and TRY_CAST, and runs the casts that are not DataFusion's.
//!
//! A cast that keeps every value is DataFusion's own, so that pruning and join keys see through it. All others follow
//! Spark's ANSI rules: a value that does not fit is an error, or null for TRY_CAST.

mod datetime;
mod interval;
mod number;
mod text;

use crate::binding::{Arg, BindContext, Bound, CastMode};
use crate::errors::{cannot_cast, cannot_cast_in_ansi};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::params::InZone;
use crate::types::{
    is_datetime, is_decimal, is_float, is_integral, is_interval, is_nested, is_numeric, is_string, map_types,
};
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use ::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::types::{decimal_holds, exact_digits};
use thalweg_values::zone::Zone;

pub use interval::{
    interval_cut, interval_from_long, interval_from_text, interval_to_long, intervals_to_texts,
};
pub(crate) use number::{exceeds, pow10, rescale};

/// The mode and the session's zone, which all values of a cast share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub mode: CastMode,
    pub zone: Zone,
    /// The time of the statement, on whose day a time without a day is.
    pub now_micros: Option<i64>,
}

impl Rules {
    /// Returns the result for a value that does not fit: null for TRY_CAST, the error otherwise. The error is built
    /// only if it is needed.
    pub(crate) fn misfit<T>(&self, error: impl FnOnce() -> Error) -> Result<Option<T>> {
        match self.mode {
            CastMode::Try => Ok(None),
            CastMode::Ansi => Err(error()),
        }
    }
}

/// Binds Spark's ANSI CAST or TRY_CAST; the argument itself if the types are equal.
///
/// # Errors
/// `DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION` if there is no such cast.
pub fn cast(arg: Arg, to: &DataType, mode: CastMode, ctx: &BindContext) -> Result<Bound> {
    let from = arg.data_type.clone();
    if &from == to {
        return Ok(Bound { expr: arg.expr, data_type: from, nullable: arg.nullable, fallible: false });
    }
    // Folded for literals and columns only: a call of the type NULL may exist for the error that it raises
    // (`raise_error`), and must be kept.
    if from == DataType::Null && matches!(arg.expr, Expr::Literal(..) | Expr::Column(_)) {
        return null_of(to);
    }
    // Spark has this cast without ANSI mode, and reports so with an error class of its own.
    if mode == CastMode::Ansi && is_integral(&from) && to == &DataType::Binary {
        return Err(cannot_cast_in_ansi(&from, to));
    }
    if !castable(&from, to) {
        return Err(cannot_cast(&from, to));
    }
    if keeps_every_value(&from, to) {
        let expr = Expr::Cast(Cast::new(Box::new(arg.expr), to.clone()));
        return Ok(Bound { expr, data_type: to.clone(), nullable: arg.nullable, fallible: false });
    }
    let fallible = mode == CastMode::Ansi && can_misfit(&from, to);
    // Result columns must have Spark's nullability, which is wider than what ANSI casts can return.
    // Spark takes this cast, which saturates, for one that keeps every value.
    let widens = from == DataType::Int64 && matches!(to, DataType::Timestamp(..));
    let tries = mode == CastMode::Try && !widens;
    let nulls = if tries || said_nullable(&from, to) { Nulls::Always } else { Nulls::Args };
    let (name, run): (_, crate::kernel::Run) = match mode {
        CastMode::Ansi => ("cast", cast_ansi),
        CastMode::Try => ("try_cast", cast_try),
    };
    let kernel = Kernel::new(name, to.clone(), run).fallible(fallible).nulls(nulls);
    // Other casts do not depend on the time, and two of them are the same at any time.
    let now_micros = ctx.now_micros.filter(|_| is_string(&from) || is_nested(&from));
    Ok(kernel.params(CastIn { zone: InZone(ctx.time_zone.into()), now_micros }).call(vec![arg]))
}

/// The session state that a cast depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CastIn {
    zone: InZone,
    now_micros: Option<i64>,
}

/// Returns a null of a type.
fn null_of(to: &DataType) -> Result<Bound> {
    let value = ScalarValue::try_new_null(to).map_err(crate::errors::from_datafusion)?;
    Ok(Bound { expr: Expr::Literal(value, None), data_type: to.clone(), nullable: true, fallible: false })
}

/// Returns whether Spark's ANSI mode has the cast.
fn castable(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, Boolean, Date32, List, Map, Null, Struct, Timestamp, Utf8};
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (_, Utf8) => true,
        (Utf8, t) => is_numeric(t) || is_datetime(t) || matches!(t, Boolean | Binary),
        (f, t) if is_numeric(f) && is_numeric(t) => true,
        (Boolean, t) if is_numeric(t) => true,
        (f, Boolean) => is_numeric(f),
        (f, t) if is_datetime(f) && is_datetime(t) => true,
        (f, Timestamp(_, Some(_))) => is_numeric(f),
        (Timestamp(_, Some(_)), t) => is_numeric(t),
        (List(f), List(t)) => castable(f.data_type(), t.data_type()),
        (Map(f, _), Map(t, _)) => {
            let ((kf, vf), (kt, vt)) = (map_types(f), map_types(t));
            castable(kf, kt) && castable(vf, vt)
        }
        (Struct(f), Struct(t)) => {
            f.len() == t.len() && f.iter().zip(t.iter()).all(|(a, b)| castable(a.data_type(), b.data_type()))
        }
        (Date32, _) => false,
        (f, t) if is_interval(f) && is_interval(t) => false,
        _ => false,
    }
}

/// Returns whether Arrow's own cast gives Spark's answer for every value.
fn keeps_every_value(from: &DataType, to: &DataType) -> bool {
    use DataType::{Float32, Float64, Int8, Int16, Int32, Int64};
    match (from, to) {
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        // Digits may be lost, but both round to the nearest value.
        (f, Float32 | Float64) if is_integral(f) => true,
        (Float32, Float64) => true,
        (f, DataType::Utf8) if is_integral(f) => true,
        (f, DataType::Decimal128(..)) if exact_digits(f).is_some() => fits(f, to),
        _ => false,
    }
}

/// Returns whether every value of an exact numeric type fits into a decimal type.
fn fits(from: &DataType, to: &DataType) -> bool {
    matches!(to, DataType::Decimal128(precision, scale) if decimal_holds(from, *precision, *scale))
}

/// Returns whether some value of `from` has no equivalent in `to`. True where it is not known.
fn can_misfit(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, List, Map, Struct, Timestamp, Utf8};
    match (from, to) {
        // Bytes that are not UTF-8.
        (DataType::Binary, Utf8) => true,
        (_, Utf8) | (Boolean, _) | (_, Boolean) if !is_string(from) => false,
        // A number beyond the range of a float becomes infinity.
        (_, t) if is_float(t) => is_string(from),
        (Utf8, DataType::Binary) => false,
        (f, t) if is_decimal(f) && is_decimal(t) => true,
        (Timestamp(..), t) if is_datetime(t) => false,
        // Seconds beyond the range of timestamps become the last one, and a decimal of them keeps its lowest bits.
        (f, Timestamp(..)) if is_integral(f) || is_decimal(f) => false,
        (List(f), List(t)) => f.data_type() != t.data_type() && can_misfit(f.data_type(), t.data_type()),
        (Map(..), Map(..)) | (Struct(_), Struct(_)) => true,
        _ => true,
    }
}

/// Returns whether Spark declares the result of the cast nullable although ANSI mode raises. These are the rules of
/// its `Cast.forceNullable`.
fn said_nullable(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, Date32, Timestamp};
    match (from, to) {
        (f, Binary) if is_string(f) => false,
        (f, _) if is_string(f) => true,
        (_, t) if is_string(t) => false,
        (f, Timestamp(..)) => is_float(f),
        (Timestamp(..), Date32) => false,
        (_, Date32) => true,
        (f, t) if is_decimal(t) => !fits(f, t),
        (f, t) if is_integral(t) => is_float(f) || is_decimal(f),
        _ => false,
    }
}

fn cast_ansi(b: &Batch) -> Result<ArrayRef> {
    run(b, CastMode::Ansi)
}

fn cast_try(b: &Batch) -> Result<ArrayRef> {
    run(b, CastMode::Try)
}

fn run(b: &Batch, mode: CastMode) -> Result<ArrayRef> {
    let CastIn { zone, now_micros } = b.params()?;
    let rules = Rules { mode, zone: zone.zone()?, now_micros: *now_micros };
    cast_array(&b.array(0)?, b.returns, rules)
}

/// Casts a column.
pub(crate) fn cast_array(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    let from = array.data_type();
    match (from, to) {
        _ if from == to => Ok(Arc::clone(array)),
        (DataType::Null, _) => Ok(new_null_array(to, array.len())),
        // Needed again here: this also runs for the children of nested types.
        _ if keeps_every_value(from, to) => arrow(::arrow::compute::cast(array, to)),
        _ if is_nested(from) && is_nested(to) => nested(array, to, rules),
        (_, DataType::Utf8) => text::to_text(array, rules),
        (DataType::Utf8, _) => text::from_text(array, to, rules),
        _ if is_datetime(from) || is_datetime(to) => datetime::cast_time(array, to, rules),
        _ => number::cast_number(array, to, rules),
    }
}

/// Casts arrays, maps and structs part by part. A part that does not fit makes TRY_CAST return null for the
/// part, not for the whole.
fn nested(array: &ArrayRef, to: &DataType, rules: Rules) -> Result<ArrayRef> {
    match to {
        DataType::List(field) => list(array, field, rules),
        DataType::Map(entries, _) => map(array, entries, rules),
        DataType::Struct(fields) => structure(array.as_struct(), fields, rules),
        _ => Err(cannot_cast(array.data_type(), to)),
    }
}

fn list(array: &ArrayRef, field: &FieldRef, rules: Rules) -> Result<ArrayRef> {
    let list = array.as_list::<i32>();
    // The child array of a sliced list has values outside of the slice, which must not raise.
    let (first, last) = match list.value_offsets() {
        [first, .., last] => (*first as usize, *last as usize),
        _ => (0, 0),
    };
    let values = list.values().slice(first, last - first);
    let values = cast_array(&values, field.data_type(), rules)?;
    let lengths = list.offsets().lengths();
    let offsets = ::arrow::buffer::OffsetBuffer::from_lengths(lengths);
    let made = ListArray::try_new(Arc::clone(field), offsets, values, list.nulls().cloned());
    Ok(Arc::new(arrow(made)?))
}

fn map(array: &ArrayRef, entries: &FieldRef, rules: Rules) -> Result<ArrayRef> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Error::internal("the type of a map has no entries"));
    };
    let map = array.as_map();
    let (first, last) = match map.value_offsets() {
        [first, .., last] => (*first as usize, *last as usize),
        _ => (0, 0),
    };
    let inner = map.entries().slice(first, last - first);
    let inner = structure(&inner, fields, rules)?;
    let offsets = ::arrow::buffer::OffsetBuffer::from_lengths(map.offsets().lengths());
    let made = MapArray::try_new(
        Arc::clone(entries),
        offsets,
        inner.as_struct().clone(),
        map.nulls().cloned(),
        false,
    );
    Ok(Arc::new(arrow(made)?))
}

fn structure(array: &StructArray, fields: &Fields, rules: Rules) -> Result<ArrayRef> {
    let columns = array
        .columns()
        .iter()
        .zip(fields.iter())
        .map(|(c, f)| cast_array(&masked(c, array)?, f.data_type(), rules))
        .collect::<Result<Vec<_>>>()?;
    let made = StructArray::try_new(fields.clone(), columns, array.nulls().cloned());
    Ok(Arc::new(arrow(made)?))
}

/// Returns a child with the nulls of its struct added, so that a value hidden by a null struct does not raise.
fn masked(child: &ArrayRef, parent: &StructArray) -> Result<ArrayRef> {
    match parent.nulls() {
        None => Ok(Arc::clone(child)),
        Some(nulls) => {
            let hidden = ::arrow::array::BooleanArray::new(!nulls.inner(), None);
            arrow(::arrow::compute::nullif(child, &hidden))
        }
    }
}
