//! Searches and rearranges one array: `array_contains`, `slice`, `sort_array`, `flatten` and others, and joins
//! arrays.

use super::{Gather, element_of, range_of, rearrange};
use crate::binding::Bound;
use crate::coerce::{coerce_all, common_type, to_type};
use crate::errors::{bad_value_of, data_diff_types, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls, Run, Strings, arrow};
use crate::operators::key::normal;
use crate::registry::{Call, Defaults, DisplayForm, Entry};
use crate::types::array_with;
use ::arrow::array::{
    Array, ArrayRef, AsArray, DynComparator, Int32Array, ListArray, UInt64Array, make_comparator,
};
use ::arrow::compute::{SortOptions, take};
use ::arrow::datatypes::{DataType, Int32Type, Int64Type};
use std::cmp::Ordering;
use std::sync::Arc;
use thalweg_common::Result;

/// The text with which Spark shows `array_sort` without a lambda, in the name of a column: its default comparator.
const NULLS_LAST_SHOWN: &str = "array_sort({}, lambdafunction((IF(((namedlambdavariable() IS NULL) AND \
    (namedlambdavariable() IS NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, \
    (IF((namedlambdavariable() IS NULL), -1, (IF((namedlambdavariable() < \
    namedlambdavariable()), -1, (IF((namedlambdavariable() > namedlambdavariable()), 1, \
    0)))))))))), namedlambdavariable(), namedlambdavariable()))";

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["size", "cardinality"], 1, 1, size).doc(
        "collection",
        "Returns the number of elements of an array or entries of a map.",
        &["SELECT size(array('a', 'b', 'c'))"],
    ),
    Entry::bind(&["array_size"], 1, 1, size).doc(
        "array",
        "Returns the number of elements of an array.",
        &["SELECT array_size(array('a', 'b'))"],
    ),
    Entry::bind(&["array_contains"], 2, 2, |c| search(c, "array_contains", DataType::Boolean, contains)).doc(
        "array, value",
        "Returns whether an array has an element.",
        &["SELECT array_contains(array(1, 2, 3), 2)"],
    ),
    Entry::bind(&["array_position"], 2, 2, |c| search(c, "array_position", DataType::Int64, position)).doc(
        "array, value",
        "Returns the position of the first occurrence of an element, counted from 1; 0 if there is no occurrence.",
        &["SELECT array_position(array('a', 'b'), 'b')"],
    ),
    Entry::bind(&["array_remove"], 2, 2, remove).doc(
        "array, value",
        "Removes all elements that equal a value.",
        &["SELECT array_remove(array(1, 2, 1), 1)"],
    ),
    Entry::bind(&["array_min"], 1, 1, |c| extreme(c, "array_min", |b| least(b, Ordering::Less))).doc(
        "array",
        "Returns the least element.",
        &["SELECT array_min(array(3, 1, 2))"],
    ),
    Entry::bind(&["array_max"], 1, 1, |c| extreme(c, "array_max", |b| least(b, Ordering::Greater))).doc(
        "array",
        "Returns the greatest element.",
        &["SELECT array_max(array(3, 1, 2))"],
    ),
    Entry::bind(&["array_join"], 2, 3, array_join).doc(
        "array, delimiter[, null]",
        "Joins texts, with a replacement for nulls if one is given.",
        &["SELECT array_join(array('a', NULL, 'b'), '-', '?')"],
    ),
    Entry::bind(&["array_compact"], 1, 1, compact).doc(
        "array",
        "Removes nulls.",
        &["SELECT array_compact(array(1, NULL, 2))"],
    ),
    Entry::bind(&["array_append"], 2, 2, |c| extend(c, "array_append", |b| appended(b, false))).doc(
        "array, value",
        "Adds an element at the end.",
        &["SELECT array_append(array(1, 2), 3)"],
    ),
    Entry::bind(&["array_prepend"], 2, 2, |c| extend(c, "array_prepend", |b| appended(b, true))).doc(
        "array, value",
        "Adds an element at the start.",
        &["SELECT array_prepend(array(2, 3), 1)"],
    ),
    Entry::bind(&["array_repeat"], 2, 2, array_repeat).doc(
        "value, count",
        "Makes an array that repeats a value a given number of times.",
        &["SELECT array_repeat('a', 3)"],
    ),
    Entry::bind(&["sort_array"], 1, 2, sort_array)
        .doc(
            "array[, ascending]",
            "Sorts an array; nulls come first in ascending order.",
            &["SELECT sort_array(array(3, NULL, 1)), sort_array(array(3, 1), false)"],
        )
        .defaults(&[Defaults { given: 1, shown: &["true"] }]),
    Entry::bind(&["array_sort"], 1, 1, |c| same_array(c, "array_sort", nulls_last))
        .doc(
            "array",
            "Sorts an array in ascending order, nulls last.",
            &["SELECT array_sort(array(3, NULL, 1))"],
        )
        .shown(DisplayForm::OfOne(NULLS_LAST_SHOWN)),
    Entry::bind(&["reverse"], 1, 1, reverse).doc(
        "value",
        "Reverses an array or a text.",
        &["SELECT reverse('abc'), reverse(array(1, 2))"],
    ),
    Entry::bind(&["slice"], 3, 3, slice).doc(
        "array, start, length",
        "Returns a part of an array; a negative start counts from the end.",
        &["SELECT slice(array(1, 2, 3, 4), 2, 2)"],
    ),
    Entry::bind(&["flatten"], 1, 1, flatten).doc(
        "arrays",
        "Joins the arrays of an array.",
        &["SELECT flatten(array(array(1, 2), array(3)))"],
    ),
];

