//! Makes arrays, maps and structs: `array`, `map`, `struct`, `named_struct`, `map_from_arrays` and others.

use super::{Gather, range_of};
use crate::binding::{Arg, Bound};
use crate::coerce::coerce_all;
use crate::errors::{not_constant, unexpected_type, wrong_num_args};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::operators::key::{key, normal};
use crate::registry::{Call, Entry, Intervals, MANY, SpecialForm};
use crate::types::{array_with, map_with};
use ::arrow::array::{Array, ArrayRef, AsArray, DynComparator, MapArray, StructArray, make_comparator};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::compute::SortOptions;
use ::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["array"], 0, MANY, array).doc(
        "[value, ...]",
        "Makes an array of its arguments.",
        &["SELECT array(1, 2, 3)"],
    ),
    Entry::bind(&["struct"], 1, MANY, positional_struct).special(SpecialForm::Struct).doc(
        "value, ...",
        "Makes a struct; its fields have the names of columns and aliases.",
        &["SELECT struct(1 AS a, 'x' AS b)"],
    ),
    Entry::bind(&["named_struct"], 2, MANY, named_struct).intervals(Intervals::Struct).doc(
        "name, value, ...",
        "Makes a struct of names and values.",
        &["SELECT named_struct('a', 1, 'b', 'x')"],
    ),
    Entry::bind(&["map"], 0, MANY, map).intervals(Intervals::Map).doc(
        "[key, value, ...]",
        "Makes a map of keys and values.",
        &["SELECT map('a', 1, 'b', 2)"],
    ),
    Entry::bind(&["map_from_arrays"], 2, 2, map_from_arrays).doc(
        "keys, values",
        "Makes a map of an array of keys and one of values.",
        &["SELECT map_from_arrays(array('a', 'b'), array(1, 2))"],
    ),
    Entry::bind(&["map_from_entries"], 1, 1, map_from_entries).doc(
        "entries",
        "Makes a map of an array of pairs.",
        &["SELECT map_from_entries(array(struct(1, 'a'), struct(2, 'b')))"],
    ),
];

fn array(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let nullable = call.args.iter().any(|a| a.nullable);
    let (args, common) = coerce_all(name, call.args, ctx)?;
    Ok(Kernel::new("array", array_with(common, nullable), make_array).nulls(Nulls::Never).call(args))
}

fn make_array(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        for source in 0..columns.len() {
            gather.push(source, row);
        }
        gather.end(before, true);
    }
    gather.finish(&as_dyn(&columns), b.returns)
}

/// Binds `struct(a, b)` with fields `col1`, `col2`, …. The resolver handles arguments that have names.
fn positional_struct(call: Call) -> Result<Bound> {
    let names = (1..=call.args.len()).map(|i| format!("col{i}")).collect();
    Ok(structure(names, call.args))
}

/// Binds `named_struct('a', x, 'b', y)`.
fn named_struct(call: Call) -> Result<Bound> {
    if !call.args.len().is_multiple_of(2) {
        return Err(wrong_num_args("named_struct", "2n (n > 0)", call.args.len()));
    }
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (i, arg) in call.args.into_iter().enumerate() {
        if i % 2 == 1 {
            values.push(arg);
            continue;
        }
        match arg.literal() {
            Some(ScalarValue::Utf8(Some(name))) => names.push(name.clone()),
            _ => return Err(not_constant("named_struct", "name", "STRING")),
        }
    }
    Ok(structure(names, values))
}

fn structure(names: Vec<String>, values: Vec<Arg>) -> Bound {
    let field = |(name, value): (String, &Arg)| Field::new(name, value.data_type.clone(), value.nullable);
    let returns = crate::coerce::struct_of(names.into_iter().zip(&values).map(field).collect());
    // A struct of nulls is not null.
    Kernel::new("named_struct", returns, make_struct).nulls(Nulls::Never).call(values)
}

fn make_struct(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let fields = b.returned_fields()?;
    Ok(Arc::new(arrow(StructArray::try_new(fields.clone(), columns, None))?))
}

