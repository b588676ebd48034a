//! Measures and searches texts and binaries: `length`, `instr`, `locate`, `contains`, `levenshtein` and others.

use super::chars;
use crate::binding::Bound;
use crate::kernel::{Batch, Kernel, Strings};
use crate::registry::{Call, Defaults, Entry, Ty};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type};
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["length", "char_length", "character_length", "len"], 1, 1, length).doc(
        "value",
        "Returns the number of characters of a text, of bytes of a binary.",
        &["SELECT length('Käse')"],
    ),
    Entry::bind(&["octet_length"], 1, 1, octet_length).doc(
        "value",
        "Returns the number of bytes.",
        &["SELECT octet_length('Käse')"],
    ),
    Entry::bind(&["bit_length"], 1, 1, |c| bytes(c, "bit_length", |b| size(b, 8))).doc(
        "value",
        "Returns the number of bits.",
        &["SELECT bit_length('abc')"],
    ),
    Entry::plain(&["ascii"], &[Ty::Text], Ty::Int, ascii).doc(
        "text",
        "Returns the code of the first character.",
        &["SELECT ascii('A')"],
    ),
    Entry::plain(&["instr"], &[Ty::Text, Ty::Text], Ty::Int, instr).doc(
        "text, part",
        "Returns the position of the first occurrence of a part, counted from 1; 0 if there is no occurrence.",
        &["SELECT instr('banana', 'na')"],
    ),
    Entry::plain(&["locate", "position"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Int, locate)
        .optional(1)
        .defaults(&[Defaults { given: 2, shown: &["1"] }])
        .doc(
            "part, text[, start]",
            "Returns the position of the first occurrence of a part at or after a start, counted from 1; 0 if there is no occurrence.",
            &["SELECT locate('na', 'banana', 4)"],
        ),
    Entry::bind(&["startswith"], 2, 2, |c| test(c, "startswith")).doc(
        "value, start",
        "Returns whether a text or binary starts with another one.",
        &["SELECT startswith('banana', 'ban')"],
    ),
    Entry::bind(&["endswith"], 2, 2, |c| test(c, "endswith")).doc(
        "value, end",
        "Returns whether a text or binary ends with another one.",
        &["SELECT endswith('banana', 'na')"],
    ),
    Entry::bind(&["contains"], 2, 2, |c| test(c, "contains")).doc(
        "value, part",
        "Returns whether a text or binary contains another one.",
        &["SELECT contains('banana', 'nan')"],
    ),
    Entry::plain(&["find_in_set"], &[Ty::Text, Ty::Text], Ty::Int, find_in_set).doc(
        "text, list",
        "Returns the position of a text in a list with commas, counted from 1; 0 if the list does not have it.",
        &["SELECT find_in_set('b', 'a,b,c')"],
    ),
    Entry::plain(&["levenshtein"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Int, levenshtein).optional(1).doc(
        "left, right[, limit]",
        "Returns the number of edits between two texts; -1 above a limit.",
        &["SELECT levenshtein('house', 'mouse')"],
    ),
];

/// Binds `length`: characters of a text, bytes of a binary.
fn length(mut call: Call) -> Result<Bound> {
    if call.type_of(0) == DataType::Binary {
        return octet_length(call);
    }
    call.coerce(0, &DataType::Utf8)?;
    let kernel = Kernel::new("length", DataType::Int32, |b| {
        let text = b.strings(0)?;
        b.build::<Int32Type>(|i| Ok(text.get(i).map(|s| chars(s) as i32)))
    });
    Ok(kernel.call(call.args))
}

fn octet_length(call: Call) -> Result<Bound> {
    bytes(call, "octet_length", |b| size(b, 1))
}

fn bytes(mut call: Call, name: &'static str, run: crate::kernel::Run) -> Result<Bound> {
    if call.type_of(0) != DataType::Binary {
        call.coerce(0, &DataType::Utf8)?;
        call.coerce(0, &DataType::Binary)?;
    }
    Ok(Kernel::new(name, DataType::Int32, run).call(call.args))
}

/// Counts the bytes of texts or binaries in units; bits of more than 256 MiB wrap around, as in Spark.
fn size(b: &Batch, unit: i32) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build::<Int32Type>(|i| Ok(bytes.get(i).map(|s| (s.len() as i32).wrapping_mul(unit))))
}

fn ascii(b: &Batch) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    b.build::<Int32Type>(|i| Ok(text.get(i).map(|s| s.chars().next().map_or(0, |c| c as i32))))
}

/// Returns the position, from 1, of `what` in `text` at or after character `from`, which counts from 0; 0 if it does
/// not occur.
fn place(text: &str, what: &str, from: usize) -> i32 {
    let start = super::offset_of(text, from);
    let Some(rest) = text.get(start..) else { return 0 };
    match rest.find(what) {
        Some(at) if from <= chars(text) => (from + rest.get(..at).map_or(0, chars) + 1) as i32,
        _ => 0,
    }
}

