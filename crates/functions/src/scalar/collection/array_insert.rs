//! Computes `array_insert`. A position beyond the array is reached by padding with nulls.

use super::{Gather, range_of};
use crate::binding::Bound;
use crate::coerce::{common_type, to_type};
use crate::errors::{data_diff_types, index_of_zero, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Entry};
use crate::types::array_with;
use ::arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use ::arrow::datatypes::{DataType, Int32Type};
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["array_insert"], 3, 3, array_insert).doc(
    "array, position, value",
    "Inserts an element at a position, counted from 1 or from the end.",
    &["SELECT array_insert(array('a', 'c'), 2, 'b')"],
)];

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