fn element_type(call: &Call, i: usize) -> Result<DataType> {
    match call.type_of(i) {
        DataType::List(f) => Ok(f.data_type().clone()),
        other => Err(unexpected_type(call.name, i, "ARRAY", &other)),
    }
}

/// Binds `size`, the number of elements of an array or map.
fn size(call: Call) -> Result<Bound> {
    if !matches!(call.type_of(0), DataType::List(_) | DataType::Map(..)) {
        return Err(unexpected_type(call.name, 0, "(ARRAY or MAP)", &call.type_of(0)));
    }
    Ok(Kernel::new("size", DataType::Int32, |b| {
        let array = b.array(0)?;
        let lengths = match array.as_list_opt::<i32>() {
            Some(list) => list.offsets().lengths().collect::<Vec<_>>(),
            None => array.as_map().offsets().lengths().collect(),
        };
        // The size of null is null in ANSI mode (`spark.sql.legacy.sizeOfNull` is off).
        let sizes = lengths.into_iter().enumerate().map(|(i, n)| array.is_valid(i).then_some(n as i32));
        Ok(Arc::new(sizes.collect::<Int32Array>()))
    })
    .call(call.args))
}

/// Casts the elements of an array and a value to their common type.
fn coerce_element(call: Call, name: &'static str) -> Result<(Vec<crate::Arg>, DataType)> {
    let ctx = call.ctx;
    let element = element_type(&call, 0)?;
    let nullable = matches!(call.type_of(0), DataType::List(f) if f.is_nullable());
    let [array, value] = call.take()?;
    let types = [element.clone(), value.data_type.clone()];
    let common = common_type(&types).ok_or_else(|| data_diff_types(name, &types))?;
    let array =
        if element == common { array } else { to_type(array, &array_with(common.clone(), nullable), ctx)? };
    Ok((vec![array, to_type(value, &common, ctx)?], common))
}

/// Binds a search for a value in an array.
fn search(call: Call, name: &'static str, returns: DataType, run: Run) -> Result<Bound> {
    let holds_nulls = matches!(call.type_of(0), DataType::List(f) if f.is_nullable());
    let (args, _) = coerce_element(call, name)?;
    // A null element makes "not found" unknown for `array_contains`, but not for `array_position`.
    let nulls = if holds_nulls && returns == DataType::Boolean { Nulls::Always } else { Nulls::Args };
    Ok(Kernel::new(name, returns, run).nulls(nulls).call(args))
}

/// Calls `found` for each row with the index of the value in the array, from 0, and whether the array contains a
/// null; with `None` for a row whose array or value is null.
fn places(b: &Batch, mut found: impl FnMut(usize, Option<(Option<usize>, bool)>)) -> Result<()> {
    let (array, value) = (b.array(0)?, b.array(1)?);
    let list = array.as_list::<i32>();
    let order = arrow(make_comparator(&normal(list.values())?, &normal(&value)?, SortOptions::default()))?;
    for row in 0..b.rows {
        if list.is_null(row) || value.is_null(row) {
            found(row, None);
            continue;
        }
        let range = range_of(list, row);
        let first = range.start;
        // The comparator takes two nulls as equal, so null elements are skipped before.
        let at = range.clone().find(|i| list.values().is_valid(*i) && order(*i, row).is_eq());
        let nulls = at.is_none() && range.clone().any(|i| list.values().is_null(i));
        found(row, Some((at.map(|i| i - first), nulls)));
    }
    Ok(())
}

