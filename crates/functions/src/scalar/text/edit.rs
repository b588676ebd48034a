//! Cuts, pads, joins and replaces texts, and the same for binaries.
//!
//! Positions count characters from 1, in binaries bytes. `substring` takes 0 as 1 and counts negative positions from
//! the end.

use super::soundex::soundex;
use super::{chars, offset_of};
use crate::binding::Bound;
use crate::coerce::{coerce_all, coerce_argument};
use crate::kernel::{Batch, Kernel, Nulls, Strings};
use crate::registry::{Call, Defaults, Display, DisplayForm, Entry, Intervals, MANY, Ty};
use crate::types::is_string;
use ::arrow::array::{Array, ArrayRef, AsArray};
use ::arrow::datatypes::{DataType, Int32Type};
use std::borrow::Cow;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["upper", "ucase"], &[Ty::Text], Ty::Text, |b| map(b, |s| Cow::Owned(s.to_uppercase())))
        .doc("text", "Converts to upper case.", &["SELECT upper('spark')"]),
    Entry::plain(&["lower", "lcase"], &[Ty::Text], Ty::Text, |b| map(b, |s| Cow::Owned(s.to_lowercase())))
        .doc("text", "Converts to lower case.", &["SELECT lower('SPARK')"]),
    Entry::plain(&["initcap"], &[Ty::Text], Ty::Text, |b| map(b, |s| Cow::Owned(super::case::initcap(s))))
        .doc(
            "text",
            "Starts each word with a capital and converts the rest to lower case.",
            &["SELECT initcap('hELLO big world')"],
        ),
    Entry::plain(&["soundex"], &[Ty::Text], Ty::Text, |b| map(b, |s| Cow::Owned(soundex(s)))).doc(
        "text",
        "Returns the Soundex code of a word.",
        &["SELECT soundex('Robert')"],
    ),
    Entry::plain(&["quote"], &[Ty::Text], Ty::Text, |b| map(b, |s| Cow::Owned(quoted(s)))).doc(
        "text",
        "Writes a text in single quotes, with quotes in it escaped.",
        &["SELECT quote('it is')"],
    ),
    Entry::bind(&["trim"], 1, 2, |c| trim(c, "trim", |b| trim_characters(b, true, true)))
        .shown(DisplayForm::Trim("BOTH"))
        .doc(
            "text[, characters]",
            "Removes spaces or the given characters from both ends.",
            &["SELECT trim('  abc  '), trim(BOTH 'x' FROM 'xabcx')"],
        ),
    Entry::bind(&["ltrim"], 1, 2, |c| trim(c, "ltrim", |b| trim_characters(b, true, false)))
        .shown(DisplayForm::Trim("LEADING"))
        .doc(
            "text[, characters]",
            "Removes spaces or the given characters from the start.",
            &["SELECT ltrim('  abc'), trim(LEADING 'x' FROM 'xabcx')"],
        ),
    Entry::bind(&["rtrim"], 1, 2, |c| trim(c, "rtrim", |b| trim_characters(b, false, true)))
        .shown(DisplayForm::Trim("TRAILING"))
        .doc(
            "text[, characters]",
            "Removes spaces or the given characters from the end.",
            &["SELECT rtrim('abc  '), trim(TRAILING 'x' FROM 'xabcx')"],
        ),
    Entry::bind(&["btrim"], 1, 2, btrim).doc(
        "text[, characters]",
        "Removes spaces or the given characters from both ends.",
        &["SELECT btrim('xxabcx', 'x')"],
    ),
    Entry::bind(&["substring", "substr"], 2, 3, substring)
        .defaults(&[Defaults { given: 2, shown: &["2147483647"] }])
        .doc(
            "value, start[, length]",
            "Returns a part of a text or binary; a negative start counts from the end.",
            &["SELECT substring('banana', 2, 3), substr('banana', -2)"],
        ),
    Entry::bind(&["left"], 2, 2, left).doc(
        "value, length",
        "Returns the first characters or bytes.",
        &["SELECT left('banana', 3)"],
    ),
    Entry::plain(&["right"], &[Ty::Text, Ty::Int], Ty::Text, right).doc(
        "text, length",
        "Returns the last characters.",
        &["SELECT right('banana', 3)"],
    ),
    Entry::bind(&["concat", "||"], 0, MANY, concat)
        .display(Display::names(&[("||", "concat")]))
        .intervals(Intervals::TextsOutsideArrays)
        .doc(
            "[value, ...]",
            "Joins texts, binaries or arrays; null if one of them is null.",
            &["SELECT concat('a', 'b', 1), 'a' || 'b'"],
        ),
    Entry::bind(&["concat_ws"], 1, MANY, concat_ws).intervals(Intervals::TextsOutsideArrays).doc(
        "delimiter[, value, ...]",
        "Joins texts and arrays of texts with a delimiter, without nulls.",
        &["SELECT concat_ws('-', 'a', NULL, array('b', 'c'))"],
    ),
    Entry::plain(&["replace"], &[Ty::Text, Ty::Text, Ty::Text], Ty::Text, replace).optional(1).doc(
        "text, part[, by]",
        "Replaces all occurrences of a part, or removes them.",
        &["SELECT replace('banana', 'na', 'NA')"],
    ),
    Entry::plain(&["translate"], &[Ty::Text, Ty::Text, Ty::Text], Ty::Text, translate).doc(
        "text, characters, by",
        "Replaces single characters by those at the same positions of another text.",
        &["SELECT translate('banana', 'an', 'xy')"],
    ),
    Entry::plain(&["repeat"], &[Ty::Text, Ty::Int], Ty::Text, repeat).fallible().doc(
        "text, count",
        "Repeats a text.",
        &["SELECT repeat('ab', 3)"],
    ),
    Entry::plain(&["space"], &[Ty::Int], Ty::Text, space).doc(
        "count",
        "Returns a text of the given number of spaces.",
        &["SELECT length(space(3))"],
    ),
    Entry::bind(&["lpad"], 2, 3, |c| padding(c, true)).defaults(&[Defaults { given: 2, shown: &[" "] }]).doc(
        "value, length[, fill]",
        "Pads a text or binary at the start to a length, and truncates a longer one.",
        &["SELECT lpad('7', 3, '0')"],
    ),
    Entry::bind(&["rpad"], 2, 3, |c| padding(c, false))
        .defaults(&[Defaults { given: 2, shown: &[" "] }])
        .doc(
            "value, length[, fill]",
            "Pads a text or binary at the end to a length, and truncates a longer one.",
            &["SELECT rpad('7', 3, '.')"],
        ),
    Entry::bind(&["overlay"], 3, 4, bind_overlay).defaults(&[Defaults { given: 3, shown: &["-1"] }]).doc(
        "value, by, start[, length]",
        "Replaces a part of a text from a position on.",
        &["SELECT overlay('banana' PLACING 'XY' FROM 2 FOR 3)"],
    ),
    Entry::plain(&["split_part"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Text, split_part).fallible().doc(
        "text, delimiter, part",
        "Splits a text and returns one part, counted from 1 or from the end.",
        &["SELECT split_part('a.b.c', '.', 2)"],
    ),
    Entry::plain(&["substring_index"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Text, substring_index).doc(
        "text, delimiter, count",
        "Returns the part of a text before the given number of delimiters, which are counted from the end if the number is negative.",
        &["SELECT substring_index('a.b.c', '.', 2)"],
    ),
    Entry::bind(&["elt"], 2, MANY, elt).doc(
        "index, value, ...",
        "Returns the value at an index, counted from 1.",
        &["SELECT elt(2, 'a', 'b')"],
    ),
    Entry::plain(&["chr", "char"], &[Ty::Long], Ty::Text, chr).doc(
        "code",
        "Returns the character of a code from 0 to 255.",
        &["SELECT chr(65)"],
    ),
];

/// Applies a function to each text.
fn map(b: &Batch, f: fn(&str) -> Cow<str>) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    b.build_text(|i| Ok(text.get(i).map(f)))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "\\'"))
}

