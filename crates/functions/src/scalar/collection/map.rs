//! Computes on maps: their keys, values and entries, `map_concat`, `str_to_map`.

use super::build::Maps;
use crate::binding::Bound;
use crate::coerce::{coerce_all, coerce_argument};
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::operators::key::normal;
use crate::registry::{Call, Defaults, Entry, MANY, Ty};
use crate::types::{array_with, map_types, map_with};
use ::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, MapBuilder, StringBuilder, make_comparator,
};
use ::arrow::compute::SortOptions;
use ::arrow::datatypes::{DataType, FieldRef};
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["map_keys"], 1, 1, |c| part(c, "map_keys", 0)).doc(
        "map",
        "Returns the keys of a map.",
        &["SELECT map_keys(map('a', 1, 'b', 2))"],
    ),
    Entry::bind(&["map_values"], 1, 1, |c| part(c, "map_values", 1)).doc(
        "map",
        "Returns the values of a map.",
        &["SELECT map_values(map('a', 1, 'b', 2))"],
    ),
    Entry::bind(&["map_entries"], 1, 1, map_entries).doc(
        "map",
        "Returns the entries of a map as structs.",
        &["SELECT map_entries(map('a', 1))"],
    ),
    Entry::bind(&["map_contains_key"], 2, 2, map_contains_key).doc(
        "map, key",
        "Returns whether a map has a key.",
        &["SELECT map_contains_key(map('a', 1), 'a')"],
    ),
    Entry::bind(&["map_concat"], 1, MANY, map_concat).doc(
        "map, ...",
        "Joins maps; a key that two of them have is an error.",
        &["SELECT map_concat(map('a', 1), map('b', 2))"],
    ),
    Entry::bind(&["str_to_map"], 1, 3, str_to_map)
        .defaults(&[Defaults { given: 1, shown: &[",", ":"] }])
        .doc(
            "text[, pairs[, keys]]",
            "Splits a text into a map, by delimiters of pairs and of keys.",
            &["SELECT str_to_map('a:1,b:2')"],
        ),
];

fn entries_of(call: &Call, i: usize) -> Result<FieldRef> {
    match call.type_of(i) {
        DataType::Map(entries, _) => Ok(entries),
        other => Err(unexpected_type(call.name, i, "MAP", &other)),
    }
}

fn value_nullable(entries: &FieldRef) -> bool {
    match entries.data_type() {
        DataType::Struct(fields) => fields.last().is_some_and(|f| f.is_nullable()),
        _ => true,
    }
}

/// Binds `map_keys` and `map_values`.
fn part(call: Call, name: &'static str, which: usize) -> Result<Bound> {
    let entries = entries_of(&call, 0)?;
    let (key, value) = map_types(&entries);
    let returns = if which == 0 {
        array_with(key.clone(), false)
    } else {
        array_with(value.clone(), value_nullable(&entries))
    };
    let run: crate::kernel::Run = if which == 0 { |b| side(b, 0) } else { |b| side(b, 1) };
    Ok(Kernel::new(name, returns, run).call(call.args))
}

fn as_list(map: &MapArray, values: ArrayRef, returns: &DataType) -> Result<ArrayRef> {
    let field = super::element_of(returns)?;
    // Keys and values have the offsets of the map, so nothing is copied.
    let made = ListArray::try_new(Arc::clone(field), map.offsets().clone(), values, map.nulls().cloned());
    Ok(Arc::new(arrow(made)?))
}

fn side(b: &Batch, which: usize) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let map = array.as_map();
    let column = map.entries().columns().get(which).cloned();
    as_list(
        map,
        column.ok_or_else(|| Error::internal("the entries of a map have no keys or no values"))?,
        b.returns,
    )
}

fn map_entries(call: Call) -> Result<Bound> {
    let entries = entries_of(&call, 0)?;
    let returns = array_with(entries.data_type().clone(), false);
    Ok(Kernel::new("map_entries", returns, |b| {
        let array = b.array(0)?;
        let map = array.as_map();
        as_list(map, Arc::new(map.entries().clone()), b.returns)
    })
    .call(call.args))
}

fn map_contains_key(call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    let entries = entries_of(&call, 0)?;
    let [map, key] = call.take()?;
    let key = coerce_argument("map_contains_key", 1, key, map_types(&entries).0, ctx)?;
    Ok(Kernel::new("map_contains_key", DataType::Boolean, has_key).call(vec![map, key]))
}

