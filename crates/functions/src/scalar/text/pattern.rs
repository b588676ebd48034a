//! Matches texts against patterns: LIKE and ILIKE.
//!
//! A constant pattern without escapes becomes DataFusion's LIKE, so that files are pruned by its prefix. Everything
//! else runs here.

use crate::binding::Bound;
use crate::kernel::{Batch, Kernel};
use crate::registry::{Call, DisplayForm, Entry};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Like};
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["like"], 2, 3, |c| like(c, false)).shown(DisplayForm::Like).doc(
        "text, pattern[, escape]",
        "Returns whether a text matches a pattern of `%` and `_`.",
        &["SELECT 'banana' LIKE 'b%a'"],
    ),
    Entry::bind(&["ilike"], 2, 3, |c| like(c, true)).doc(
        "text, pattern[, escape]",
        "Returns whether a text matches a pattern of `%` and `_`, ignoring case.",
        &["SELECT 'Banana' ILIKE 'B_N%'"],
    ),
];

fn like(mut call: Call, folded: bool) -> Result<Bound> {
    for i in 0..call.args.len() {
        call.coerce(i, &DataType::Utf8)?;
    }
    // DataFusion's LIKE accepts an escape before any character, which is an error in Spark.
    let plain = match call.args.get(1).and_then(|a| a.literal()) {
        Some(ScalarValue::Utf8(Some(pattern))) => !pattern.contains('\\'),
        _ => false,
    };
    if plain && !folded && call.args.len() == 2 {
        let nullable = call.nullable(0);
        let [value, pattern] = call.take()?;
        let expr = Expr::Like(Like::new(false, Box::new(value.expr), Box::new(pattern.expr), None, false));
        return Ok(Bound { expr, data_type: DataType::Boolean, nullable, fallible: false });
    }
    let (name, run): (_, crate::kernel::Run) =
        if folded { ("ilike", |b| run(b, true)) } else { ("like", |b| run(b, false)) };
    Ok(Kernel::new(name, DataType::Boolean, run).fallible(true).call(call.args))
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Exactly(char),
    One,
    Any,
}

/// Parses a pattern. Spark allows an escape only before `%`, `_` or itself.
fn pieces(pattern: &str, escape: char) -> Result<Vec<Piece>> {
    let mut out = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        out.push(match c {
            c if c == escape => match rest.next() {
                Some(next) if next == '%' || next == '_' || next == escape => Piece::Exactly(next),
                Some(_) => {
                    return Err(bad_escape(
                        pattern,
                        "ESC_IN_THE_MIDDLE",
                        "the escape character is not allowed to precede another character",
                    ));
                }
                None => {
                    return Err(bad_escape(
                        pattern,
                        "ESC_AT_THE_END",
                        "the escape character is not allowed to end with",
                    ));
                }
            },
            '%' => Piece::Any,
            '_' => Piece::One,
            c => Piece::Exactly(c),
        });
    }
    Ok(out)
}

fn bad_escape(pattern: &str, class: &str, why: &str) -> Error {
    let text = format!("The format is invalid: '{pattern}': {why}.");
    Error::new(ErrorKind::Analysis, format!("INVALID_FORMAT.{class}"), "42601", text)
        .param("format", format!("'{pattern}'"))
}

/// Returns whether a text matches. Only the last `%` is taken up again, because an earlier one cannot match better,
/// so the time is at most the product of the sizes.
fn matches(text: &[char], pieces: &[Piece]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let here = match (pieces.get(p), text.get(t)) {
            (Some(Piece::Exactly(c)), Some(have)) => c == have,
            (Some(Piece::One), _) => true,
            _ => false,
        };
        if pieces.get(p) == Some(&Piece::Any) {
            retry = Some((t, p + 1));
            p += 1;
        } else if here {
            (t, p) = (t + 1, p + 1);
        } else if let Some((from, after)) = retry {
            retry = Some((from + 1, after));
            (t, p) = (from + 1, after);
        } else {
            return false;
        }
    }
    pieces.get(p..).is_some_and(|rest| rest.iter().all(|piece| *piece == Piece::Any))
}

fn run(b: &Batch, folded: bool) -> Result<ArrayRef> {
    let (text, pattern) = (b.strings(0)?, b.strings(1)?);
    let escape =
        if b.len() > 2 { b.strings(2)?.constant().and_then(|e| e.chars().next()) } else { Some('\\') };
    let escape = escape.ok_or_else(|| crate::errors::not_constant("like", "escape", "STRING"))?;
    // Spark's ILIKE compares the lower cases of both sides.
    let fold = |s: &str| if folded { s.to_lowercase() } else { s.to_owned() };
    let constant = pattern.constant().map(|p| pieces(&fold(p), escape)).transpose()?;
    b.build_bool(|i| {
        let Some((s, p)) = text.get(i).zip(pattern.get(i)) else { return Ok(None) };
        let s: Vec<char> = fold(s).chars().collect();
        match &constant {
            Some(pieces) => Ok(Some(matches(&s, pieces))),
            None => Ok(Some(matches(&s, &pieces(&fold(p), escape)?))),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn patterns_match_as_spark_matches_them() {
        let cases = [
            ("Spark", "_park", true),
            ("Spark", "%a%", true),
            ("Spark", "S%k", true),
            ("Spark", "S%r", false),
            ("a%b", "a\\%b", true),
            ("axb", "a\\%b", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("aaab", "%a_b", true),
            ("\\a", "\\\\a", true),
            ("日本", "_本", true),
        ];
        for (text, pattern, expect) in cases {
            let text: Vec<char> = text.chars().collect();
            assert_eq!(matches(&text, &pieces(pattern, '\\').unwrap()), expect, "{pattern}");
        }
        assert_eq!(pieces("a\\b", '\\').unwrap_err().class(), "INVALID_FORMAT.ESC_IN_THE_MIDDLE");
        assert_eq!(pieces("a\\", '\\').unwrap_err().class(), "INVALID_FORMAT.ESC_AT_THE_END");
    }
}
