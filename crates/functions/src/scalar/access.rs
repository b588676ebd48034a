//! Extracts elements of arrays, values of maps and fields of structs: `a[i]`, `m[k]`, `s.f`, `get`, `element_at`.
//!
//! In ANSI mode an index that is out of bounds is an error; a key that is not in a map gives null.

use crate::binding::{Arg, BindContext, Bound};
use crate::coerce::coerce_argument;
use crate::errors::{array_index, element_at_index, index_of_zero, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::operators::key::normal;
use crate::registry::{Call, Entry};
use crate::types::{array_of, is_integral, map_types};
use ::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray, UInt64Array, make_comparator,
};
use ::arrow::compute::{SortOptions, take};
use ::arrow::datatypes::{DataType, Field, Int32Type};
use std::sync::Arc;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::names::same_name;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["get"], 2, 2, |c| index(c, "get", get, false)).doc(
        "array, index",
        "Returns the element at an index, counted from 0; null outside of the array.",
        &["SELECT get(array('a', 'b'), 1), get(array('a', 'b'), 5)"],
    ),
    Entry::bind(&["element_at"], 2, 2, |c| element_at(c, false)).doc(
        "collection, key",
        "Returns the element at a position, counted from 1 or from the end, or the value of a map's key.",
        &["SELECT element_at(array('a', 'b'), -1), element_at(map('k', 1), 'k')"],
    ),
    Entry::bind(&["try_element_at"], 2, 2, |c| element_at(c, true)).doc(
        "collection, key",
        "Works like `element_at`, but returns null if there is no such element.",
        &["SELECT try_element_at(array('a', 'b'), 9)"],
    ),
];

/// Extracts the field `s.f` of a struct, or of each struct of an array. Names are compared without case.
///
/// # Errors
/// `FIELD_NOT_FOUND`, `AMBIGUOUS_REFERENCE_TO_FIELDS`, `INVALID_EXTRACT_BASE_FIELD_TYPE`.
pub fn field(struct_arg: Arg, name: &str) -> Result<Bound> {
    match struct_arg.data_type.clone() {
        DataType::Struct(fields) => {
            let (i, f) = find(&fields, name)?;
            let kernel = Kernel::new("get_field", f.data_type().clone(), struct_field);
            Ok(pick(kernel, i, f.is_nullable(), struct_arg))
        }
        DataType::List(element) => match element.data_type() {
            DataType::Struct(fields) => {
                let (i, f) = find(fields, name)?;
                let kernel = Kernel::new("get_fields", array_of(f.data_type().clone()), list_field);
                // A null field is a null element, so only a null array gives null.
                Ok(pick(kernel, i, false, struct_arg))
            }
            other => Err(no_fields(other)),
        },
        other => Err(no_fields(&other)),
    }
}

/// The index of a field in its struct.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldIndex(usize);

fn pick(kernel: Kernel, i: usize, nullable: bool, arg: Arg) -> Bound {
    let nulls = if nullable { Nulls::Always } else { Nulls::Args };
    kernel.nulls(nulls).params(FieldIndex(i)).call(vec![arg])
}