fn contains(b: &Batch) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(b.rows);
    places(b, |_, found| {
        out.push(
            found.and_then(|(at, nulls)| if at.is_some() { Some(true) } else { (!nulls).then_some(false) }),
        );
    })?;
    b.build_bool(|i| Ok(out.get(i).copied().flatten()))
}

fn position(b: &Batch) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(b.rows);
    places(b, |_, found| out.push(found.map(|(at, _)| at.map_or(0, |i| i as i64 + 1))))?;
    b.build::<Int64Type>(|i| Ok(out.get(i).copied().flatten()))
}

fn remove(call: Call) -> Result<Bound> {
    let (args, _) = coerce_element(call, "array_remove")?;
    let returns = args.first().map_or(DataType::Null, |a| a.data_type.clone());
    Ok(Kernel::new("array_remove", returns, removed).call(args))
}

fn removed(b: &Batch) -> Result<ArrayRef> {
    let (array, value) = (b.array(0)?, b.array(1)?);
    let values = array.as_list::<i32>().values();
    let order = arrow(make_comparator(&normal(values)?, &normal(&value)?, SortOptions::default()))?;
    rearrange(b, |row, range, out| {
        // Null elements stay; a null value makes the row null.
        out.extend(range.filter(|i| values.is_null(*i) || !order(*i, row).is_eq()));
        Ok(value.is_valid(row))
    })
}

fn extreme(call: Call, name: &'static str, run: Run) -> Result<Bound> {
    let element = element_type(&call, 0)?;
    Ok(Kernel::new(name, element, run).nulls(Nulls::Always).call(call.args))
}

/// Returns the least or greatest element that is not null; null for an array without one.
fn least(b: &Batch, wanted: Ordering) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    let values = list.values();
    let order = ordering(values, SortOptions::default())?;
    let best = |row: usize| {
        let range = range_of(list, row).filter(|i| values.is_valid(*i) && list.is_valid(row));
        // Of equal elements the first one is kept.
        range.reduce(|a, i| if order(i, a) == wanted { i } else { a }).map(|i| i as u64)
    };
    let chosen: UInt64Array = (0..b.rows).map(best).collect();
    arrow(take(values, &chosen, None))
}

/// Returns the comparator of the elements of one child array.
fn ordering(values: &ArrayRef, options: SortOptions) -> Result<DynComparator> {
    let comparable = normal(values)?;
    arrow(make_comparator(&comparable, &comparable, options))
}

/// Binds `array_join`, which casts the elements to texts.
fn array_join(mut call: Call) -> Result<Bound> {
    element_type(&call, 0)?;
    let nullable = matches!(call.type_of(0), DataType::List(f) if f.is_nullable());
    call.coerce(0, &array_with(DataType::Utf8, nullable))?;
    call.coerce(1, &DataType::Utf8)?;
    call.coerce(2, &DataType::Utf8)?;
    Ok(Kernel::new("array_join", DataType::Utf8, joined).call(call.args))
}

fn joined(b: &Batch) -> Result<ArrayRef> {
    let (array, separator) = (b.array(0)?, b.strings(1)?);
    let instead = if b.len() > 2 { Some(b.strings(2)?) } else { None };
    let list = array.as_list::<i32>();
    let values = list.values().as_string::<i32>();
    b.build_text(|row| {
        let Some(separator) = separator.get(row).filter(|_| list.is_valid(row)) else { return Ok(None) };
        let null = match &instead {
            None => None,
            Some(Strings::Constant(None)) => return Ok(None),
            Some(s) => match s.get(row) {
                None => return Ok(None),
                some => some,
            },
        };
        let text = |i: usize| if values.is_valid(i) { Some(values.value(i)) } else { null };
        // Without a replacement nulls are left out.
        let parts: Vec<&str> = range_of(list, row).filter_map(text).collect();
        Ok(Some(parts.join(separator)))
    })
}

fn same_array(call: Call, name: &'static str, run: Run) -> Result<Bound> {
    element_type(&call, 0)?;
    Ok(Kernel::new(name, call.type_of(0), run).call(call.args))
}

