//! Matches, replaces and splits texts by regular expressions: `rlike`, `regexp_*` and `split`.
//!
//! Patterns, matches and replacements are those of `java.util.regex`. Positions are counted in UTF-16 units, as in
//! Spark.

use crate::binding::Bound;
use crate::errors::{bad_pattern, bad_replacement, not_constant, value_out_of_range};
use crate::java_regex::{Found, JavaRegex};
use crate::kernel::{Batch, Kernel, Nulls, Prims, Strings};
use crate::registry::{Call, Defaults, Entry, Ty};
use crate::types::array_with;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::ScalarValue;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["rlike", "regexp", "regexp_like"], &[Ty::Text, Ty::Text], Ty::Bool, rlike)
        .fallible()
        .capitals(&["rlike", "regexp", "regexp_like"])
        .doc(
            "text, pattern",
            "Returns whether a regular expression matches a part of a text.",
            &["SELECT 'banana' RLIKE '(an)+'"],
        ),
    Entry::bind(&["regexp_replace"], 3, 4, bind_replace)
        .defaults(&[Defaults { given: 3, shown: &["1"] }])
        .doc(
            "text, pattern, by[, start]",
            "Replaces all matches of a regular expression.",
            &["SELECT regexp_replace('a1b22', '[0-9]+', '#')"],
        ),
    Entry::plain(&["regexp_extract"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Text, regexp_extract)
        .optional(1)
        .fallible()
        .doc(
            "text, pattern[, group]",
            "Returns a group of the first match, by default the first group; the empty text without a match.",
            &["SELECT regexp_extract('k=v', '(.)=(.)', 2)"],
        ),
    Entry::plain(&["regexp_count"], &[Ty::Text, Ty::Text], Ty::Int, regexp_count).fallible().doc(
        "text, pattern",
        "Counts the matches of a regular expression.",
        &["SELECT regexp_count('banana', 'an')"],
    ),
    Entry::plain(&["regexp_instr"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Int, regexp_instr)
        .optional(1)
        .fallible()
        .defaults(&[Defaults { given: 2, shown: &["0"] }])
        .doc(
            "text, pattern[, group]",
            "Returns the position of the first match, counted from 1; 0 if there is no match.",
            &["SELECT regexp_instr('banana', 'na')"],
        ),
    Entry::plain(&["regexp_substr"], &[Ty::Text, Ty::Text], Ty::Text, regexp_substr)
        .fallible()
        .nullable()
        .doc(
            "text, pattern",
            "Returns the first match of a regular expression, or null.",
            &["SELECT regexp_substr('a1b22', '[0-9]+')"],
        ),
    Entry::bind(&["regexp_extract_all"], 2, 3, regexp_extract_all).doc(
        "text, pattern[, group]",
        "Returns a group of every match.",
        &["SELECT regexp_extract_all('a1b22', '([a-z])([0-9]+)', 2)"],
    ),
    Entry::bind(&["split"], 2, 3, split).defaults(&[Defaults { given: 2, shown: &["-1"] }]).doc(
        "text, pattern[, limit]",
        "Splits a text at the matches of a regular expression, into at most the given number of parts.",
        &["SELECT split('a1b2c', '[0-9]', 2)"],
    ),
];

/// The pattern of each row, compiled once for each run of equal ones, and so once if it is constant.
struct Patterns<'a> {
    function: &'static str,
    texts: Strings<'a>,
    last: Option<(String, JavaRegex)>,
}

impl<'a> Patterns<'a> {
    fn new(b: &Batch<'a>, i: usize, function: &'static str) -> Result<Self> {
        Ok(Self { function, texts: b.strings(i)?, last: None })
    }
    fn get(&mut self, row: usize) -> Result<Option<&JavaRegex>> {
        let Some(text) = self.texts.get(row) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            let made = JavaRegex::new(text).map_err(|bad| bad_pattern(self.function, text, bad))?;
            self.last = Some((text.to_owned(), made));
        }
        Ok(self.last.as_ref().map(|(_, regex)| regex))
    }
}

fn rlike(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "rlike")?);
    b.build_bool(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        patterns.get(i)?.map(|r| r.is_match(s)).transpose()
    })
}

/// A piece of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