/// Binds `trim([characters,] text)`. The characters come first, as the parser and the clients pass them.
fn trim(mut call: Call, name: &'static str, run: crate::kernel::Run) -> Result<Bound> {
    for i in 0..call.args.len() {
        call.coerce(i, &DataType::Utf8)?;
    }
    // The kernel expects the text first.
    if call.args.len() == 2 {
        call.args.reverse();
    }
    Ok(Kernel::new(name, DataType::Utf8, run).call(call.args))
}

/// Binds `btrim(text [, characters])`, whose arguments have the other order.
fn btrim(mut call: Call) -> Result<Bound> {
    call.args.reverse();
    trim(call, "btrim", |b| trim_characters(b, true, true))
}

fn trim_characters(b: &Batch, start: bool, end: bool) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    // By default only spaces are trimmed, unlike by Rust's `trim`.
    let set = if b.len() > 1 { b.strings(1)? } else { Strings::Constant(Some(" ")) };
    b.build_text(|i| {
        let Some((s, set)) = text.get(i).zip(set.get(i)) else { return Ok(None) };
        let within = |c: char| set.contains(c);
        let s = if start { s.trim_start_matches(within) } else { s };
        Ok(Some(if end { s.trim_end_matches(within) } else { s }))
    })
}

/// Binds `substring` of the characters of a text or the bytes of a binary.
fn substring(mut call: Call) -> Result<Bound> {
    call.coerce(1, &DataType::Int32)?;
    call.coerce(2, &DataType::Int32)?;
    if call.type_of(0) == DataType::Binary {
        return Ok(Kernel::new("substring_bytes", DataType::Binary, substring_bytes).call(call.args));
    }
    call.coerce(0, &DataType::Utf8)?;
    Ok(Kernel::new("substring", DataType::Utf8, substring_text).call(call.args))
}