/// Binds `map(k1, v1, k2, v2, ..)`. The kernel gets all keys, then all values.
fn map(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    if !call.args.len().is_multiple_of(2) {
        return Err(wrong_num_args(name, "2n (n > 0)", call.args.len()));
    }
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (i, arg) in call.args.into_iter().enumerate() {
        if i % 2 == 0 { keys.push(arg) } else { values.push(arg) }
    }
    let nullable = values.iter().any(|v| v.nullable);
    // Keys and values have separate common types.
    let (keys, key_type) = coerce_all(name, keys, ctx)?;
    let (values, value_type) = coerce_all(name, values, ctx)?;
    // Spark normalizes floating-point keys, so that `map(0.0, 1, -0.0, 2)` has a duplicate.
    let args = keys.into_iter().map(key).chain(values).collect();
    let kernel = Kernel::new("map", map_with(key_type, value_type, nullable), make_map);
    Ok(kernel.nulls(Nulls::Never).fallible(true).call(args))
}

/// Makes a map of each row, from arguments that are all keys, then all values.
fn make_map(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let (keys, values) = columns.split_at(columns.len() / 2);
    let mut maps = Maps::new(b.rows);
    for row in 0..b.rows {
        let before = maps.keys.picks.len();
        for source in 0..keys.len() {
            maps.keys.push(source, row);
            maps.values.push(source, row);
        }
        maps.keys.end(before, true);
    }
    maps.finish(keys, values, b.returns)
}

/// Builds a map column from sources of keys and of values. Validity and lengths are those of the keys.
pub(super) struct Maps {
    pub keys: Gather,
    pub values: Gather,
}

impl Maps {
    pub(super) fn new(rows: usize) -> Self {
        Self { keys: Gather::new(rows), values: Gather::new(rows) }
    }
    /// Builds the maps.
    ///
    /// # Errors
    /// Reports a null key and a key that occurs twice in a map.
    pub(super) fn finish(
        self,
        keys: &[ArrayRef],
        values: &[ArrayRef],
        returns: &DataType,
    ) -> Result<ArrayRef> {
        let DataType::Map(entries, _) = returns else {
            return Err(Error::internal("a kernel builds a map, but it was bound to return another type"));
        };
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(Error::internal("the type of a map has no entries"));
        };
        let (key_type, value_type) = crate::types::map_types(entries);
        let keys = self.keys.values(&as_dyn(keys), key_type)?;
        let values = self.values.values(&as_dyn(values), value_type)?;
        check_keys(&keys, &self.keys.lengths)?;
        let rows = arrow(StructArray::try_new(fields.clone(), vec![keys, values], None))?;
        let nulls = NullBuffer::from(self.keys.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let offsets = OffsetBuffer::from_lengths(self.keys.lengths);
        Ok(Arc::new(arrow(MapArray::try_new(Arc::clone(entries), offsets, rows, nulls, false))?))
    }
}

fn as_dyn(columns: &[ArrayRef]) -> Vec<&dyn Array> {
    columns.iter().map(|c| c.as_ref()).collect()
}

/// Checks that no key is null and that no map has a key twice.
fn check_keys(keys: &ArrayRef, lengths: &[usize]) -> Result<()> {
    // A column of the type NULL has no null count.
    if keys.null_count() > 0 || (keys.data_type() == &DataType::Null && !keys.is_empty()) {
        let text = "Cannot use null as map key.";
        return Err(Error::new(ErrorKind::Runtime, "NULL_MAP_KEY", "2200E", text));
    }
    let comparable = normal(keys)?;
    let order: DynComparator = arrow(make_comparator(&comparable, &comparable, SortOptions::default()))?;
    // The keys of all rows are consecutive, so `lengths` divides them.
    let mut from = 0;
    for length in lengths {
        for i in from..from + length {
            // Quadratic in the size of one map, but without hashing: maps are small, and the comparator works
            // for all types.
            if let Some(twin) = (from..i).find(|j| order(*j, i).is_eq()) {
                return Err(duplicate_key(keys, twin));
            }
        }
        from += length;
    }
    Ok(())
}