/// Parses a Java replacement: `$1` and `${name}` are groups, `\` escapes. Returns `None` if it is malformed or names
/// a group that the pattern does not have.
fn replacement(text: &str, regex: &JavaRegex) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let group = match c {
            '\\' => {
                plain.push(rest.next()?);
                continue;
            }
            '$' if rest.peek() == Some(&'{') => {
                let inner: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                regex.group_named(&inner)?
            }
            '$' => group(&mut rest, regex.groups())?,
            c => {
                plain.push(c);
                continue;
            }
        };
        out.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Group(group)]);
    }
    out.push(Piece::Text(plain));
    Some(out)
}

/// Parses the digits of a group number, as many as name an existing group: with two groups, `$12` is `$1` and `2`.
fn group(rest: &mut std::iter::Peekable<std::str::Chars>, groups: usize) -> Option<usize> {
    let mut number = rest.next()?.to_digit(10).filter(|n| *n as usize <= groups)? as usize;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        let longer = number * 10 + digit as usize;
        if longer > groups {
            break;
        }
        number = longer;
        rest.next();
    }
    Some(number)
}

fn optional_int<'a>(b: &Batch<'a>, i: usize, default: i32) -> Result<Prims<'a, Int32Type>> {
    if b.len() > i { b.prims::<Int32Type>(i) } else { Ok(Prims::Constant(Some(default))) }
}

/// Returns the byte offset of UTF-16 unit `n`, or `None` beyond the text. The end of a text that is not empty is
/// beyond it.
fn utf16_offset(text: &str, n: usize) -> Option<usize> {
    if n == 0 {
        return Some(0);
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        // A unit inside of a surrogate pair counts as the next character: UTF-8 has no place between the two.
        if units >= n {
            return Some(at);
        }
        units += c.len_utf16();
    }
    None
}

/// Binds `regexp_replace(text, pattern, replacement [, position])`.
fn bind_replace(mut call: Call) -> Result<Bound> {
    for i in 0..3 {
        call.coerce(i, &DataType::Utf8)?;
    }
    call.coerce(3, &DataType::Int32)?;
    // Spark checks the position when it analyses the query, and therefore demands a constant.
    if let Some(position) = call.args.get(3) {
        match crate::coerce::constant_of(position) {
            Some(ScalarValue::Int32(Some(p))) if p < 1 => {
                return Err(value_out_of_range(
                    "regexp_replace",
                    "position",
                    "(0, 2147483647]",
                    &p.to_string(),
                ));
            }
            Some(_) => {}
            None => return Err(not_constant("regexp_replace", "position", "INT")),
        }
    }
    Ok(Kernel::new("regexp_replace", DataType::Utf8, regexp_replace).fallible(true).call(call.args))
}

fn regexp_replace(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns, with) = (b.strings(0)?, Patterns::new(b, 1, "regexp_replace")?, b.strings(2)?);
    let from = optional_int(b, 3, 1)?;
    b.build_text(|i| {
        let (Some(s), Some(with), Some(from)) = (text.get(i), with.get(i), from.get(i)) else {
            return Ok(None);
        };
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        // Spark searches a region that begins at the position, with anchoring bounds: `^` matches there and
        // no look-behind sees the text before. Searching the tail alone does the same. A position beyond the
        // text changes nothing.
        let start = usize::try_from(from - 1).ok().and_then(|n| utf16_offset(s, n));
        let Some((head, tail)) = start.and_then(|start| s.split_at_checked(start)) else {
            return Ok(Some(s.to_owned()));
        };
        let mut out = head.to_owned();
        let done = append_replaced(regex, tail, with, &mut out)?;
        if !done {
            let pattern = patterns.texts.get(i).unwrap_or_default();
            return Err(bad_replacement(s, pattern, with, from));
        }
        Ok(Some(out))
    })
}

/// Appends a text with all matches replaced. Returns false if the replacement is malformed.
fn append_replaced(regex: &JavaRegex, text: &str, with: &str, out: &mut String) -> Result<bool> {
    let (mut pieces, mut from, mut good) = (None, 0, true);
    regex.for_each(text, |found| {
        // Parsed at the first match: like Java's `appendReplacement`, a text without a match accepts any
        // replacement.
        if pieces.is_none() {
            pieces = replacement(with, regex);
        }
        let Some(pieces) = &pieces else {
            good = false;
            return Ok(false);
        };
        let (start, end) = found.span();
        out.push_str(text.get(from..start).unwrap_or(""));
        for piece in pieces {
            match piece {
                Piece::Text(plain) => out.push_str(plain),
                Piece::Group(group) => out.push_str(group_text(text, found, *group)),
            }
        }
        from = end;
        Ok(true)
    })?;
    out.push_str(text.get(from..).unwrap_or(""));
    Ok(good)
}

