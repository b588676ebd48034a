//! Pairs the elements of a list with their positions, for `posexplode`.

use crate::binding::{Arg, Bound};
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel, arrow};
use ::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use ::arrow::buffer::OffsetBuffer;
use ::arrow::datatypes::{DataType, Field, Fields};
use ::arrow::error::ArrowError;
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// The list of `struct<pos: int, col: element>` of a list, and the type of these structs.
///
/// # Errors
/// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` if the argument is not a list.
pub fn with_positions(list: Arg) -> Result<(Bound, DataType)> {
    let DataType::List(element) = &list.data_type else {
        return Err(unexpected_type("posexplode", 0, "ARRAY", &list.data_type));
    };
    let pair = DataType::Struct(pair_fields(element));
    let pairs = Field::new("element", pair.clone(), false);
    let bound = Kernel::new("with_positions", DataType::List(Arc::new(pairs)), positions).call(vec![list]);
    Ok((bound, pair))
}

fn not_a_list() -> Error {
    Error::internal("the argument of with_positions is not an array, although binding checked it")
}

fn pair_fields(element: &Field) -> Fields {
    let pos = Field::new("pos", DataType::Int32, false);
    let col = Field::new("col", element.data_type().clone(), element.is_nullable());
    vec![pos, col].into()
}

fn positions(b: &Batch) -> Result<ArrayRef> {
    let list = b.array(0)?;
    let list = list.as_list_opt::<i32>().ok_or_else(not_a_list)?;
    let DataType::List(element) = list.data_type() else { return Err(not_a_list()) };
    arrow(number(list, element))
}

fn number(list: &ListArray, element: &Field) -> std::result::Result<ArrayRef, ArrowError> {
    let (offsets, values) = (list.offsets(), list.values());
    let first = offsets.first().copied().unwrap_or(0);
    let last = offsets.last().copied().unwrap_or(0);
    let length = usize::try_from(last - first).unwrap_or(0);
    // Positions are made for the elements of the slice only, so the values must be cut to the same length.
    let values = values.slice(usize::try_from(first).unwrap_or(0), length);
    let positions = offsets.windows(2).flat_map(|w| match w {
        [from, to] => 0..(to - from),
        _ => 0..0,
    });
    let positions: ArrayRef = Arc::new(Int32Array::from_iter_values(positions));
    let fields = pair_fields(element);
    // The pairs are never null, even if an element is.
    let pairs = StructArray::try_new(fields.clone(), vec![positions, values], None)?;
    let field = Arc::new(Field::new("element", DataType::Struct(fields), false));
    let offsets = OffsetBuffer::from_lengths(
        offsets.windows(2).map(|w| w.last().zip(w.first()).map_or(0, |(to, from)| (to - from) as usize)),
    );
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(pairs), list.nulls().cloned())?))
}