/// Finds a field by name, without case.
fn find<'a>(fields: &'a ::arrow::datatypes::Fields, name: &str) -> Result<(usize, &'a Arc<Field>)> {
    let mut found = fields.iter().enumerate().filter(|(_, f)| same_name(f.name(), name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => {
            let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
            let list = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            let text = format!("No such struct field `{name}` in {list}.");
            let error = Error::new(ErrorKind::Analysis, "FIELD_NOT_FOUND", "42704", text);
            let error = error.param("fieldName", format!("`{name}`")).param("fields", list);
            let near = nearest(name, names);
            Err(if near.is_empty() {
                error
            } else {
                error.hint(format!("Did you mean {}?", near.join(", ")))
            })
        }
        (Some(_), Some(_)) => {
            let text = format!(
                "Ambiguous reference to the field `{name}`. It appears more than once in the schema."
            );
            Err(Error::new(ErrorKind::Analysis, "AMBIGUOUS_REFERENCE_TO_FIELDS", "42000", text))
        }
    }
}

fn no_fields(t: &DataType) -> Error {
    let name = thalweg_values::types::sql_name(t);
    let text = format!(
        "Can't extract a value from it. Need a complex type [STRUCT, ARRAY, MAP] but got \"{name}\"."
    );
    Error::new(ErrorKind::Analysis, "INVALID_EXTRACT_BASE_FIELD_TYPE", "42000", text).param("other", name)
}

/// Extracts `child[key]`: an element of an array, a value of a map, or a field of a struct.
///
/// # Errors
/// As [`field`]; `DATATYPE_MISMATCH` for a key of the wrong type.
pub fn extract(child: Arg, key: Arg, ctx: &BindContext) -> Result<Bound> {
    match child.data_type.clone() {
        DataType::Map(entries, _) => map_value(child, key, map_types(&entries).0.clone(), ctx),
        DataType::Struct(_) => struct_key(child, &key),
        DataType::List(_) if matches!(key.data_type, DataType::Utf8) => struct_key(child, &key),
        DataType::List(_) => {
            let call = Call { name: "extract", args: vec![child, key], ctx };
            index(call, "array_index", strict, true)
        }
        other => Err(no_fields(&other)),
    }
}

fn struct_key(child: Arg, key: &Arg) -> Result<Bound> {
    match key.literal() {
        Some(datafusion::common::ScalarValue::Utf8(Some(name))) => field(child, name),
        _ => {
            let text = "Field name should be a non-null string literal, but it's not a constant.";
            Err(Error::new(ErrorKind::Analysis, "INVALID_EXTRACT_FIELD_TYPE", "42000", text))
        }
    }
}

/// Binds an access to an array by index.
fn index(mut call: Call, name: &'static str, run: crate::kernel::Run, fallible: bool) -> Result<Bound> {
    let element = match call.type_of(0) {
        DataType::List(f) => f.data_type().clone(),
        other => return Err(unexpected_type(call.name, 0, "ARRAY", &other)),
    };
    // Spark does not cast a text to an index.
    if !is_integral(&call.type_of(1)) && call.type_of(1) != DataType::Null {
        return Err(unexpected_type(call.name, 1, "INTEGRAL", &call.type_of(1)));
    }
    call.coerce(1, &DataType::Int32)?;
    Ok(Kernel::new(name, element, run).fallible(fallible).nulls(Nulls::Always).call(call.args))
}

fn element_at(call: Call, tries: bool) -> Result<Bound> {
    let ctx = call.ctx;
    match call.type_of(0) {
        DataType::Map(entries, _) => {
            let [map, key] = call.take()?;
            map_value(map, key, map_types(&entries).0.clone(), ctx)
        }
        _ if tries => index(call, "try_element_at", try_from_one, true),
        _ => index(call, "element_at", from_one, true),
    }
}

/// Binds an access to a map by key; null for a missing key.
fn map_value(map: Arg, key: Arg, key_type: DataType, ctx: &BindContext) -> Result<Bound> {
    let DataType::Map(entries, _) = map.data_type.clone() else {
        return Err(no_fields(&map.data_type));
    };
    let value = map_types(&entries).1.clone();
    let key = coerce_argument("element_at", 1, key, &key_type, ctx)?;
    Ok(Kernel::new("map_value", value, look_up).nulls(Nulls::Always).call(vec![map, key]))
}

fn struct_field(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    field_of(array.as_struct(), b.params()?)
}

/// Returns a field with the nulls of its struct added: a null struct may have values in its children.
fn field_of(array: &StructArray, FieldIndex(i): &FieldIndex) -> Result<ArrayRef> {
    // The index was found while binding, in the type of the same argument.
    let column = array.columns().get(*i);
    let column = column.ok_or_else(|| {
        Error::internal("a struct has fewer fields than its type had while the call was bound")
    })?;
    match array.nulls() {
        None => Ok(Arc::clone(column)),
        Some(nulls) => {
            let hidden = ::arrow::array::BooleanArray::new(!nulls.inner(), None);
            arrow(::arrow::compute::nullif(column, &hidden))
        }
    }
}

fn list_field(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    // All values of the child array, so that the offsets of the list can be used as they are.
    let values = field_of(list.values().as_struct(), b.params()?)?;
    let element = b.returned_element()?;
    let made = ListArray::try_new(Arc::clone(element), list.offsets().clone(), values, list.nulls().cloned());
    Ok(Arc::new(arrow(made)?))
}

/// Takes one element of each array, at the place that `place(index, size)` returns; `None` is null.
fn elements(b: &Batch, place: impl Fn(i64, usize) -> Result<Option<usize>>) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    let at = b.prims::<Int32Type>(1)?;
    let mut rows = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let found = match (list.is_valid(row), at.get(row)) {
            (true, Some(i)) => {
                let start = list.value_offsets().get(row).copied().unwrap_or(0);
                place(i64::from(i), list.value_length(row) as usize)?.map(|p| start as u64 + p as u64)
            }
            _ => None,
        };
        rows.push(found);
    }
    arrow(take(list.values(), &UInt64Array::from(rows), None))
}

fn within(index: i64, size: usize) -> Option<usize> {
    usize::try_from(index).ok().filter(|i| *i < size)
}

fn get(b: &Batch) -> Result<ArrayRef> {
    elements(b, |i, size| Ok(within(i, size)))
}

fn strict(b: &Batch) -> Result<ArrayRef> {
    elements(b, |i, size| within(i, size).map(Some).ok_or_else(|| array_index(i, size)))
}

/// Returns the place of an index that counts from 1, or from the end if it is negative.
fn place_of(i: i64, size: usize) -> Result<Option<usize>> {
    match i {
        0 => Err(index_of_zero()),
        i if i > 0 => Ok(within(i - 1, size)),
        i => Ok(within(size as i64 + i, size)),
    }
}

fn from_one(b: &Batch) -> Result<ArrayRef> {
    elements(b, |i, size| place_of(i, size)?.map(Some).ok_or_else(|| element_at_index(i, size)))
}

fn try_from_one(b: &Batch) -> Result<ArrayRef> {
    elements(b, place_of)
}

fn look_up(b: &Batch) -> Result<ArrayRef> {
    let (array, keys) = (b.array(0)?, b.array(1)?);
    let map = array.as_map();
    // Normalized, so that NaN and both zeros are found. A linear search: a batch looks up in each map once.
    let order = arrow(make_comparator(&normal(map.keys())?, &normal(&keys)?, SortOptions::default()))?;
    let mut found = Vec::with_capacity(b.rows);
    for row in 0..b.rows {
        let range = match map.value_offsets().get(row..row + 2) {
            Some([from, to]) if map.is_valid(row) && keys.is_valid(row) => *from as usize..*to as usize,
            _ => 0..0,
        };
        let at = range.into_iter().find(|entry| order(*entry, row).is_eq());
        found.push(at.map(|i| i as i64));
    }
    arrow(take(map.values(), &Int64Array::from(found), None))
}