/// Returns the range, from 0, of `substring(.., position, length)` in a text of `size` characters.
fn range(position: i32, length: i64, size: usize) -> (usize, usize) {
    let (position, size) = (i64::from(position), size as i64);
    let start = match position {
        p if p > 0 => p - 1,
        p if p < 0 => size + p,
        _ => 0,
    };
    // From the start before it is clamped: `substring('abc', -5, 3)` has two places before the text and
    // returns `a`.
    let end = start.saturating_add(length.max(0));
    let clamp = |p: i64| p.clamp(0, size) as usize;
    (clamp(start), clamp(end).max(clamp(start)))
}

/// Reads the length argument, which by default has no bound.
fn lengths<'a>(b: &'a Batch) -> Result<impl Fn(usize) -> Option<i64> + 'a> {
    let length = if b.len() > 2 { Some(b.prims::<Int32Type>(2)?) } else { None };
    Ok(move |i| match &length {
        None => Some(i64::from(i32::MAX)),
        Some(l) => l.get(i).map(i64::from),
    })
}

fn substring_text(b: &Batch) -> Result<ArrayRef> {
    let (text, position, length) = (b.strings(0)?, b.prims::<Int32Type>(1)?, lengths(b)?);
    b.build_text(|i| {
        let (Some(s), Some(p), Some(n)) = (text.get(i), position.get(i), length(i)) else { return Ok(None) };
        // Only a position from the end needs the number of characters. Otherwise the number of bytes is a bound that
        // is large enough, and `offset_of` stops at the end.
        let size = if p >= 0 { s.len() } else { chars(s) };
        let (from, to) = range(p, n, size);
        Ok(s.get(offset_of(s, from)..offset_of(s, to)))
    })
}

fn substring_bytes(b: &Batch) -> Result<ArrayRef> {
    let (bytes, position, length) = (b.bytes(0)?, b.prims::<Int32Type>(1)?, lengths(b)?);
    b.build_bytes(|i| {
        let (Some(s), Some(p), Some(n)) = (bytes.get(i), position.get(i), length(i)) else { return Ok(None) };
        let (from, to) = range(p, n, s.len());
        Ok(s.get(from..to))
    })
}

