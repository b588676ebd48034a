//! Splits an identifier such as ``a.`b.c`.d`` into its parts.
//!
//! As in Spark, dots separate, backticks quote, and a doubled backtick inside quotes is one backtick.

use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir::Name;

/// Returns the parts of an identifier in a client's message.
pub(crate) fn identifier(text: &str) -> Result<Name> {
    let mut parts = vec![];
    let mut rest = text;
    loop {
        let (part, after) = part(rest).ok_or_else(|| malformed(text))?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(parts),
            None => return Err(malformed(text)),
        }
    }
}

/// Returns the first part and the rest; none if a quote is not closed or a backtick is misplaced.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('`') else {
        let end = text.find('.').unwrap_or(text.len());
        let (part, after) = text.split_at(end);
        return (!part.contains('`') && !part.is_empty()).then(|| (part.to_owned(), after));
    };
    let mut part = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '`' {
            part.push(c);
        } else if chars.next_if(|(_, next)| *next == '`').is_some() {
            part.push('`');
        } else {
            return Some((part, &quoted[at + 1..]));
        }
    }
    None
}

fn malformed(text: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "INVALID_ATTRIBUTE_NAME_SYNTAX",
        "42601",
        format!(
            "Syntax error in the attribute name: {text}. Check that backticks appear in pairs, a quoted string is a complete name part and use a backtick only inside quoted name parts."
        ),
    )
    .param("name", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&[&str]>) {
        let found = identifier(text).ok();
        let expect = expect.map(|parts| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn dots_part_and_backticks_quote() {
        check("a", Some(&["a"]));
        check("a.b.c", Some(&["a", "b", "c"]));
        check("`a.b`.c", Some(&["a.b", "c"]));
        check("`a``b`", Some(&["a`b"]));
        check("#7 x", Some(&["#7 x"]));
        check("", None);
        check("a.", None);
        check("`a", None);
        check("a`b", None);
        check("`a`b", None);
    }
}
