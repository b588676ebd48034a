//! Computes `arrays_zip`, which pads shorter arrays with nulls.

use super::{element_of, range_of};
use crate::binding::Bound;
use crate::errors::{not_constant, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::registry::{Call, Entry, MANY, SpecialForm};
use crate::types::array_with;
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::compute::take;
use ::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] =
    &[Entry::bind(&["arrays_zip"], 0, MANY, arrays_zip).special(SpecialForm::ArraysZip).doc(
        "[array, ...]",
        "Makes an array of structs of the elements at the same positions.",
        &["SELECT arrays_zip(array(1, 2), array('a', 'b'))"],
    )];

/// Binds `arrays_zip`. The resolver, which knows the names of columns, passes the name of each field before its
/// array.
fn arrays_zip(call: Call) -> Result<Bound> {
    let nullable = call.args.iter().any(|a| a.nullable);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (i, arg) in call.args.into_iter().enumerate() {
        match (i % 2, &arg.data_type) {
            (0, _) => match arg.literal() {
                Some(ScalarValue::Utf8(Some(name))) => fields.push(Field::new(name, DataType::Null, true)),
                _ => return Err(not_constant("arrays_zip", "name", "STRING")),
            },
            (_, DataType::List(element)) => {
                let element = element.data_type().clone();
                if let Some(field) = fields.last_mut() {
                    *field = field.clone().with_data_type(element);
                }
                arrays.push(arg);
            }
            (_, other) => return Err(unexpected_type("arrays_zip", i / 2, "ARRAY", other)),
        }
    }
    let returns = array_with(crate::coerce::struct_of(fields), false);
    let nulls = if nullable { Nulls::Always } else { Nulls::Never };
    Ok(Kernel::new("arrays_zip", returns, zipped).nulls(nulls).call(arrays))
}

/// Computes `arrays_zip`; null if one of the arrays is null.
fn zipped(b: &Batch) -> Result<ArrayRef> {
    let arrays = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let lists: Vec<&ListArray> = arrays.iter().map(|a| a.as_list::<i32>()).collect();
    let valid: Vec<bool> = (0..b.rows).map(|row| lists.iter().all(|l| l.is_valid(row))).collect();
    let longest = |row: usize| lists.iter().map(|l| range_of(l, row).len()).max().unwrap_or(0);
    let lengths: Vec<usize> =
        valid.iter().enumerate().map(|(row, valid)| if *valid { longest(row) } else { 0 }).collect();
    let field = element_of(b.returns)?;
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::internal("arrays_zip was bound to an array of something else than structs"));
    };
    let column = |list: &&ListArray| {
        let picks = lengths.iter().enumerate().flat_map(|(row, length)| {
            let range = range_of(list, row);
            // An index of null makes `take` pad with null.
            (0..*length).map(move |i| (i < range.len()).then_some((range.start + i) as u64))
        });
        arrow(take(list.values(), &picks.collect::<::arrow::array::UInt64Array>(), None))
    };
    let columns = lists.iter().map(column).collect::<Result<Vec<_>>>()?;
    let total = lengths.iter().sum();
    let rows = arrow(StructArray::try_new_with_length(fields.clone(), columns, None, total))?;
    let nulls = NullBuffer::from(valid);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(field), offsets, Arc::new(rows), nulls))?))
}