fn left(mut call: Call) -> Result<Bound> {
    call.coerce(1, &DataType::Int32)?;
    if call.type_of(0) == DataType::Binary {
        return Ok(Kernel::new("left_bytes", DataType::Binary, |b| {
            let (bytes, n) = (b.bytes(0)?, b.prims::<Int32Type>(1)?);
            b.build_bytes(|i| {
                Ok(bytes.get(i).zip(n.get(i)).and_then(|(s, n)| s.get(..(n.max(0) as usize).min(s.len()))))
            })
        })
        .call(call.args));
    }
    call.coerce(0, &DataType::Utf8)?;
    Ok(Kernel::new("left", DataType::Utf8, |b| {
        let (text, n) = (b.strings(0)?, b.prims::<Int32Type>(1)?);
        b.build_text(|i| {
            Ok(text.get(i).zip(n.get(i)).and_then(|(s, n)| s.get(..offset_of(s, n.max(0) as usize))))
        })
    })
    .call(call.args))
}

fn right(b: &Batch) -> Result<ArrayRef> {
    let (text, n) = (b.strings(0)?, b.prims::<Int32Type>(1)?);
    b.build_text(|i| {
        let Some((s, n)) = text.get(i).zip(n.get(i)) else { return Ok(None) };
        let skip = chars(s).saturating_sub(n.max(0) as usize);
        Ok(s.get(offset_of(s, skip)..))
    })
}

/// Binds `concat` of texts, binaries or arrays; null if one argument is null.
fn concat(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    if call.args.iter().any(|a| matches!(a.data_type, DataType::List(_))) {
        return crate::scalar::collection::concat(call);
    }
    // A binary beside a text is cast to a text.
    let binary = !call.args.is_empty() && call.args.iter().all(|a| a.data_type == DataType::Binary);
    if binary {
        let (args, _) = coerce_all(name, call.args, ctx)?;
        return Ok(Kernel::new("concat_bytes", DataType::Binary, concat_bytes).call(args));
    }
    let args = call.args.into_iter().enumerate();
    let args =
        args.map(|(i, a)| coerce_argument(name, i, a, &DataType::Utf8, ctx)).collect::<Result<Vec<_>>>()?;
    Ok(Kernel::new("concat", DataType::Utf8, concat_text).call(args))
}

fn concat_text(b: &Batch) -> Result<ArrayRef> {
    let parts = (0..b.len()).map(|i| b.strings(i)).collect::<Result<Vec<_>>>()?;
    // One buffer for all rows.
    let mut out = String::new();
    b.build_text(|row| {
        out.clear();
        for part in &parts {
            match part.get(row) {
                Some(s) => out.push_str(s),
                None => return Ok(None),
            }
        }
        Ok(Some(out.clone()))
    })
}

fn concat_bytes(b: &Batch) -> Result<ArrayRef> {
    let parts = (0..b.len()).map(|i| b.bytes(i)).collect::<Result<Vec<_>>>()?;
    b.build_bytes(|row| {
        let all: Option<Vec<&[u8]>> = parts.iter().map(|p| p.get(row)).collect();
        Ok(all.map(|all| all.concat()))
    })
}

/// Binds `concat_ws`, which joins texts and arrays of texts with a separator and skips nulls.
fn concat_ws(mut call: Call) -> Result<Bound> {
    for i in 0..call.args.len() {
        match call.type_of(i) {
            // The separator, argument 0, is never an array.
            DataType::List(item) if i > 0 && is_string(item.data_type()) => {}
            DataType::List(_) if i > 0 => call.coerce(i, &crate::types::array_of(DataType::Utf8))?,
            _ => call.coerce(i, &DataType::Utf8)?,
        }
    }
    let nullable = call.nullable(0);
    let nulls = if nullable { Nulls::Always } else { Nulls::Never };
    Ok(Kernel::new("concat_ws", DataType::Utf8, join).nulls(nulls).call(call.args))
}

