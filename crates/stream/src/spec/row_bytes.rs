//! Counts the bytes of rows.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Returns the bytes of the rows of a batch.
///
/// A slice counts as its own rows, and not as the buffers that it shares with other slices: these would count once for
/// each slice.
///
/// ```
/// use arrow::array::{ArrayRef, Int64Array};
/// use arrow::record_batch::RecordBatch;
/// use std::sync::Arc;
/// use thalweg_stream::row_bytes;
///
/// let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
/// let rows = RecordBatch::try_from_iter([("n", numbers)])?;
/// assert_eq!((row_bytes(&rows), row_bytes(&rows.slice(7, 10))), (8000, 80));
/// # Ok::<(), arrow::error::ArrowError>(())
/// ```
pub fn row_bytes(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(bytes_of).sum()
}

fn bytes_of(array: &ArrayRef) -> usize {
    // Arrow itself counts the elements of all lists, whichever of them a slice has, and no bytes behind views.
    let nulls = array.nulls().map_or(0, |nulls| nulls.len().div_ceil(8));
    match array.data_type() {
        DataType::Struct(_) => nulls + array.as_struct().columns().iter().map(bytes_of).sum::<usize>(),
        DataType::FixedSizeList(_, _) => nulls + bytes_of(array.as_fixed_size_list().values()),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            nulls + elements(list.values(), list.value_offsets())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            nulls + elements(list.values(), list.value_offsets())
        }
        DataType::Map(_, _) => {
            let entries: ArrayRef = Arc::new(array.as_map().entries().clone());
            nulls + elements(&entries, array.as_map().value_offsets())
        }
        DataType::Utf8View => flat(array) + array.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => flat(array) + array.as_binary_view().total_buffer_bytes_used(),
        _ => flat(array),
    }
}

/// Returns the bytes of the elements between the first and the last offset, and of the offsets.
fn elements<O: Copy + TryInto<usize>>(values: &ArrayRef, offsets: &[O]) -> usize {
    let at = |offset: Option<&O>| offset.and_then(|o| (*o).try_into().ok()).unwrap_or(0);
    let (first, last) = (at(offsets.first()), at(offsets.last()));
    size_of_val(offsets) + bytes_of(&values.slice(first, last.saturating_sub(first)))
}

fn flat(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use arrow::array::{
        FixedSizeListArray, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    /// The slices of a batch count as much as the batch, but for an offset that each of them has.
    #[test]
    fn slices_count_as_their_own_rows() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1600));
        let item = || Arc::new(Field::new("element", DataType::Int64, true));
        let offsets = OffsetBuffer::from_lengths([2; 800]);
        let entries = || {
            let fields = ["key", "value"].map(|name| Field::new(name, DataType::Int64, false));
            StructArray::new(fields.to_vec().into(), vec![Arc::clone(&numbers), Arc::clone(&numbers)], None)
        };
        let of_entries = Arc::new(Field::new("entries", entries().data_type().clone(), false));
        let text = "a text that is not inline in its view";
        // With the bytes of a row, and the bytes of an offset.
        let columns: Vec<(ArrayRef, usize, usize)> = vec![
            (numbers.slice(0, 800), 8, 0),
            (Arc::new(StringArray::from(vec!["four"; 800])), 8, 4),
            (Arc::new(StringViewArray::from(vec!["four"; 800])), 16, 0),
            (Arc::new(StringViewArray::from(vec![text; 800])), 16 + text.len(), 0),
            (Arc::new(ListArray::new(item(), offsets.clone(), Arc::clone(&numbers), None)), 20, 4),
            (Arc::new(FixedSizeListArray::new(item(), 2, Arc::clone(&numbers), None)), 16, 0),
            (Arc::new(entries().slice(0, 800)), 16, 0),
            (Arc::new(arrow::array::MapArray::new(of_entries, offsets, entries(), None, false)), 36, 4),
        ];
        for (column, of_row, of_offset) in columns {
            let data_type = column.data_type().clone();
            let rows = RecordBatch::try_from_iter([("c", column)]).unwrap();
            assert_eq!(row_bytes(&rows), 800 * of_row + of_offset, "{data_type}");
            for from in (0..800).step_by(100) {
                assert_eq!(row_bytes(&rows.slice(from, 100)), 100 * of_row + of_offset, "{data_type}");
            }
        }
    }
}