/// Binds `array_compact`, which removes nulls.
fn compact(call: Call) -> Result<Bound> {
    let returns = array_with(element_type(&call, 0)?, false);
    let kernel = Kernel::new("array_compact", returns, |b| {
        let array = b.array(0)?;
        let values = array.as_list::<i32>().values();
        rearrange(b, |_, range, out| {
            out.extend(range.filter(|i| values.is_valid(*i)));
            Ok(true)
        })
    });
    Ok(kernel.call(call.args))
}

/// Binds `array_append` and `array_prepend`; null for a null array.
fn extend(call: Call, name: &'static str, run: Run) -> Result<Bound> {
    // The new element may be null even if the array's elements are not.
    let nullable = call.nullable(1) || matches!(call.type_of(0), DataType::List(f) if f.is_nullable());
    let array_nullable = call.nullable(0);
    let (args, common) = coerce_element(call, name)?;
    let nulls = if array_nullable { Nulls::Always } else { Nulls::Never };
    Ok(Kernel::new(name, array_with(common, nullable), run).nulls(nulls).call(args))
}

fn appended(b: &Batch, first: bool) -> Result<ArrayRef> {
    let (array, value) = (b.array(0)?, b.array(1)?);
    let list = array.as_list::<i32>();
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        if first {
            gather.push(1, row);
        }
        range_of(list, row).for_each(|i| gather.push(0, i));
        if !first {
            gather.push(1, row);
        }
        gather.end(before, list.is_valid(row));
    }
    gather.finish(&[list.values().as_ref(), value.as_ref()], b.returns)
}

/// Binds `array_repeat`.
fn array_repeat(mut call: Call) -> Result<Bound> {
    call.coerce(1, &DataType::Int32)?;
    let returns = array_with(call.type_of(0), call.nullable(0));
    let nulls = if call.nullable(1) { Nulls::Always } else { Nulls::Never };
    let kernel = Kernel::new("array_repeat", returns, |b| {
        let (value, n) = (b.array(0)?, b.prims::<Int32Type>(1)?);
        let mut gather = Gather::new(b.rows);
        for row in 0..b.rows {
            let before = gather.picks.len();
            // A negative count gives an empty array.
            (0..n.get(row).unwrap_or(0)).for_each(|_| gather.push(0, row));
            gather.end(before, n.get(row).is_some());
        }
        gather.finish(&[value.as_ref()], b.returns)
    });
    Ok(kernel.nulls(nulls).call(call.args))
}

/// Binds `sort_array`. The sort is stable and compares nested elements too.
fn sort_array(mut call: Call) -> Result<Bound> {
    element_type(&call, 0)?;
    call.coerce(1, &DataType::Boolean)?;
    Ok(Kernel::new("sort_array", call.type_of(0), |b| {
        let ascending = if b.len() > 1 { b.bools(1)? } else { crate::kernel::Bools::Constant(Some(true)) };
        let array = b.array(0)?;
        let values = array.as_list::<i32>().values();
        let order = ordering(values, SortOptions::default())?;
        rearrange(b, |row, range, out| {
            out.extend(range);
            match ascending.get(row) {
                Some(true) => out.sort_by(|a, b| order(*a, *b)),
                // The reversed comparator puts nulls last, as Spark does in descending order.
                Some(false) => out.sort_by(|a, b| order(*b, *a)),
                None => return Ok(false),
            }
            Ok(true)
        })
    })
    .call(call.args))
}

fn nulls_last(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let values = array.as_list::<i32>().values();
    // Unlike `sort_array`, Spark's `array_sort` puts nulls last.
    let order = ordering(values, SortOptions { descending: false, nulls_first: false })?;
    rearrange(b, |_, range, out| {
        out.extend(range);
        out.sort_by(|a, b| order(*a, *b));
        Ok(true)
    })
}