fn join(b: &Batch) -> Result<ArrayRef> {
    let separator = b.strings(0)?;
    let arrays = (1..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    b.build_text(|row| {
        let Some(separator) = separator.get(row) else { return Ok(None) };
        // `None` until the first text, so that an empty first text is still followed by the separator.
        let mut out: Option<String> = None;
        let mut push = |s: &str| match &mut out {
            None => out = Some(s.to_owned()),
            Some(out) => {
                out.push_str(separator);
                out.push_str(s);
            }
        };
        for array in arrays.iter().filter(|a| a.is_valid(row)) {
            match array.as_list_opt::<i32>() {
                Some(list) => list.value(row).as_string::<i32>().iter().flatten().for_each(&mut push),
                None => push(array.as_string::<i32>().value(row)),
            }
        }
        Ok(Some(out.unwrap_or_default()))
    })
}

/// Computes `replace`: all occurrences, from the left, without overlaps.
fn replace(b: &Batch) -> Result<ArrayRef> {
    let (text, from) = (b.strings(0)?, b.strings(1)?);
    let to = if b.len() > 2 { b.strings(2)? } else { Strings::Constant(Some("")) };
    b.build_text(|i| {
        let (Some(s), Some(from), Some(to)) = (text.get(i), from.get(i), to.get(i)) else { return Ok(None) };
        // Rust would insert the replacement between all characters; Spark returns the text unchanged.
        Ok(Some(if from.is_empty() { Cow::Borrowed(s) } else { Cow::Owned(s.replace(from, to)) }))
    })
}

/// Computes `translate`: replaces each character of `from` by the one at the same place of `to`. Without such a place
/// it is dropped; of equal characters in `from` the first one counts.
fn translate(b: &Batch) -> Result<ArrayRef> {
    let (text, from, to) = (b.strings(0)?, b.strings(1)?, b.strings(2)?);
    b.build_text(|i| {
        let (Some(s), Some(from), Some(to)) = (text.get(i), from.get(i), to.get(i)) else { return Ok(None) };
        let image = |c: char| match from.chars().position(|f| f == c) {
            None => Some(c),
            Some(place) => to.chars().nth(place),
        };
        Ok(Some(s.chars().filter_map(image).collect::<String>()))
    })
}

/// The bound on the bytes of one text of a result: offsets of Arrow have 32 bits, and Java's arrays are a bit
/// smaller.
const TEXT_MAX: usize = i32::MAX as usize - 15;

/// Computes `repeat`; a count that is not positive gives the empty text.
fn repeat(b: &Batch) -> Result<ArrayRef> {
    let (text, n) = (b.strings(0)?, b.prims::<Int32Type>(1)?);
    b.build_text(|i| {
        let Some((s, n)) = text.get(i).zip(n.get(i)) else { return Ok(None) };
        let n = usize::try_from(n).unwrap_or(0);
        // Checked before anything is allocated.
        match s.len().checked_mul(n) {
            Some(size) if size <= TEXT_MAX => Ok(Some(s.repeat(n))),
            _ => Err(Error::unsupported("texts of 2 GiB and more")),
        }
    })
}

fn space(b: &Batch) -> Result<ArrayRef> {
    let n = b.prims::<Int32Type>(0)?;
    b.build_text(|i| Ok(n.get(i).map(|n| " ".repeat(usize::try_from(n).unwrap_or(0)))))
}

/// Binds `lpad` and `rpad`. By default texts are padded with spaces and binaries with zeros.
fn padding(mut call: Call, before: bool) -> Result<Bound> {
    call.coerce(1, &DataType::Int32)?;
    let filler = call.args.get(2).map_or(DataType::Binary, |a| a.data_type.clone());
    if call.type_of(0) == DataType::Binary && filler == DataType::Binary {
        let (name, run): (_, crate::kernel::Run) = match before {
            true => ("lpad_bytes", |b| pad_bytes(b, true)),
            false => ("rpad_bytes", |b| pad_bytes(b, false)),
        };
        return Ok(Kernel::new(name, DataType::Binary, run).call(call.args));
    }
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(2, &DataType::Utf8)?;
    let (name, run): (_, crate::kernel::Run) =
        if before { ("lpad", |b| pad(b, true)) } else { ("rpad", |b| pad(b, false)) };
    Ok(Kernel::new(name, DataType::Utf8, run).call(call.args))
}

fn pad_bytes(b: &Batch, before: bool) -> Result<ArrayRef> {
    let (bytes, n) = (b.bytes(0)?, b.prims::<Int32Type>(1)?);
    let fill = if b.len() > 2 { b.bytes(2)? } else { crate::kernel::Bytes::Constant(Some(&[0])) };
    b.build_bytes(|i| {
        let (Some(s), Some(n), Some(fill)) = (bytes.get(i), n.get(i), fill.get(i)) else { return Ok(None) };
        let n = usize::try_from(n).unwrap_or(0);
        // A value that is too long is cut, always at its end.
        if n <= s.len() || fill.is_empty() {
            return Ok(s.get(..n.min(s.len())).map(<[u8]>::to_vec));
        }
        let padding: Vec<u8> = fill.iter().copied().cycle().take(n - s.len()).collect();
        Ok(Some(if before { [&padding, s].concat() } else { [s, &padding].concat() }))
    })
}

fn bind_overlay(mut call: Call) -> Result<Bound> {
    let (name, of, run): (_, _, crate::kernel::Run) = match call.type_of(0) {
        DataType::Binary => ("overlay_bytes", DataType::Binary, overlay_bytes),
        _ => ("overlay", DataType::Utf8, overlay),
    };
    for (i, t) in [of.clone(), of.clone(), DataType::Int32, DataType::Int32].iter().enumerate() {
        call.coerce(i, t)?;
    }
    Ok(Kernel::new(name, of, run).call(call.args))
}

fn pad(b: &Batch, before: bool) -> Result<ArrayRef> {
    let (text, n) = (b.strings(0)?, b.prims::<Int32Type>(1)?);
    let fill = if b.len() > 2 { b.strings(2)? } else { Strings::Constant(Some(" ")) };
    b.build_text(|i| {
        let (Some(s), Some(n), Some(fill)) = (text.get(i), n.get(i), fill.get(i)) else { return Ok(None) };
        let (n, size) = (usize::try_from(n).unwrap_or(0), chars(s));
        if n <= size || fill.is_empty() {
            return Ok(s.get(..offset_of(s, n)).map(str::to_owned));
        }
        // The filler is repeated from its first character on, also before the text.
        let padding: String = fill.chars().cycle().take(n - size).collect();
        Ok(Some(if before { padding + s } else { s.to_owned() + &padding }))
    })
}

/// Computes `overlay` of texts.
fn overlay(b: &Batch) -> Result<ArrayRef> {
    let (text, with, at) = (b.strings(0)?, b.strings(1)?, b.prims::<Int32Type>(2)?);
    let length = replaced_length(b)?;
    b.build_text(|i| {
        let (Some(s), Some(w), Some(at)) = (text.get(i), with.get(i), at.get(i)) else { return Ok(None) };
        let Some(n) = length(i, chars(w)) else { return Ok(None) };
        let size = chars(s);
        let part = |p: i32, n: i64| {
            let (from, to) = range(p, n, size);
            s.get(offset_of(s, from)..offset_of(s, to)).unwrap_or("")
        };
        let head = part(1, i64::from(at) - 1);
        Ok(Some(format!("{head}{w}{}", part(at.saturating_add(n), i64::from(i32::MAX)))))
    })
}

fn overlay_bytes(b: &Batch) -> Result<ArrayRef> {
    let (bytes, with, at) = (b.bytes(0)?, b.bytes(1)?, b.prims::<Int32Type>(2)?);
    let length = replaced_length(b)?;
    b.build_bytes(|i| {
        let (Some(s), Some(w), Some(at)) = (bytes.get(i), with.get(i), at.get(i)) else { return Ok(None) };
        let Some(n) = length(i, w.len()) else { return Ok(None) };
        let part = |p: i32, n: i64| {
            let (from, to) = range(p, n, s.len());
            s.get(from..to).unwrap_or_default()
        };
        let (head, tail) = (part(1, i64::from(at) - 1), part(at.saturating_add(n), i64::from(i32::MAX)));
        Ok(Some([head, w, tail].concat()))
    })
}

/// Returns a function that gives the number of characters that an overlay replaces in a row: the argument, or the
/// length of the new text without one or with a negative one.
fn replaced_length<'a>(b: &'a Batch) -> Result<impl Fn(usize, usize) -> Option<i32> + 'a> {
    let length = if b.len() > 3 { Some(b.prims::<Int32Type>(3)?) } else { None };
    Ok(move |i, new: usize| {
        let said = length.as_ref().map_or(Some(-1), |length| length.get(i))?;
        Some(if said >= 0 { said } else { new as i32 })
    })
}

