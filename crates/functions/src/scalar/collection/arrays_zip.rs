//! Computes `array_insert` and `arrays_zip`, which pad arrays with nulls.

use super::{Gather, element_of, range_of};
use crate::binding::Bound;
use crate::coerce::{common_type, to_type};
use crate::errors::{data_diff_types, index_of_zero, not_constant, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::registry::{Call, Entry, MANY, SpecialForm};
use crate::types::array_with;
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, new_null_array};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::compute::take;
use ::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["array_insert"], 3, 3, array_insert).doc(
        "array, position, value",
        "Inserts an element at a position, counted from 1 or from the end.",
        &["SELECT array_insert(array('a', 'c'), 2, 'b')"],
    ),
    Entry::bind(&["arrays_zip"], 0, MANY, arrays_zip).special(SpecialForm::ArraysZip).doc(
        "[array, ...]",
        "Makes an array of structs of the elements at the same places.",
        &["SELECT arrays_zip(array(1, 2), array('a', 'b'))"],
    ),
];

/// The greatest size of an array in Spark, which is that of Java.
const ELEMENTS_MAX: usize = i32::MAX as usize - 15;

/// Binds `array_insert`. A position beyond the array is reached by padding with nulls.
fn array_insert(mut call: Call) -> Result<Bound> {
    let DataType::List(element) = call.type_of(0) else {
        return Err(unexpected_type("array_insert", 0, "ARRAY", &call.type_of(0)));
    };
    call.coerce(1, &DataType::Int32)?;
    let (nullable, ctx) = (call.nullable(0) || call.nullable(1), call.ctx);
    let [array, position, item] = call.take()?;
    let types = [element.data_type().clone(), item.data_type.clone()];
    let common = common_type(&types).ok_or_else(|| data_diff_types("array_insert", &types))?;
    let same = array_with(common.clone(), element.is_nullable());
    let args = vec![to_type(array, &same, ctx)?, position, to_type(item, &common, ctx)?];
    let kernel = Kernel::new("array_insert", array_with(common, true), inserted).fallible(true);
    Ok(kernel.nulls(if nullable { Nulls::Always } else { Nulls::Never }).call(args))
}

fn inserted(b: &Batch) -> Result<ArrayRef> {
    let (array, at, item) = (b.array(0)?, b.prims::<Int32Type>(1)?, b.array(2)?);
    let list = array.as_list::<i32>();
    let null = new_null_array(item.data_type(), 1);
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        let place = at.get(row).filter(|_| list.is_valid(row));
        let Some(place) = place else {
            gather.end(before, false);
            continue;
        };
        let range = range_of(list, row);
        // The number of elements between the end from which the position counts and the new element.
        let distance = place.unsigned_abs() as usize - usize::from(place != 0);
        if distance >= ELEMENTS_MAX {
            return Err(Error::unsupported(format!("an array of more than {ELEMENTS_MAX} elements")));
        }
        let nulls = distance.saturating_sub(range.len());
        // The row is: elements before the split, nulls if the position is beyond the end, the item, nulls if it is
        // before the start, and the rest.
        let split = match place {
            0 => return Err(index_of_zero()),
            p if p > 0 => range.start + distance.min(range.len()),
            _ => range.end - distance.min(range.len()),
        };
        (range.start..split).for_each(|i| gather.push(0, i));
        (0..nulls).filter(|_| place > 0).for_each(|_| gather.push(2, 0));
        gather.push(1, row);
        (0..nulls).filter(|_| place < 0).for_each(|_| gather.push(2, 0));
        (split..range.end).for_each(|i| gather.push(0, i));
        gather.end(before, true);
    }
    gather.finish(&[list.values().as_ref(), item.as_ref(), null.as_ref()], b.returns)
}

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