/// Returns what a group matched, and the empty text if it took no part.
fn group_text<'a>(text: &'a str, found: &Found, group: usize) -> &'a str {
    found.group(group).and_then(|(start, end)| text.get(start..end)).unwrap_or("")
}

/// Checks the number of a group against the pattern.
fn check_group(function: &str, regex: &JavaRegex, group: i32) -> Result<usize> {
    let most = regex.groups();
    match usize::try_from(group) {
        Ok(g) if g <= most => Ok(g),
        _ => {
            let text = format!(
                "The value of parameter(s) `idx` in `{function}` is invalid: Expects group index between 0 and {most}, but got {group}."
            );
            Err(Error::new(ErrorKind::Runtime, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX", "22023", text)
                .param("parameter", "`idx`")
                .param("functionName", format!("`{function}`")))
        }
    }
}

fn regexp_extract(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_extract")?);
    let group = optional_int(b, 2, 1)?;
    b.build_text(|i| {
        let (Some(s), Some(g)) = (text.get(i), group.get(i)) else { return Ok(None) };
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        let Some(found) = regex.find_at(s, 0)? else { return Ok(Some("")) };
        // Spark checks the group's number after it found a match, so a wrong one raises no error on a text
        // without a match.
        Ok(Some(group_text(s, &found, check_group("regexp_extract", regex, g)?)))
    })
}

fn regexp_count(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_count")?);
    b.build::<Int32Type>(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        let mut count = 0;
        regex.for_each(s, |_| {
            count += 1;
            Ok(true)
        })?;
        Ok(Some(count))
    })
}

fn regexp_instr(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_instr")?);
    let group = optional_int(b, 2, 0)?;
    b.build::<Int32Type>(|i| {
        // Spark takes a group here but does not use it; only its null counts.
        let (Some(s), Some(_)) = (text.get(i), group.get(i)) else { return Ok(None) };
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        let place = |at: usize| s.get(..at).map_or(0, |head| head.encode_utf16().count()) as i32 + 1;
        Ok(Some(regex.find_at(s, 0)?.map_or(0, |found| place(found.span().0))))
    })
}

/// Computes `regexp_substr`, which Spark defines as `nullif(regexp_extract(text, pattern, 0), '')`: null without a
/// match and for an empty one.
fn regexp_substr(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_substr")?);
    b.build_text(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        Ok(regex.find_at(s, 0)?.map(|found| group_text(s, &found, 0)).filter(|found| !found.is_empty()))
    })
}

fn lists(call: Call, name: &'static str, run: crate::kernel::Run) -> Result<Bound> {
    Ok(Kernel::new(name, array_with(DataType::Utf8, false), run)
        .fallible(true)
        .nulls(Nulls::Args)
        .call(call.args))
}

fn regexp_extract_all(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    call.coerce(2, &DataType::Int32)?;
    lists(call, "regexp_extract_all", extract_all)
}

fn list_builder() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, false))
}