/// Computes `split_part`: the n-th part, from the end for a negative number; the empty text beyond.
fn split_part(b: &Batch) -> Result<ArrayRef> {
    let (text, delimiter, part) = (b.strings(0)?, b.strings(1)?, b.prims::<Int32Type>(2)?);
    b.build_text(|i| {
        let (Some(s), Some(d), Some(n)) = (text.get(i), delimiter.get(i), part.get(i)) else {
            return Ok(None);
        };
        if n == 0 {
            return Err(crate::errors::index_of_zero());
        }
        let place = n.unsigned_abs() as usize - 1;
        // An empty delimiter does not split: the whole text is the only part.
        let found = match (d.is_empty(), n > 0) {
            (true, _) => (place == 0).then_some(s),
            (false, true) => s.split(d).nth(place),
            // Split from the left too: from the right, overlapping delimiters would be found at other places.
            (false, false) => s.split(d).collect::<Vec<_>>().into_iter().nth_back(place),
        };
        Ok(Some(found.unwrap_or("")))
    })
}

/// Computes `substring_index`: the text before the n-th delimiter, or after it from the end.
fn substring_index(b: &Batch) -> Result<ArrayRef> {
    let (text, delimiter, count) = (b.strings(0)?, b.strings(1)?, b.prims::<Int32Type>(2)?);
    b.build_text(|i| {
        let (Some(s), Some(d), Some(n)) = (text.get(i), delimiter.get(i), count.get(i)) else {
            return Ok(None);
        };
        if n == 0 || d.is_empty() {
            return Ok(Some(""));
        }
        let nth = n.unsigned_abs() as usize - 1;
        Ok(Some(match n > 0 {
            true => s.match_indices(d).nth(nth).and_then(|(at, _)| s.get(..at)).unwrap_or(s),
            // Spark searches from the right for a negative count.
            false => s.rmatch_indices(d).nth(nth).and_then(|(at, _)| s.get(at + d.len()..)).unwrap_or(s),
        }))
    })
}

