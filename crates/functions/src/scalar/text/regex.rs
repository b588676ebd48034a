//! Regular expressions: `rlike`, `regexp_*` and `split`.
//!
//! Patterns are Java's. What means the same is handed to the regex crate, ASCII classes are spelled out;
//! look-around and back references don't exist there and are refused, never approximated.

use crate::binding::Bound;
use crate::errors::bad_value;
use crate::kernel::{Batch, Kernel, Nulls, Prims, Strings};
use crate::registry::{Call, Entry, Ty};
use crate::types::array_with;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use regex::Regex;
use std::borrow::Cow;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["rlike", "regexp", "regexp_like"], &[Ty::Text, Ty::Text], Ty::Bool, rlike).fallible(),
    Entry::plain(&["regexp_replace"], &[Ty::Text, Ty::Text, Ty::Text, Ty::Int], Ty::Text, regexp_replace)
        .optional(1)
        .fallible(),
    Entry::plain(&["regexp_extract"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Text, regexp_extract)
        .optional(1)
        .fallible(),
    Entry::plain(&["regexp_count"], &[Ty::Text, Ty::Text], Ty::Int, regexp_count).fallible(),
    Entry::plain(&["regexp_instr"], &[Ty::Text, Ty::Text, Ty::Int], Ty::Int, regexp_instr)
        .optional(1)
        .fallible(),
    Entry::plain(&["regexp_substr"], &[Ty::Text, Ty::Text], Ty::Text, regexp_substr).fallible().nullable(),
    Entry::bind(&["regexp_extract_all"], 2, 3, regexp_extract_all),
    Entry::bind(&["split"], 2, 3, split),
];

/// Java's ASCII classes: outside and inside of brackets.
fn class_of(c: char) -> Option<(&'static str, &'static str)> {
    match c {
        'd' => Some(("[0-9]", "0-9")),
        'D' => Some(("[^0-9]", "")),
        'w' => Some(("[a-zA-Z_0-9]", "a-zA-Z_0-9")),
        'W' => Some(("[^a-zA-Z_0-9]", "")),
        's' => Some(("[ \\t\\n\\x0B\\f\\r]", " \\t\\n\\x0B\\f\\r")),
        'S' => Some(("[^ \\t\\n\\x0B\\f\\r]", "")),
        'b' => Some(("(?-u:\\b)", "")),
        'B' => Some(("(?-u:\\B)", "")),
        'h' => Some(("[ \\t\\x{A0}]", " \\t\\x{A0}")),
        'Z' => Some(("\\n?\\z", "")),
        _ => None,
    }
}

/// Java's POSIX classes, which are ASCII.
fn posix_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => "!-/:-@\\[-`{-~",
        "Space" => " \\t\\n\\x0B\\f\\r",
        "XDigit" => "0-9a-fA-F",
        _ => return None,
    })
}

/// A Java pattern in the regex crate's language; none for what that one lacks.
fn translated(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    let mut depth = 0usize;
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(rest.next()?, depth > 0, &mut rest, &mut out)?,
            '[' => {
                depth += 1;
                out.push('[');
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            // Java's `$` also stands before a last line break.
            '$' if depth == 0 => out.push_str("(?:\\n?\\z)"),
            // Possessive quantifiers are Java's alone.
            '+' if depth == 0
                && matches!(out.chars().last(), Some('*' | '+' | '?' | '}'))
                && quantified(&out) =>
            {
                return None;
            }
            c => out.push(c),
        }
    }
    Some(out)
}

/// Whether the text ends with a quantifier, not with an escaped sign.
fn quantified(out: &str) -> bool {
    let mut before = out.chars().rev().skip(1);
    before.next() != Some('\\')
}

fn escape(
    c: char,
    in_class: bool,
    rest: &mut std::iter::Peekable<std::str::Chars>,
    out: &mut String,
) -> Option<()> {
    if c == 'p' || c == 'P' {
        let name: String = match rest.peek() {
            Some('{') => rest.by_ref().skip(1).take_while(|c| *c != '}').collect(),
            _ => rest.next()?.to_string(),
        };
        match (posix_of(&name), c, in_class) {
            (Some(ascii), 'p', true) => out.push_str(ascii),
            (Some(ascii), 'p', false) => out.push_str(&format!("[{ascii}]")),
            (Some(ascii), _, false) => out.push_str(&format!("[^{ascii}]")),
            (Some(_), ..) => return None,
            (None, ..) => out.push_str(&format!("\\{c}{{{}}}", name.strip_prefix("Is").unwrap_or(&name))),
        }
        return Some(());
    }
    match class_of(c) {
        Some((outside, _)) if !in_class => out.push_str(outside),
        Some((_, "")) => return None,
        Some((_, inside)) => out.push_str(inside),
        // Back references and quotations don't exist in the regex crate.
        None if c.is_ascii_digit() || matches!(c, 'k' | 'Q' | 'E' | 'R' | 'G' | 'X') => return None,
        None => {
            out.push('\\');
            out.push(c);
        }
    }
    Some(())
}

