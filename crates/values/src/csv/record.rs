//! Splits one record into fields, by the quoting rules of Spark's parser.
//!
//! A field is quoted only if it begins with the quote. Inside, the escape makes a quote (or itself) a literal. A
//! quote in the middle that is not escaped makes the field unquoted: it extends to the next separator and includes
//! the quotes. Of two such quotes in a row the second one may close the field. Outside of quotes only the separator
//! is special.

use super::Syntax;
use memchr::{memchr2, memchr3};
use std::ops::Range;

/// The fields of the record that was parsed last. One value is reused for all records of a file.
#[derive(Debug, Default)]
pub struct Record {
    fields: Vec<Field>,
    /// Text of fields that had escapes.
    unescaped: String,
}

#[derive(Debug, Clone)]
struct Field {
    range: Range<usize>,
    in_unescaped: bool,
    quoted: bool,
}

/// The text of a field, and whether it was quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The text without quotes and escapes.
    pub text: &'a str,
    /// Whether the field was quoted.
    pub quoted: bool,
}

impl Record {
    /// Splits the record at the start of `text`, and returns its length without its line end. In single-line mode
    /// `text` is one line, and all of it is the record.
    pub fn parse(&mut self, text: &str, syntax: &Syntax) -> usize {
        self.fields.clear();
        self.unescaped.clear();
        let bytes = text.as_bytes();
        let mut at = 0;
        loop {
            at = self.field(text, at, syntax);
            if !starts(bytes, at, &syntax.separator) {
                return at;
            }
            at += syntax.separator.len();
        }
    }

    /// Returns whether no record was parsed yet.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the number of fields, which is at least one after a record was parsed.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Returns the field at `index` of the record that `text` begins with.
    pub fn cell<'a>(&'a self, text: &'a str, index: usize) -> Option<Cell<'a>> {
        let field = self.fields.get(index)?;
        let source = if field.in_unescaped { &self.unescaped } else { text };
        source.get(field.range.clone()).map(|text| Cell { text, quoted: field.quoted })
    }

    /// Parses one field, and returns the offset of its separator, its line end or the end of the text.
    fn field(&mut self, text: &str, start: usize, syntax: &Syntax) -> usize {
        let bytes = text.as_bytes();
        let begin = if syntax.trim_start { skip_blanks(bytes, start, syntax) } else { start };
        if bytes.get(begin) == Some(&syntax.quote) {
            return self.quoted(text, begin, syntax);
        }
        let end = plain_end(bytes, begin, syntax);
        self.push_plain(text, begin..end, syntax);
        end
    }

    fn push_plain(&mut self, text: &str, range: Range<usize>, syntax: &Syntax) {
        let mut range = range;
        if syntax.trim_end {
            let kept = text.get(range.clone()).unwrap_or_default().trim_end_matches(|c: char| c <= ' ').len();
            range.end = range.start + kept;
        }
        self.fields.push(Field { range, in_unescaped: false, quoted: false });
    }

    /// Parses a field that begins with the quote, and returns the offset after it.
    fn quoted(&mut self, text: &str, open: usize, syntax: &Syntax) -> usize {
        let bytes = text.as_bytes();
        let (quote, from) = (syntax.quote, self.unescaped.len());
        let (mut kept, mut at) = (open + 1, open + 1);
        while let Some(found) = next_special(bytes, at, syntax) {
            let (byte, next) = (bytes.get(found).copied(), bytes.get(found + 1).copied());
            if next.is_some_and(|next| is_escape(byte.unwrap_or_default(), next, syntax)) {
                // Only now is a copy needed: fields without escapes are ranges of the text.
                self.unescaped.push_str(text.get(kept..found).unwrap_or_default());
                (kept, at) = (found + 1, found + 2);
            } else if byte == Some(quote) {
                let after = skip_blanks(bytes, found + 1, syntax);
                let closes = ends_field(bytes, after, syntax);
                if !closes && (next == Some(quote) || syntax.stop_at_closing_quote) {
                    // The quote is part of the value. Only one byte is skipped, because the next one may be the
                    // closing quote.
                    at = found + 1;
                    continue;
                }
                if !closes {
                    // The field is unquoted after all: what was unescaped of it is discarded.
                    self.unescaped.truncate(from);
                    let end = plain_end(bytes, after, syntax);
                    self.push_plain(text, open..end, syntax);
                    return end;
                }
                self.push_quoted(text, kept..found, from);
                self.normalize(text, from, syntax);
                return after;
            } else {
                at = found + 1;
            }
        }
        if open + 1 == bytes.len() {
            // A quote that nothing follows is the value.
            self.push_plain(text, open..bytes.len(), syntax);
            return bytes.len();
        }
        self.push_quoted(text, kept..bytes.len(), from);
        self.normalize(text, from, syntax);
        bytes.len()
    }

    /// Replaces each line end inside the quotes by `\n`, if the syntax demands it.
    fn normalize(&mut self, text: &str, from: usize, syntax: &Syntax) {
        let Some(line_end) = syntax.line_end.as_deref().filter(|_| syntax.normalizes) else { return };
        let Some(field) = self.fields.last_mut() else { return };
        let source = if field.in_unescaped { &self.unescaped } else { text };
        let Some(value) = source.get(field.range.clone()).filter(|v| v.contains(line_end)) else { return };
        let value = value.replace(line_end, "\n");
        self.unescaped.truncate(from);
        self.unescaped.push_str(&value);
        *field = Field { range: from..self.unescaped.len(), in_unescaped: true, quoted: true };
    }

