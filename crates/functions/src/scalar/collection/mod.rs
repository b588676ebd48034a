//! Holds the functions of arrays, maps and structs.
//!
//! Most of them rearrange elements: they list which elements of which sources make up each row, and one [`Gather`]
//! builds the result, for every element type. Elements are compared by Arrow's comparators on normalized values:
//! nulls first, NaN greatest.

mod array_insert;
mod arrays_zip;
mod build;
mod list;
mod map;
pub(crate) mod positions;
mod sequence;
mod set;

use crate::kernel::{Batch, arrow};
use crate::registry::Entry;
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, new_null_array};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::compute::interleave;
use ::arrow::datatypes::{DataType, FieldRef};
use std::ops::Range;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::types::sql_name;

pub(crate) use list::concat;

/// All entries of this family.
pub(super) const FAMILIES: &[&[Entry]] = &[
    build::ENTRIES,
    list::ENTRIES,
    map::ENTRIES,
    sequence::ENTRIES,
    set::ENTRIES,
    array_insert::ENTRIES,
    arrays_zip::ENTRIES,
];

/// Returns the range of a row's elements in the child array.
fn range_of(list: &ListArray, row: usize) -> Range<usize> {
    match list.value_offsets().get(row..row + 2) {
        Some([from, to]) => *from as usize..*to as usize,
        _ => 0..0,
    }
}

pub(crate) fn element_of(returns: &DataType) -> Result<&FieldRef> {
    match returns {
        DataType::List(field) => Ok(field),
        other => Err(Error::internal(format!(
            "a kernel builds an array, but it was bound to return {}",
            sql_name(other)
        ))),
    }
}

/// Builds an array column from elements of sources.
struct Gather {
    /// Source and index of each element, row after row.
    picks: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Gather {
    fn new(rows: usize) -> Self {
        let (lengths, valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        Self { picks: Vec::new(), lengths, valid }
    }
    fn push(&mut self, source: usize, index: usize) {
        self.picks.push((source, index));
    }
    /// Ends a row that began when `picks` had `before` elements. An invalid row keeps none of them.
    fn end(&mut self, before: usize, valid: bool) {
        if !valid {
            self.picks.truncate(before);
        }
        self.lengths.push(self.picks.len() - before);
        self.valid.push(valid);
    }
    /// Builds the child array of the picked elements.
    fn values(&self, sources: &[&dyn Array], element: &DataType) -> Result<ArrayRef> {
        // `interleave` fails without sources, for example for `array()`.
        if self.picks.is_empty() {
            return Ok(::arrow::array::new_empty_array(element));
        }
        // A column of the type NULL has only a length.
        if element == &DataType::Null {
            return Ok(new_null_array(element, self.picks.len()));
        }
        arrow(interleave(sources, &self.picks))
    }
    fn finish(self, sources: &[&dyn Array], returns: &DataType) -> Result<ArrayRef> {
        let field = element_of(returns)?;
        let values = self.values(sources, field.data_type())?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(field), offsets, values, nulls))?))
    }
}

/// Rearranges one array argument. `pick` appends the elements of a row, as indexes into the child array, and returns
/// whether the row is not null.
fn rearrange(
    b: &Batch,
    mut pick: impl FnMut(usize, Range<usize>, &mut Vec<usize>) -> Result<bool>,
) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    let mut gather = Gather::new(b.rows);
    let mut chosen = Vec::new();
    for row in 0..b.rows {
        let before = gather.picks.len();
        chosen.clear();
        let valid = list.is_valid(row) && pick(row, range_of(list, row), &mut chosen)?;
        gather.picks.extend(chosen.iter().map(|i| (0, *i)));
        gather.end(before, valid);
    }
    gather.finish(&[list.values().as_ref()], b.returns)
}