fn has_key(b: &Batch) -> Result<ArrayRef> {
    let (array, keys) = (b.array(0)?, b.array(1)?);
    let map = array.as_map();
    // Normalized, so that a NaN and both zeros are found.
    let order = arrow(make_comparator(&normal(map.keys())?, &normal(&keys)?, SortOptions::default()))?;
    b.build_bool(|row| {
        if map.is_null(row) || keys.is_null(row) {
            return Ok(None);
        }
        Ok(Some(range_of(map, row).any(|entry| order(entry, row).is_eq())))
    })
}

fn range_of(map: &MapArray, row: usize) -> std::ops::Range<usize> {
    match map.value_offsets().get(row..row + 2) {
        Some([from, to]) => *from as usize..*to as usize,
        _ => 0..0,
    }
}

/// Binds `map_concat`: the entries of all maps. As with Spark's default policy, a key in two of them is an error.
fn map_concat(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    for i in 0..call.args.len() {
        entries_of(&call, i)?;
    }
    let (args, common) = coerce_all(name, call.args, ctx)?;
    Ok(Kernel::new("map_concat", common, joined).fallible(true).call(args))
}

fn joined(b: &Batch) -> Result<ArrayRef> {
    let arrays = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let maps: Vec<&MapArray> = arrays.iter().map(|a| a.as_map()).collect();
    let mut out = Maps::new(b.rows);
    for row in 0..b.rows {
        let before = out.keys.picks.len();
        let valid = maps.iter().all(|m| m.is_valid(row));
        for (source, map) in maps.iter().enumerate().filter(|_| valid) {
            for i in range_of(map, row) {
                out.keys.push(source, i);
                out.values.push(source, i);
            }
        }
        // The validity and lengths of the keys hold for the values too.
        out.keys.end(before, valid);
    }
    // Spark normalizes the floating-point keys of maps that it builds.
    let keys = maps.iter().map(|m| normal(m.keys())).collect::<Result<Vec<_>>>()?;
    let values: Vec<ArrayRef> = maps.iter().map(|m| Arc::clone(m.values())).collect();
    out.finish(&keys, &values, b.returns)
}

/// Binds `str_to_map(text [, pairDelimiter [, keyDelimiter]])`.
///
/// # Errors
/// In Spark the delimiters are regular expressions. Here they must be constants without special characters.
fn str_to_map(mut call: Call) -> Result<Bound> {
    for i in 0..call.args.len() {
        call.coerce(i, &Ty::Text.arrow())?;
    }
    for arg in call.args.iter().skip(1) {
        // A delimiter that contains a special character is refused, since taken literally it would give
        // another answer.
        let plain = match arg.literal() {
            Some(datafusion::common::ScalarValue::Utf8(Some(s))) => {
                !s.is_empty() && !s.contains(|c: char| "\\^$.|?*+()[]{}".contains(c))
            }
            _ => false,
        };
        if !plain {
            return Err(Error::unsupported("str_to_map with a delimiter that is a pattern"));
        }
    }
    let returns = map_with(DataType::Utf8, DataType::Utf8, true);
    Ok(Kernel::new("str_to_map", returns, to_map).fallible(true).nulls(Nulls::Args).call(call.args))
}

/// Computes `str_to_map`. A pair without a key delimiter has a null value; a duplicate key is an error.
fn to_map(b: &Batch) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    let pairs = if b.len() > 1 { b.strings(1)?.constant() } else { Some(",") }.unwrap_or(",");
    let inner = if b.len() > 2 { b.strings(2)?.constant() } else { Some(":") }.unwrap_or(":");
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..b.rows {
        let Some(s) = text.get(row) else {
            arrow(builder.append(false))?;
            continue;
        };
        let mut seen = std::collections::HashSet::new();
        for pair in s.split(pairs) {
            let (key, value) = pair.split_once(inner).map_or((pair, None), |(k, v)| (k, Some(v)));
            if !seen.insert(key) {
                let message = format!("Duplicate map key {key} was found, please check the input data.");
                return Err(Error::new(
                    thalweg_common::ErrorKind::Runtime,
                    "DUPLICATED_MAP_KEY",
                    "23505",
                    message,
                ));
            }
            builder.keys().append_value(key);
            builder.values().append_option(value);
        }
        arrow(builder.append(true))?;
    }
    // The builder names its fields as Arrow does. The columns move to the fields of the result type.
    let made = builder.finish();
    let (_, offsets, entries, nulls, _) = made.into_parts();
    let DataType::Map(field, _) = b.returns else {
        return Err(Error::internal("str_to_map was bound to another type than a map"));
    };
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::internal("the type of a map has no entries"));
    };
    let (_, columns, _) = entries.into_parts();
    let entries = arrow(::arrow::array::StructArray::try_new(fields.clone(), columns, None))?;
    Ok(Arc::new(arrow(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, false))?))
}