    fn push_quoted(&mut self, text: &str, tail: Range<usize>, from: usize) {
        if self.unescaped.len() == from {
            self.fields.push(Field { range: tail, in_unescaped: false, quoted: true });
            return;
        }
        self.unescaped.push_str(text.get(tail).unwrap_or_default());
        self.fields.push(Field { range: from..self.unescaped.len(), in_unescaped: true, quoted: true });
    }
}

/// Returns the offset of the next quote or escape.
fn next_special(bytes: &[u8], at: usize, syntax: &Syntax) -> Option<usize> {
    let tail = bytes.get(at..)?;
    let found = match syntax.escape_escape {
        Some(outer) => memchr3(syntax.quote, syntax.escape, outer, tail),
        None => memchr2(syntax.quote, syntax.escape, tail),
    };
    found.map(|n| at + n)
}

/// Returns whether `byte` escapes `next`.
fn is_escape(byte: u8, next: u8, syntax: &Syntax) -> bool {
    let of_quote = byte == syntax.escape && next == syntax.quote;
    // If the quote escapes itself, there is no escape of the escape.
    let of_escape =
        syntax.escape != syntax.quote && Some(byte) == syntax.escape_escape && next == syntax.escape;
    of_quote || of_escape
}

fn starts(bytes: &[u8], at: usize, what: &str) -> bool {
    bytes.get(at..).is_some_and(|tail| tail.starts_with(what.as_bytes()))
}

/// Returns the offset of the next separator or end of a record, or the end of the text.
fn plain_end(bytes: &[u8], from: usize, syntax: &Syntax) -> usize {
    let separator = syntax.separator.as_bytes().first().copied().unwrap_or(b',');
    // Only first bytes are searched for; `ends_field` compares the whole separator.
    let line_end = syntax.line_end.as_ref().and_then(|e| e.as_bytes().first()).copied().unwrap_or(separator);
    let mut at = from;
    while let Some(found) = bytes.get(at..).and_then(|tail| memchr2(separator, line_end, tail)) {
        if ends_field(bytes, at + found, syntax) {
            return at + found;
        }
        at += found + 1;
    }
    bytes.len()
}

/// Returns whether a separator, the end of a record or the end of the text is at an offset.
fn ends_field(bytes: &[u8], at: usize, syntax: &Syntax) -> bool {
    let ends_record = |end: &String| starts(bytes, at, end);
    at >= bytes.len()
        || starts(bytes, at, &syntax.separator)
        || syntax.line_end.as_ref().is_some_and(ends_record)
}

/// Returns the offset after blanks that are not a separator or line end.
fn skip_blanks(bytes: &[u8], from: usize, syntax: &Syntax) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|b| *b <= b' ') && !ends_field(bytes, at, syntax) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, syntax: &Syntax, wanted: &[&str]) {
        let mut record = Record::default();
        let length = record.parse(text, syntax);
        let cells: Vec<_> = (0..record.len()).filter_map(|i| record.cell(text, i)).map(|c| c.text).collect();
        assert_eq!(cells, wanted, "{text:?}");
        assert!(length <= text.len());
    }

    #[test]
    fn fields_are_cut_as_spark_cuts_them() {
        let s = Syntax::default();
        check("a,b,,d", &s, &["a", "b", "", "d"]);
        check("a,\"b,c\",d", &s, &["a", "b,c", "d"]);
        check(r#""a\"b",c"#, &s, &["a\"b", "c"]);
        check(r#""a\\",c"#, &s, &["a\\", "c"]);
        check(r#""a\nb",c"#, &s, &[r"a\nb", "c"]);
        check(r#"a"b,c"#, &s, &["a\"b", "c"]);
        check(r#""a""b",c"#, &s, &[r#""a""b""#, "c"]);
        check(r#""a"" ,b"#, &s, &["a\"", "b"]);
        check("\"a\" ,b", &s, &["a", "b"]);
        check("\"open,b", &s, &["open,b"]);
        check("a,\"", &s, &["a", "\""]);
        check("\" ", &s, &[" "]);
        check(" a , b ", &s, &[" a ", " b "]);
        check("", &s, &[""]);
        check("ü,\"é\\\"\",日", &s, &["ü", "é\"", "日"]);
    }

    #[test]
    fn the_syntax_can_be_changed() {
        let separator = |s: &str| Syntax { separator: s.to_owned(), ..Syntax::default() };
        let lines = |end: &str, normalizes| Syntax {
            line_end: Some(end.to_owned()),
            normalizes,
            ..Syntax::default()
        };
        check(
            r#""a""b",c"#,
            &Syntax { escape: b'"', escape_escape: None, ..Syntax::default() },
            &["a\"b", "c"],
        );
        check(" a , \"b\" ", &Syntax { trim_start: true, trim_end: true, ..Syntax::default() }, &["a", "b"]);
        check("\"a,b\"", &Syntax { quote: 0, ..Syntax::default() }, &["\"a", "b\""]);
        check("a\tb", &separator("\t"), &["a", "b"]);
        check("a||\"b|\"||c|d", &separator("||"), &["a", "b|", "c|d"]);
        check("a,\"b\nc\"\nd", &lines("\n", false), &["a", "b\nc"]);
        check("a,\"b\r\nc\"\r\nd", &lines("\r\n", true), &["a", "b\nc"]);
        check("\"a\"b,c\",d", &Syntax { stop_at_closing_quote: true, ..Syntax::default() }, &["a\"b,c", "d"]);
    }
}