/// Binds `reverse` of the elements of an array, the bytes of a BINARY or the characters of a text.
fn reverse(mut call: Call) -> Result<Bound> {
    if matches!(call.type_of(0), DataType::List(_)) {
        return same_array(call, "reverse_array", |b| {
            rearrange(b, |_, range, out| {
                out.extend(range.rev());
                Ok(true)
            })
        });
    }
    if call.type_of(0) == DataType::Binary {
        let kernel = Kernel::new("reverse_bytes", DataType::Binary, |b| {
            let bytes = b.bytes(0)?;
            b.build_bytes(|i| Ok(bytes.get(i).map(|s| s.iter().rev().copied().collect::<Vec<u8>>())))
        });
        return Ok(kernel.call(call.args));
    }
    call.coerce(0, &DataType::Utf8)?;
    Ok(Kernel::new("reverse", DataType::Utf8, |b| {
        let text = b.strings(0)?;
        b.build_text(|i| Ok(text.get(i).map(|s| s.chars().rev().collect::<String>())))
    })
    .call(call.args))
}

fn slice(mut call: Call) -> Result<Bound> {
    element_type(&call, 0)?;
    call.coerce(1, &DataType::Int32)?;
    call.coerce(2, &DataType::Int32)?;
    Ok(Kernel::new("slice", call.type_of(0), sliced).fallible(true).call(call.args))
}

/// Computes `slice`; an error for the start 0 and for a negative length.
fn sliced(b: &Batch) -> Result<ArrayRef> {
    let (start, length) = (b.prims::<Int32Type>(1)?, b.prims::<Int32Type>(2)?);
    rearrange(b, |row, range, out| {
        let Some((start, length)) = start.get(row).zip(length.get(row)) else { return Ok(false) };
        // Positions count from 1 or from the end, so 0 is an error in Spark.
        if start == 0 {
            let expected = "a positive or a negative value for `start`";
            return Err(bad_value_of("INVALID_PARAMETER_VALUE.START", ["slice", "start"], expected, "0"));
        }
        let Ok(length) = usize::try_from(length) else {
            let (class, given) = ("INVALID_PARAMETER_VALUE.LENGTH", length.to_string());
            let expected = "`length` greater than or equal to 0";
            return Err(bad_value_of(class, ["slice", "length"], expected, &given));
        };
        // A negative start that is before the first element gives an empty array: the conversion to `usize`
        // fails below.
        let from = if start > 0 { i64::from(start) - 1 } else { range.len() as i64 + i64::from(start) };
        if let Ok(from) = usize::try_from(from) {
            out.extend(range.skip(from).take(length));
        }
        Ok(true)
    })
}

fn flatten(call: Call) -> Result<Bound> {
    let inner = element_type(&call, 0)?;
    let DataType::List(_) = &inner else {
        return Err(unexpected_type("flatten", 0, "ARRAY of ARRAY", &call.type_of(0)));
    };
    // A null inner array makes the result null.
    let holds_nulls = matches!(call.type_of(0), DataType::List(f) if f.is_nullable());
    let nulls = if holds_nulls { Nulls::Always } else { Nulls::Args };
    Ok(Kernel::new("flatten", inner, flat).nulls(nulls).call(call.args))
}

/// Joins the arrays of an array. A row with a null array is null.
fn flat(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let outer = array.as_list::<i32>();
    let inner = outer.values().as_list::<i32>();
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        let valid = outer.is_valid(row) && range_of(outer, row).all(|i| inner.is_valid(i));
        for i in range_of(outer, row) {
            range_of(inner, i).for_each(|j| gather.push(0, j));
        }
        gather.end(before, valid);
    }
    gather.finish(&[inner.values().as_ref()], b.returns)
}

/// Binds `concat` of arrays.
pub(crate) fn concat(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    for i in 0..call.args.len() {
        if call.type_of(i) != DataType::Null {
            element_type(&call, i)?;
        }
    }
    let nullable = call.args.iter().any(|a| matches!(&a.data_type, DataType::List(f) if f.is_nullable()));
    let (args, common) = coerce_all(name, call.args, ctx)?;
    let element = element_of(&common)?.data_type().clone();
    Ok(Kernel::new("concat_arrays", array_with(element, nullable), concatenated).call(args))
}

fn concatenated(b: &Batch) -> Result<ArrayRef> {
    let arrays = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let lists: Vec<&ListArray> = arrays.iter().map(|a| a.as_list::<i32>()).collect();
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        for (source, list) in lists.iter().enumerate() {
            range_of(list, row).for_each(|i| gather.push(source, i));
        }
        gather.end(before, lists.iter().all(|l| l.is_valid(row)));
    }
    let sources: Vec<&dyn Array> = lists.iter().map(|l| l.values().as_ref()).collect();
    gather.finish(&sources, b.returns)
}