fn instr(b: &Batch) -> Result<ArrayRef> {
    let (text, what) = (b.strings(0)?, b.strings(1)?);
    b.build::<Int32Type>(|i| Ok(text.get(i).zip(what.get(i)).map(|(s, w)| place(s, w, 0))))
}

/// Computes `locate(what, text [, from])`. A `from` less than 1 finds nothing, and an empty `what` is found at 1
/// whatever `from` is.
fn locate(b: &Batch) -> Result<ArrayRef> {
    let (what, text) = (b.strings(0)?, b.strings(1)?);
    let from = if b.len() > 2 { Some(b.prims::<Int32Type>(2)?) } else { None };
    b.build::<Int32Type>(|i| {
        let from = match &from {
            None => 1,
            Some(f) => match f.get(i) {
                Some(f) => f,
                // A null start gives 0 in Spark, not null, and even beside a null text.
                None => return Ok(Some(0)),
            },
        };
        let Some((w, s)) = what.get(i).zip(text.get(i)) else { return Ok(None) };
        Ok(Some(match from {
            ..1 => 0,
            _ if w.is_empty() => 1,
            _ => place(s, w, from as usize - 1),
        }))
    })
}

fn test(mut call: Call, name: &'static str) -> Result<Bound> {
    // Bytes are compared only if both are binary; otherwise a binary is cast to a text.
    let binary = call.type_of(0) == DataType::Binary && call.type_of(1) == DataType::Binary;
    for i in 0..2 {
        if !binary {
            call.coerce(i, &DataType::Utf8)?;
        }
    }
    let run: crate::kernel::Run = match (name, binary) {
        ("startswith", false) => |b| compare(b, |a, b| a.starts_with(b)),
        ("endswith", false) => |b| compare(b, |a, b| a.ends_with(b)),
        (_, false) => |b| compare(b, |a, b| a.contains(b)),
        ("startswith", true) => |b| compare_bytes(b, |a, b| a.starts_with(b)),
        ("endswith", true) => |b| compare_bytes(b, |a, b| a.ends_with(b)),
        (_, true) => |b| compare_bytes(b, holds),
    };
    Ok(Kernel::new(name, DataType::Boolean, run).call(call.args))
}

fn holds(a: &[u8], b: &[u8]) -> bool {
    // `windows(0)` would panic.
    b.is_empty() || a.windows(b.len()).any(|w| w == b)
}

fn compare(b: &Batch, test: fn(&str, &str) -> bool) -> Result<ArrayRef> {
    let (left, right) = (b.strings(0)?, b.strings(1)?);
    b.build_bool(|i| Ok(left.get(i).zip(right.get(i)).map(|(l, r)| test(l, r))))
}

fn compare_bytes(b: &Batch, test: fn(&[u8], &[u8]) -> bool) -> Result<ArrayRef> {
    let (left, right) = (b.bytes(0)?, b.bytes(1)?);
    b.build_bool(|i| Ok(left.get(i).zip(right.get(i)).map(|(l, r)| test(l, r))))
}

/// Computes the position, from 1, of a text in a list with commas; 0 if it does not occur or contains a comma.
fn find_in_set(b: &Batch) -> Result<ArrayRef> {
    let (what, set) = (b.strings(0)?, b.strings(1)?);
    b.build::<Int32Type>(|i| {
        let Some((w, set)) = what.get(i).zip(set.get(i)) else { return Ok(None) };
        // A text with a comma cannot be an item of the list.
        let at = if w.contains(',') { None } else { set.split(',').position(|s| s == w) };
        Ok(Some(at.map_or(0, |p| p as i32 + 1)))
    })
}

/// Computes the edit distance; -1 if it is greater than the limit.
fn levenshtein(b: &Batch) -> Result<ArrayRef> {
    let (left, right): (Strings, Strings) = (b.strings(0)?, b.strings(1)?);
    let limit = if b.len() > 2 { Some(b.prims::<Int32Type>(2)?) } else { None };
    b.build::<Int32Type>(|i| {
        let Some((l, r)) = left.get(i).zip(right.get(i)) else { return Ok(None) };
        let distance = edit_distance(l, r);
        match &limit {
            None => Ok(Some(distance)),
            Some(limit) => Ok(limit.get(i).map(|n| if distance > n { -1 } else { distance })),
        }
    })
}

/// Computes the Levenshtein distance row by row, with one row of the matrix in memory.
fn edit_distance(l: &str, r: &str) -> i32 {
    let right: Vec<char> = r.chars().collect();
    let mut row: Vec<i32> = (0..=right.len() as i32).collect();
    for (i, a) in l.chars().enumerate() {
        let mut diagonal = i as i32;
        let mut before = i as i32 + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + i32::from(a != *b);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i as i32 + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