/// Compiles a Java pattern.
fn compile(function: &str, pattern: &str) -> Result<Regex> {
    let compiled = translated(pattern).and_then(|p| Regex::new(&p).ok());
    compiled.ok_or_else(|| {
        let text = format!(
            "The value of parameter(s) `regexp` in `{function}` is invalid: '{pattern}' is no regular expression, \
             or uses look-around, back references or possessive quantifiers, which are not supported."
        );
        Error::new(ErrorKind::Runtime, "INVALID_PARAMETER_VALUE.PATTERN", "22023", text)
            .param("parameter", "`regexp`")
            .param("functionName", format!("`{function}`"))
            .param("value", format!("'{pattern}'"))
    })
}

/// The pattern of each row, compiled once if it is constant and once per run of equal ones.
struct Patterns<'a> {
    function: &'static str,
    texts: Strings<'a>,
    last: Option<(String, Regex)>,
}

impl<'a> Patterns<'a> {
    fn new(b: &Batch<'a>, i: usize, function: &'static str) -> Result<Self> {
        Ok(Self { function, texts: b.strings(i)?, last: None })
    }
    fn get(&mut self, row: usize) -> Result<Option<&Regex>> {
        let Some(text) = self.texts.get(row) else { return Ok(None) };
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            self.last = Some((text.to_owned(), compile(self.function, text)?));
        }
        Ok(self.last.as_ref().map(|(_, regex)| regex))
    }
}

fn rlike(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "rlike")?);
    b.build_bool(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        Ok(patterns.get(i)?.map(|r| r.is_match(s)))
    })
}

/// A Java replacement in the regex crate's language: `$1` and `${name}` are groups, `\` escapes.
fn replacement(text: &str, groups: usize) -> Result<String> {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('$') => out.push_str("$$"),
                Some(next) => out.push(next),
                None => {
                    return Err(bad_value("regexp_replace", "rep", "no single backslash at the end", text));
                }
            },
            '$' if rest.peek() == Some(&'{') => {
                out.push('$');
                out.extend(rest.by_ref().take_while(|c| *c != '}'));
                out.push('}');
            }
            '$' => out.push_str(&format!("${{{}}}", group(&mut rest, groups, text)?)),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// The digits of a group: as many as make a group that exists.
fn group(rest: &mut std::iter::Peekable<std::str::Chars>, groups: usize, text: &str) -> Result<usize> {
    let refused = || bad_value("regexp_replace", "rep", "references to groups that exist", text);
    let mut number = rest.next().and_then(|c| c.to_digit(10)).ok_or_else(refused)? as usize;
    if number >= groups {
        return Err(refused());
    }
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        let longer = number * 10 + digit as usize;
        if longer >= groups {
            break;
        }
        number = longer;
        rest.next();
    }
    Ok(number)
}

fn optional_int<'a>(b: &Batch<'a>, i: usize, default: i32) -> Result<Prims<'a, Int32Type>> {
    if b.len() > i { b.prims::<Int32Type>(i) } else { Ok(Prims::Constant(Some(default))) }
}

fn regexp_replace(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns, with) = (b.strings(0)?, Patterns::new(b, 1, "regexp_replace")?, b.strings(2)?);
    let from = optional_int(b, 3, 1)?;
    b.build_text(|i| {
        let (Some(s), Some(with), Some(from)) = (text.get(i), with.get(i), from.get(i)) else {
            return Ok(None);
        };
        if from < 1 {
            return Err(bad_value("regexp_replace", "position", "a positive integer", &from.to_string()));
        }
        let Some(regex) = patterns.get(i)? else { return Ok(None) };
        let start = super::offset_of(s, from as usize - 1);
        let (head, tail) = s.split_at_checked(start).unwrap_or((s, ""));
        let replaced = regex.replace_all(tail, replacement(with, regex.captures_len())?.as_str());
        Ok(Some(
            if head.is_empty() { replaced } else { Cow::Owned(format!("{head}{replaced}")) }.into_owned(),
        ))
    })
}

