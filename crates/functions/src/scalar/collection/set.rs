//! Computes on arrays as sets: `array_distinct`, `array_union`, `array_intersect`, `array_except`, `arrays_overlap`.
//!
//! Elements keep the order of their first occurrence. Nulls equal each other, and floating-point numbers are compared
//! as keys.

use super::{Gather, range_of, rearrange};
use crate::binding::Bound;
use crate::coerce::coerce_all;
use crate::errors::unexpected_type;
use crate::kernel::{Batch, Kernel, Nulls, Run, arrow};
use crate::operators::key::key;
use crate::registry::{Call, Entry};
use ::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use ::arrow::datatypes::DataType;
use ::arrow::row::{RowConverter, Rows, SortField};
use std::collections::HashSet;
use std::sync::Arc;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["array_distinct"], 1, 1, array_distinct).doc(
        "array",
        "Removes repeated elements.",
        &["SELECT array_distinct(array(1, 2, 1, 3))"],
    ),
    Entry::bind(&["array_union"], 2, 2, |c| pair(c, "array_union", |b| combine(b, Keep::Union))).doc(
        "left, right",
        "Returns the elements of both arrays, each once.",
        &["SELECT array_union(array(1, 2), array(2, 3))"],
    ),
    Entry::bind(&["array_intersect"], 2, 2, |c| pair(c, "array_intersect", |b| combine(b, Keep::Both))).doc(
        "left, right",
        "Returns the elements that both arrays have, each once.",
        &["SELECT array_intersect(array(1, 2), array(2, 3))"],
    ),
    Entry::bind(&["array_except"], 2, 2, |c| pair(c, "array_except", |b| combine(b, Keep::LeftOnly))).doc(
        "left, right",
        "Returns the elements of the left array that the right one does not have, each once.",
        &["SELECT array_except(array(1, 2, 2), array(2, 3))"],
    ),
    Entry::bind(&["arrays_overlap"], 2, 2, arrays_overlap).doc(
        "left, right",
        "Returns whether two arrays have a common element.",
        &["SELECT arrays_overlap(array(1, 2), array(2, 3))"],
    ),
];

fn array_distinct(call: Call) -> Result<Bound> {
    let returns = call.type_of(0);
    if !matches!(returns, DataType::List(_)) {
        return Err(unexpected_type("array_distinct", 0, "ARRAY", &returns));
    }
    Ok(Kernel::new("array_distinct", returns, distinct).call(call.args.into_iter().map(key).collect()))
}

/// Makes comparable bytes of the elements of lists of one type.
struct Elements(RowConverter);

impl Elements {
    fn like(list: &ListArray) -> Result<Self> {
        arrow(RowConverter::new(vec![SortField::new(list.values().data_type().clone())])).map(Self)
    }

    fn rows(&self, list: &ListArray) -> Result<Rows> {
        arrow(self.0.convert_columns(&[Arc::clone(list.values())]))
    }
}

/// Removes duplicates from each array.
fn distinct(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let list = array.as_list::<i32>();
    let rows = Elements::like(list)?.rows(list)?;
    let mut seen = HashSet::new();
    rearrange(b, |_, range, out| {
        // One set for all rows keeps its memory.
        seen.clear();
        out.extend(range.filter(|i| seen.insert(rows.row(*i))));
        Ok(true)
    })
}

fn two_arrays(call: Call, name: &'static str) -> Result<(Vec<crate::Arg>, DataType)> {
    let ctx = call.ctx;
    for i in 0..2 {
        if !matches!(call.type_of(i), DataType::List(_)) {
            return Err(unexpected_type(name, i, "ARRAY", &call.type_of(i)));
        }
    }
    let (args, common) = coerce_all(name, call.args, ctx)?;
    Ok((args.into_iter().map(key).collect(), common))
}

fn pair(call: Call, name: &'static str, run: Run) -> Result<Bound> {
    let (args, common) = two_arrays(call, name)?;
    Ok(Kernel::new(name, common, run).call(args))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Union,
    Both,
    LeftOnly,
}

/// Computes the union, intersection or difference of each pair of arrays; null if one of them is null.
fn combine(b: &Batch, keep: Keep) -> Result<ArrayRef> {
    let (left, right) = (b.array(0)?, b.array(1)?);
    let (l, r) = (left.as_list::<i32>(), right.as_list::<i32>());
    let elements = Elements::like(l)?;
    let (lr, rr) = (elements.rows(l)?, elements.rows(r)?);
    let mut gather = Gather::new(b.rows);
    for row in 0..b.rows {
        let before = gather.picks.len();
        let valid = l.is_valid(row) && r.is_valid(row);
        let others: HashSet<_> = range_of(r, row).map(|i| rr.row(i)).collect();
        let mut seen = HashSet::new();
        for i in range_of(l, row) {
            let key = lr.row(i);
            let kept = keep == Keep::Union || others.contains(&key) == (keep == Keep::Both);
            if kept && seen.insert(key) {
                gather.push(0, i);
            }
        }
        if keep == Keep::Union {
            range_of(r, row).filter(|i| seen.insert(rr.row(*i))).for_each(|i| gather.push(1, i));
        }
        gather.end(before, valid);
    }
    gather.finish(&[l.values().as_ref(), r.values().as_ref()], b.returns)
}

fn arrays_overlap(call: Call) -> Result<Bound> {
    let (args, _) = two_arrays(call, "arrays_overlap")?;
    let holds_nulls = args.iter().any(|a| matches!(&a.data_type, DataType::List(f) if f.is_nullable()));
    let nulls = if holds_nulls { Nulls::Always } else { Nulls::Args };
    Ok(Kernel::new("arrays_overlap", DataType::Boolean, overlap).nulls(nulls).call(args))
}

/// Computes `arrays_overlap` in three-valued logic.
fn overlap(b: &Batch) -> Result<ArrayRef> {
    let (left, right) = (b.array(0)?, b.array(1)?);
    let (l, r) = (left.as_list::<i32>(), right.as_list::<i32>());
    let elements = Elements::like(l)?;
    let (lr, rr) = (elements.rows(l)?, elements.rows(r)?);
    b.build_bool(|row| {
        if l.is_null(row) || r.is_null(row) {
            return Ok(None);
        }
        // A null equals nothing here. It only makes the answer unknown, if no other element is common and
        // both arrays have elements.
        let valid = |list: &ListArray, i: usize| list.values().is_valid(i);
        let others: HashSet<_> = range_of(r, row).filter(|i| valid(r, *i)).map(|i| rr.row(i)).collect();
        if range_of(l, row).any(|i| valid(l, i) && others.contains(&lr.row(i))) {
            return Ok(Some(true));
        }
        let both = !range_of(l, row).is_empty() && !range_of(r, row).is_empty();
        let nulls = range_of(l, row).any(|i| !valid(l, i)) || range_of(r, row).any(|i| !valid(r, i));
        Ok(if both && nulls { None } else { Some(false) })
    })
}