/// Binds `elt(n, a, b, ..)`: argument `n` as a text. An index beyond the last argument is an error in ANSI mode.
fn elt(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Int32)?;
    for i in 1..call.args.len() {
        call.coerce(i, &DataType::Utf8)?;
    }
    Ok(Kernel::new("elt", DataType::Utf8, pick).nulls(Nulls::Always).fallible(true).call(call.args))
}

fn pick(b: &Batch) -> Result<ArrayRef> {
    let n = b.prims::<Int32Type>(0)?;
    let parts = (1..b.len()).map(|i| b.strings(i)).collect::<Result<Vec<_>>>()?;
    b.build_text(|row| {
        let Some(n) = n.get(row) else { return Ok(None) };
        match usize::try_from(n).ok().and_then(|n| n.checked_sub(1)).and_then(|n| parts.get(n)) {
            Some(part) => Ok(part.get(row)),
            None => Err(crate::errors::array_index(i64::from(n), parts.len())),
        }
    })
}

/// Computes `chr`; a negative code gives the empty text.
fn chr(b: &Batch) -> Result<ArrayRef> {
    use ::arrow::datatypes::Int64Type;
    let n = b.prims::<Int64Type>(0)?;
    b.build_text(|i| {
        Ok(n.get(i).map(|n| match n < 0 {
            true => String::new(),
            // Spark takes the code modulo 256, as a character of Latin-1.
            false => char::from((n & 0xFF) as u8).to_string(),
        }))
    })
}
