//! One record cut into fields, by the quoting rules that Spark's parser has.
//!
//! A field is quoted only if it begins with the quote. Inside, the escape makes a quote (or
//! itself) plain. A quote in the middle that is not escaped makes the field unquoted: it goes up
//! to the next separator, quotes and all. Outside quotes nothing is special but the separator.

use super::config::Syntax;
use memchr::{memchr, memchr2, memchr3};
use std::ops::Range;

/// The fields of the record that was parsed last; reused for all records of a file.
#[derive(Debug, Default)]
pub(super) struct Record {
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

/// The text of a field, and whether it stood in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub text: &'a str,
    pub quoted: bool,
}

impl Record {
    /// Cuts the record at the start of `text`; returns its length without its line end. In
    /// single-line mode `text` is one line and all of it is the record.
    pub fn parse(&mut self, text: &str, syntax: &Syntax) -> usize {
        self.fields.clear();
        self.unescaped.clear();
        let bytes = text.as_bytes();
        let mut at = 0;
        loop {
            at = self.field(text, at, syntax);
            if bytes.get(at) != Some(&syntax.separator) {
                return at;
            }
            at += 1;
        }
    }

    /// How many fields there are; at least one.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The field at `index` of the record that `text` begins with.
    pub fn cell<'a>(&'a self, text: &'a str, index: usize) -> Option<Cell<'a>> {
        let field = self.fields.get(index)?;
        let source = if field.in_unescaped { &self.unescaped } else { text };
        source.get(field.range.clone()).map(|text| Cell { text, quoted: field.quoted })
    }

    /// Takes one field; where its separator, its line end or the end of the text stands.
    fn field(&mut self, text: &str, start: usize, syntax: &Syntax) -> usize {
        let bytes = text.as_bytes();
        let begin = if syntax.trim_start { skip_blanks(bytes, start, syntax) } else { start };
        if syntax.quote.is_some() && bytes.get(begin).copied() == syntax.quote {
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

    fn quoted(&mut self, text: &str, open: usize, syntax: &Syntax) -> usize {
        let bytes = text.as_bytes();
        let (quote, from) = (syntax.quote.unwrap_or(b'"'), self.unescaped.len());
        let (mut kept, mut at) = (open + 1, open + 1);
        while let Some(found) = next_special(bytes, at, quote, syntax.escape) {
            let (byte, next) = (bytes.get(found).copied(), bytes.get(found + 1).copied());
            let escapes = byte == syntax.escape && next.is_some();
            if escapes
                && (next == Some(quote)
                    || (byte != Some(quote) && next == byte && syntax.escape_escape == byte))
            {
                // The escape is left out, what it escapes is taken.
                self.unescaped.push_str(text.get(kept..found).unwrap_or_default());
                (kept, at) = (found + 1, found + 2);
            } else if byte == Some(quote) {
                let after = skip_blanks(bytes, found + 1, syntax);
                if !ends_field(bytes, after, syntax) {
                    self.unescaped.truncate(from);
                    let end = plain_end(bytes, after, syntax);
                    self.push_plain(text, open..end, syntax);
                    return end;
                }
                self.push_quoted(text, kept..found, from);
                return after;
            } else {
                at = found + 1;
            }
        }
        self.push_quoted(text, kept..bytes.len(), from);
        bytes.len()
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

fn next_special(bytes: &[u8], at: usize, quote: u8, escape: Option<u8>) -> Option<usize> {
    let tail = bytes.get(at..)?;
    memchr2(quote, escape.unwrap_or(quote), tail).map(|n| at + n)
}

fn plain_end(bytes: &[u8], at: usize, syntax: &Syntax) -> usize {
    let tail = bytes.get(at..).unwrap_or_default();
    let found = if syntax.multi_line {
        memchr3(syntax.separator, b'\n', b'\r', tail)
    } else {
        memchr(syntax.separator, tail)
    };
    found.map_or(bytes.len(), |n| at + n)
}

fn ends_field(bytes: &[u8], at: usize, syntax: &Syntax) -> bool {
    match bytes.get(at) {
        None => true,
        Some(b'\n' | b'\r') if syntax.multi_line => true,
        Some(byte) => *byte == syntax.separator,
    }
}

fn skip_blanks(bytes: &[u8], from: usize, syntax: &Syntax) -> usize {
    let blank =
        |b: &u8| *b <= b' ' && *b != syntax.separator && !(syntax.multi_line && matches!(b, b'\n' | b'\r'));
    from + bytes.get(from..).unwrap_or_default().iter().take_while(|b| blank(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syntax() -> Syntax {
        Syntax {
            separator: b',',
            quote: Some(b'"'),
            escape: Some(b'\\'),
            escape_escape: Some(b'\\'),
            trim_start: false,
            trim_end: false,
            multi_line: false,
        }
    }

    fn check(text: &str, syntax: &Syntax, wanted: &[&str]) {
        let mut record = Record::default();
        let length = record.parse(text, syntax);
        let cells: Vec<_> = (0..record.len()).filter_map(|i| record.cell(text, i)).map(|c| c.text).collect();
        assert_eq!(cells, wanted, "{text:?}");
        assert!(length <= text.len());
    }

    #[test]
    fn fields_are_cut_as_spark_cuts_them() {
        let s = syntax();
        check("a,b,,d", &s, &["a", "b", "", "d"]);
        check("a,\"b,c\",d", &s, &["a", "b,c", "d"]);
        check(r#""a\"b",c"#, &s, &["a\"b", "c"]);
        check(r#""a\\",c"#, &s, &["a\\", "c"]);
        check(r#""a\nb",c"#, &s, &[r"a\nb", "c"]);
        check(r#"a"b,c"#, &s, &["a\"b", "c"]);
        check(r#""a""b",c"#, &s, &[r#""a""b""#, "c"]);
        check("\"a\" ,b", &s, &["a", "b"]);
        check("\"open,b", &s, &["open,b"]);
        check(" a , b ", &s, &[" a ", " b "]);
        check("", &s, &[""]);
        check("ü,\"é\\\"\",日", &s, &["ü", "é\"", "日"]);
    }

    #[test]
    fn the_syntax_can_be_changed() {
        check(r#""a""b",c"#, &Syntax { escape: Some(b'"'), escape_escape: None, ..syntax() }, &["a\"b", "c"]);
        check(" a , \"b\" ", &Syntax { trim_start: true, trim_end: true, ..syntax() }, &["a", "b"]);
        check("\"a,b\"", &Syntax { quote: None, ..syntax() }, &["\"a", "b\""]);
        check("a\tb", &Syntax { separator: b'\t', ..syntax() }, &["a", "b"]);
        check("a,\"b\nc\"\nd", &Syntax { multi_line: true, ..syntax() }, &["a", "b\nc"]);
    }
}