fn duplicate_key(keys: &ArrayRef, at: usize) -> Error {
    let key = thalweg_values::display::format_value(keys.as_ref(), at, "UTC");
    let text = format!(
        "Duplicate map key {key} was found, please check the input data. If you want to remove the duplicated keys, \
         you can set \"spark.sql.mapKeyDedupPolicy\" to \"LAST_WIN\" so that the key inserted at last takes precedence."
    );
    Error::new(ErrorKind::Runtime, "DUPLICATED_MAP_KEY", "23505", text).param("key", key)
}

/// Binds `map_from_arrays`; null if one of the arrays is null, an error if their lengths differ.
fn map_from_arrays(call: Call) -> Result<Bound> {
    let field = |i: usize| match call.type_of(i) {
        DataType::List(f) => Ok(f),
        other => Err(unexpected_type("map_from_arrays", i, "ARRAY", &other)),
    };
    let (key, value) = (field(0)?, field(1)?);
    let returns = map_with(key.data_type().clone(), value.data_type().clone(), value.is_nullable());
    Ok(Kernel::new("map_from_arrays", returns, zip_arrays).fallible(true).call(call.args))
}

fn zip_arrays(b: &Batch) -> Result<ArrayRef> {
    let (keys, values) = (b.array(0)?, b.array(1)?);
    let (k, v) = (keys.as_list::<i32>(), values.as_list::<i32>());
    let mut maps = Maps::new(b.rows);
    for row in 0..b.rows {
        let valid = k.is_valid(row) && v.is_valid(row);
        let (kr, vr) = (range_of(k, row), range_of(v, row));
        // Spark's error has no class of its own, only a legacy number.
        if valid && kr.len() != vr.len() {
            let text = "The key array and value array of MapData must have the same length.";
            return Err(Error::new(ErrorKind::Runtime, "_LEGACY_ERROR_TEMP_2017", "XX000", text));
        }
        let before = maps.keys.picks.len();
        if valid {
            kr.zip(vr).for_each(|(i, j)| {
                maps.keys.push(0, i);
                maps.values.push(0, j);
            });
        }
        maps.keys.end(before, valid);
    }
    maps.finish(&[Arc::clone(k.values())], &[Arc::clone(v.values())], b.returns)
}

/// Binds `map_from_entries` of an array of structs with two fields.
fn map_from_entries(call: Call) -> Result<Bound> {
    let refused = |t: &DataType| unexpected_type("map_from_entries", 0, "ARRAY of pair STRUCT", t);
    let returns = match call.type_of(0) {
        DataType::List(f) => match f.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => {
                    map_with(key.data_type().clone(), value.data_type().clone(), value.is_nullable())
                }
                _ => return Err(refused(&call.type_of(0))),
            },
            other => return Err(refused(other)),
        },
        other => return Err(refused(&other)),
    };
    Ok(Kernel::new("map_from_entries", returns, from_entries)
        .fallible(true)
        .nulls(Nulls::Always)
        .call(call.args))
}

/// Converts arrays of pairs to maps. A row with a null pair is null, as in Spark.
fn from_entries(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    let entries = list.values().as_struct();
    let mut maps = Maps::new(b.rows);
    for row in 0..b.rows {
        let range = range_of(list, row);
        let valid = list.is_valid(row) && range.clone().all(|i| entries.is_valid(i));
        let before = maps.keys.picks.len();
        for i in range.filter(|_| valid) {
            maps.keys.push(0, i);
            maps.values.push(0, i);
        }
        maps.keys.end(before, valid);
    }
    match entries.columns() {
        [keys, values] => maps.finish(&[normal(keys)?], &[Arc::clone(values)], b.returns),
        _ => Err(Error::internal(
            "an argument of map_from_entries has structs without two fields, although binding checked them",
        )),
    }
}