/// Computes `regexp_extract_all`: a group of every match; the empty text for one that took no part.
fn extract_all(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_extract_all")?);
    let group = optional_int(b, 2, 1)?;
    let mut out = list_builder();
    for i in 0..b.rows {
        let (Some(s), Some(g), Some(regex)) = (text.get(i), group.get(i), patterns.get(i)?) else {
            out.append(false);
            continue;
        };
        regex.for_each(s, |found| {
            let g = check_group("regexp_extract_all", regex, g)?;
            out.values().append_value(group_text(s, found, g));
            Ok(true)
        })?;
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

fn split(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    call.coerce(1, &DataType::Utf8)?;
    call.coerce(2, &DataType::Int32)?;
    lists(call, "split", split_all)
}

/// Computes `split`, with at most as many parts as a positive limit.
fn split_all(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "split")?);
    let limit = optional_int(b, 2, -1)?;
    let mut out = list_builder();
    for i in 0..b.rows {
        let (Some(s), Some(n)) = (text.get(i), limit.get(i)) else {
            out.append(false);
            continue;
        };
        // Spark keeps trailing empty parts for a limit of 0 too, unlike Java, so 0 equals a negative limit.
        let limit = if n > 0 { n as usize } else { usize::MAX };
        let empty = patterns.texts.get(i) == Some("");
        let Some(regex) = patterns.get(i)? else {
            out.append(false);
            continue;
        };
        // Spark splits by an empty pattern into characters, without the empty part that Java's matcher finds
        // at the end.
        let parts = if empty { characters(s, limit) } else { split_parts(s, regex, limit)? };
        parts.into_iter().for_each(|part| out.values().append_value(part));
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

/// Splits a text into characters; the last of at most `limit` parts holds the rest.
fn characters(text: &str, limit: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.len() + 1 == limit {
            break;
        }
        let (head, tail) = rest.split_at(c.len_utf8());
        out.push(head);
        rest = tail;
    }
    if !rest.is_empty() || out.is_empty() {
        out.push(rest);
    }
    out
}

/// Splits a text at the matches into at most `limit` parts. As in Java, an empty match at the start of the text makes
/// no empty part.
fn split_parts<'a>(text: &'a str, regex: &JavaRegex, limit: usize) -> Result<Vec<&'a str>> {
    let mut out = Vec::new();
    let mut from = 0;
    regex.for_each(text, |found| {
        if out.len() + 1 >= limit {
            return Ok(false);
        }
        let (start, end) = found.span();
        if end > 0 {
            out.extend(text.get(from..start));
            from = end;
        }
        Ok(true)
    })?;
    out.extend(text.get(from..));
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn compiled(pattern: &str) -> JavaRegex {
        JavaRegex::new(pattern).unwrap()
    }

    #[test]
    fn texts_split_as_java_splits_them() {
        let check = |text, pattern, limit, expect: &[&str]| {
            assert_eq!(split_parts(text, &compiled(pattern), limit).unwrap(), expect, "{text} by {pattern}");
        };
        check("oneAtwoBthreeC", "[ABC]", usize::MAX, &["one", "two", "three", ""]);
        check("oneAtwoBthreeC", "[ABC]", 2, &["one", "twoBthreeC"]);
        check("abc", "x*", usize::MAX, &["a", "b", "c", ""]);
        check("abc", "x*", 2, &["a", "bc"]);
        check("abc", "(?=b)", usize::MAX, &["a", "bc"]);
        check("abc", "$", usize::MAX, &["abc", ""]);
        check("", ",", usize::MAX, &[""]);
        assert_eq!(characters("a😀c", usize::MAX), ["a", "😀", "c"]);
        assert_eq!(characters("abc", 2), ["a", "bc"]);
        assert_eq!(characters("", 2), [""]);
    }

    #[test]
    fn replacements_name_groups() {
        let check = |text: &str, pattern: &str, with: &str, expect: Option<&str>| {
            let mut out = String::new();
            let good = append_replaced(&compiled(pattern), text, with, &mut out).unwrap();
            assert_eq!(good.then_some(out.as_str()), expect, "{text} {pattern} {with}");
        };
        check("abc", "(b)", "[$1]", Some("a[b]c"));
        check("abc", "(b)", "[$12]", Some("a[b2]c"));
        check("abc", "(?<x>b)", "[${x}]", Some("a[b]c"));
        check("abc", "b", "\\$", Some("a$c"));
        check("abc", "(b)|(c)", "[$2]", Some("a[][c]"));
        check("abc", "(b)", "$2", None);
        check("abc", "b", "$", None);
        check("abc", "b", "x\\", None);
        check("abc", "b", "${y}", None);
        check("abc", "z", "$2", Some("abc"));
        check("aaa", "a*", "X", Some("XX"));
        check("a\nb\n", "(?m)$", ";", Some("a;\nb;\n;"));
    }

    #[test]
    fn positions_count_utf16_units() {
        let cases = [("abc", 0, Some(0)), ("abc", 2, Some(2)), ("abc", 3, None), ("", 0, Some(0))];
        for (text, n, expect) in cases {
            assert_eq!(utf16_offset(text, n), expect, "{text} {n}");
        }
        assert_eq!(utf16_offset("😀b", 2), Some(4));
    }
}