fn check_group(function: &str, regex: &Regex, group: i32) -> Result<usize> {
    let most = regex.captures_len() - 1;
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
        let g = check_group("regexp_extract", regex, g)?;
        let found = regex.captures(s).and_then(|c| c.get(g));
        Ok(Some(found.map_or("", |m| m.as_str())))
    })
}

fn regexp_count(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_count")?);
    b.build::<Int32Type>(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        Ok(patterns.get(i)?.map(|r| r.find_iter(s).count() as i32))
    })
}

fn regexp_instr(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_instr")?);
    b.build::<Int32Type>(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        let place = |at: usize| s.get(..at).map_or(0, super::chars) as i32 + 1;
        Ok(patterns.get(i)?.map(|r| r.find(s).map_or(0, |m| place(m.start()))))
    })
}

fn regexp_substr(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_substr")?);
    b.build_text(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        Ok(patterns.get(i)?.and_then(|r| r.find(s)).map(|m| m.as_str()))
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

fn extract_all(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "regexp_extract_all")?);
    let group = optional_int(b, 2, 1)?;
    let mut out = list_builder();
    for i in 0..b.rows {
        let (Some(s), Some(g), Some(regex)) = (text.get(i), group.get(i), patterns.get(i)?) else {
            out.append(false);
            continue;
        };
        let g = check_group("regexp_extract_all", regex, g)?;
        for found in regex.captures_iter(s) {
            out.values().append_value(found.get(g).map_or("", |m| m.as_str()));
        }
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

fn split_all(b: &Batch) -> Result<ArrayRef> {
    let (text, mut patterns) = (b.strings(0)?, Patterns::new(b, 1, "split")?);
    let limit = optional_int(b, 2, -1)?;
    let mut out = list_builder();
    for i in 0..b.rows {
        let (Some(s), Some(n), Some(regex)) = (text.get(i), limit.get(i), patterns.get(i)?) else {
            out.append(false);
            continue;
        };
        let limit = if n > 0 { n as usize } else { usize::MAX };
        for part in parts(s, regex, limit) {
            out.values().append_value(part);
        }
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

/// At most `limit` parts. An empty pattern splits into characters; an empty match at the start splits nothing.
fn parts<'a>(text: &'a str, regex: &Regex, limit: usize) -> Vec<&'a str> {
    let mut out = Vec::new();
    let mut from = 0;
    for found in regex.find_iter(text) {
        if out.len() + 1 >= limit {
            break;
        }
        let empty_edge = found.is_empty() && (found.start() == 0 || found.start() == text.len());
        if empty_edge {
            continue;
        }
        out.extend(text.get(from..found.start()));
        from = found.end();
    }
    out.extend(text.get(from..));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn java_patterns_become_equivalents_or_are_refused() {
        let cases = [
            ("\\d+", Some("[0-9]+")),
            ("[\\d.]", Some("[0-9.]")),
            ("a(?=b)", Some("a(?=b)")),
            ("\\1", None),
            ("\\p{Alpha}", Some("[a-zA-Z]")),
            ("[\\D]", None),
            ("a++", None),
            ("\\+", Some("\\+")),
            ("\\++", Some("\\++")),
        ];
        for (pattern, expect) in cases {
            assert_eq!(translated(pattern).as_deref(), expect, "{pattern}");
        }
        assert!(compile("rlike", "a(?=b)").is_err());
        assert!(compile("rlike", "a$").unwrap().is_match("ba\n"));
    }

    #[test]
    fn texts_split_as_java_splits_them() {
        let check = |text, pattern, limit, expect: &[&str]| {
            assert_eq!(
                parts(text, &compile("split", pattern).unwrap(), limit),
                expect,
                "{text} by {pattern}"
            );
        };
        check("oneAtwoBthreeC", "[ABC]", usize::MAX, &["one", "two", "three", ""]);
        check("oneAtwoBthreeC", "[ABC]", 2, &["one", "twoBthreeC"]);
        check("abc", "", usize::MAX, &["a", "b", "c"]);
        check("abc", "", 2, &["a", "bc"]);
        check("", ",", usize::MAX, &[""]);
    }

    #[test]
    fn replacements_name_groups() {
        assert_eq!(replacement("$1a", 2).unwrap(), "${1}a");
        assert_eq!(replacement("$12", 2).unwrap(), "${1}2");
        assert_eq!(replacement("\\$", 1).unwrap(), "$$");
        assert!(replacement("$2", 2).is_err());
    }
}
