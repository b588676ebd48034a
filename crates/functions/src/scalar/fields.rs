//! Converts values to types that differ in the fields of structs: in their order, their names or their number.
//!
//! A field that the value does not have is null. Structs inside of structs and arrays are converted too; everything
//! else stays as it is.

use crate::binding::{Arg, Bound};
use crate::kernel::{Batch, Kernel, arrow};
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use ::arrow::datatypes::{DataType, Field, FieldRef};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::names::same_name;

/// Converts a value to `to`, which differs from its type in the fields of structs only. Fields are found by name.
pub fn with_fields(arg: Arg, to: &DataType) -> Bound {
    Kernel::new("with_fields", to.clone(), run).call(vec![arg])
}

/// Converts a value to `to`, which differs from its type in the names of fields only: see [`named_like`].
pub fn with_names(arg: Arg, to: &DataType) -> Bound {
    Kernel::new("with_names", to.clone(), |b| renamed(&b.array(0)?, b.returns)).call(vec![arg])
}

/// Returns the type `of` with the names of the fields of a type with the same structure, or `None` if the structures
/// differ.
pub fn named_like(of: &DataType, names: &DataType) -> Option<DataType> {
    let field = |of: &FieldRef, names: &FieldRef| {
        Some(Field::new(names.name(), named_like(of.data_type(), names.data_type())?, of.is_nullable()))
    };
    match (of, names) {
        (DataType::Struct(of), DataType::Struct(names)) if of.len() == names.len() => {
            let fields = of.iter().zip(names).map(|(o, n)| field(o, n)).collect::<Option<Vec<_>>>()?;
            Some(DataType::Struct(fields.into()))
        }
        (DataType::List(of), DataType::List(names)) => Some(DataType::List(Arc::new(field(of, names)?))),
        (DataType::Map(of, sorted), DataType::Map(names, _)) => {
            Some(DataType::Map(Arc::new(field(of, names)?), *sorted))
        }
        _ => (of == names).then(|| of.clone()),
    }
}

/// Replaces the names of fields, part by part.
fn renamed(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let nulls = || array.nulls().cloned();
    match to {
        _ if array.data_type() == to => Ok(Arc::clone(array)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let columns = columns.map(|(c, f)| renamed(c, f.data_type())).collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(arrow(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                nulls(),
                array.len(),
            ))?))
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let values = renamed(list.values(), element.data_type())?;
            Ok(Arc::new(arrow(ListArray::try_new(
                Arc::clone(element),
                list.offsets().clone(),
                values,
                nulls(),
            ))?))
        }
        DataType::Map(entry, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = renamed(&entries, entry.data_type())?.as_struct().clone();
            let offsets = map.offsets().clone();
            Ok(Arc::new(arrow(MapArray::try_new(Arc::clone(entry), offsets, entries, nulls(), *sorted))?))
        }
        _ => Ok(arrow(::arrow::compute::cast(array, to))?),
    }
}

fn run(b: &Batch) -> Result<ArrayRef> {
    convert_fields(&b.array(0)?, b.returns)
}

/// Converts structs field by field, and lists element by element.
fn convert_fields(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (DataType::Struct(from), DataType::Struct(fields)) => {
            let values = array.as_struct();
            // A missing field becomes a column of nulls.
            let column = |name: &str, to: &DataType| match from.iter().position(|f| same_name(f.name(), name))
            {
                Some(i) => convert_fields(values.column(i), to),
                None => Ok(new_null_array(to, array.len())),
            };
            let columns =
                fields.iter().map(|f| column(f.name(), f.data_type())).collect::<Result<Vec<_>>>()?;
            let nulls = values.nulls().cloned();
            Ok(Arc::new(arrow(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                nulls,
                array.len(),
            ))?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let values = convert_fields(list.values(), element.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(arrow(ListArray::try_new(Arc::clone(element), offsets, values, nulls))?))
        }
        // Types that differ only in nullability.
        _ => Ok(arrow(::arrow::compute::cast(array, to))?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ::arrow::array::Int32Array;
    use ::arrow::buffer::NullBuffer;
    use ::arrow::datatypes::Fields;

    fn fields(names: &[&str]) -> Fields {
        names.iter().map(|n| Field::new(*n, DataType::Int32, true)).collect()
    }

    fn check(names: &[&str], expect: &[Option<&[Option<i32>]>]) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(Int32Array::from(vec![4, 5, 6])),
        ];
        let nulls = NullBuffer::from(vec![true, true, false]);
        let array: ArrayRef = Arc::new(StructArray::new(fields(&["a", "b"]), columns, Some(nulls)));
        for array in [array.slice(0, 3), array.slice(1, 2), array.slice(0, 0)] {
            let made = convert_fields(&array, &DataType::Struct(fields(names))).unwrap();
            assert_eq!(made.len(), array.len());
            let skipped = if array.len() == 2 { 1 } else { 0 };
            for (row, expect) in expect.iter().skip(skipped).take(array.len()).enumerate() {
                let of = |c: &ArrayRef| {
                    let c = c.as_primitive::<::arrow::datatypes::Int32Type>();
                    c.is_valid(row).then(|| c.value(row))
                };
                let found: Option<Vec<_>> =
                    made.is_valid(row).then(|| made.as_struct().columns().iter().map(of).collect());
                assert_eq!(found.as_deref(), *expect, "{names:?} row {row}");
            }
        }
    }

    #[test]
    fn fields_are_found_by_name_and_are_null_where_they_are_missing() {
        check(&["a", "b"], &[Some(&[Some(1), Some(4)]), Some(&[None, Some(5)]), None]);
        check(&["B", "a"], &[Some(&[Some(4), Some(1)]), Some(&[Some(5), None]), None]);
        check(&["c", "b"], &[Some(&[None, Some(4)]), Some(&[None, Some(5)]), None]);
    }
}
