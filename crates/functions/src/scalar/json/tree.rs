//! JSON as a tree, and its text again: compact, as Jackson writes it.
//!
//! Keys keep their order and their repetitions. Single quotes are read as Spark reads them; names without
//! quotes, comments, trailing commas and bare control characters are refused.

use std::fmt::Write;

/// How deep values may nest.
const DEPTH_MAX: usize = 1_000;

/// A JSON value. A number keeps its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The first value of a text; none if it is no JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Parser { rest: text, non_numeric: false }.value(0)
    }

    /// The same where `NaN`, `Infinity` and the like may stand for numbers.
    pub(super) fn parse_with_non_numeric(text: &str) -> Option<Self> {
        Parser { rest: text, non_numeric: true }.value(0)
    }

    /// Appends the compact text.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Self::Number(text) => out.push_str(&number_text(text)),
            Self::Text(text) => quote(text, out),
            Self::List(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (i, (key, value)) in fields.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    quote(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The compact text.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// A number as Java prints it: integers as they are, all others as doubles.
fn number_text(text: &str) -> String {
    if NON_NUMERIC.iter().any(|(_, value)| *value == text) {
        return format!("\"{text}\"");
    }
    if text.contains(['.', 'e', 'E']) {
        return text.parse::<f64>().map_or_else(|_| text.to_owned(), crate::display::double);
    }
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Appends a text in quotes, with what must be escaped.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What stands for a number that JSON can't write, and how Java writes it.
pub(super) const NON_NUMERIC: &[(&str, &str)] = &[
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("+Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("+INF", "Infinity"),
    ("-INF", "-Infinity"),
];

struct Parser<'t> {
    rest: &'t str,
    non_numeric: bool,
}

impl Parser<'_> {
    /// Every call reads at least one character or ends, and nesting is bounded.
    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' | '\'' => self.text().map(Json::Text),
            '-' | '0'..='9' => self.number().or_else(|| self.non_number()),
            _ => self.word().or_else(|| self.non_number()),
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, c: char) -> bool {
        self.space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Option<Json> {
        let words = [("true", Json::Bool(true)), ("false", Json::Bool(false)), ("null", Json::Null)];
        let (word, value) = words.into_iter().find(|(word, _)| self.rest.starts_with(word))?;
        self.rest = self.rest.get(word.len()..)?;
        self.ends_word().then_some(value)
    }

    fn non_number(&mut self) -> Option<Json> {
        let (word, value) = NON_NUMERIC.iter().find(|(word, _)| self.rest.starts_with(word))?;
        self.rest = self.rest.get(word.len()..)?;
        (self.non_numeric && self.ends_word()).then(|| Json::Number((*value).to_owned()))
    }

    /// Whether a word or number ends here.
    fn ends_word(&self) -> bool {
        self.rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '+' | '-'))
    }

    fn number(&mut self) -> Option<Json> {
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if !is_number(text) {
            return None;
        }
        self.rest = rest;
        self.ends_word().then(|| Json::Number(text.to_owned()))
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.eat('[');
        let mut values = vec![];
        if self.eat(']') {
            return Some(Json::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.eat(']') {
                return Some(Json::List(values));
            }
            self.eat(',').then_some(())?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.eat('{');
        let mut fields = vec![];
        if self.eat('}') {
            return Some(Json::Object(fields));
        }
        loop {
            self.space();
            let key = self.text()?;
            self.eat(':').then_some(())?;
            fields.push((key, self.value(depth + 1)?));
            if self.eat('}') {
                return Some(Json::Object(fields));
            }
            self.eat(',').then_some(())?;
        }
    }

    /// A text in single or double quotes.
    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.chars();
        let quote = chars.next().filter(|c| matches!(c, '"' | '\''))?;
        let mut out = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => out.push(escaped(&mut chars)?),
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(out)
    }
}

/// The character behind a backslash.
fn escaped(chars: &mut std::str::Chars) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        c @ ('"' | '\\' | '/' | '\'') => c,
        'u' => return unicode(chars),
        _ => return None,
    })
}

fn unicode(chars: &mut std::str::Chars) -> Option<char> {
    let first = hex(chars)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    // Two halves make one character.
    let mut ahead = chars.clone();
    let second = (ahead.next() == Some('\\') && ahead.next() == Some('u')).then(|| hex(&mut ahead)).flatten();
    match second.filter(|s| (0xdc00..0xe000).contains(s)) {
        Some(second) => {
            *chars = ahead;
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        }
        None => Some(char::REPLACEMENT_CHARACTER),
    }
}

fn hex(chars: &mut std::str::Chars) -> Option<u32> {
    let digits = chars.as_str().get(..4)?;
    let value =
        u32::from_str_radix(digits, 16).ok().filter(|_| digits.chars().all(|c| c.is_ascii_hexdigit()))?;
    *chars = chars.as_str().get(4..)?.chars();
    Some(value)
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, Some(f)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_as_spark_does() {
        for (text, expect) in [
            (r#" {"a": 1.50, "b" : [1, 2 ,{"c":null}]} x"#, Some(r#"{"a":1.5,"b":[1,2,{"c":null}]}"#)),
            ("1e3", Some("1000.0")),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("-0", Some("0")),
            (r#"'it\'s'"#, Some(r#""it's""#)),
            (r#""\u00e9\ud83d\ude00\t/\/""#, Some("\"é😀\\t//\"")),
            ("[]", Some("[]")),
            ("{}", Some("{}")),
            ("", None),
            ("{a:1}", None),
            (r#"{"a":1"#, None),
            (r#"{"a":1,}"#, None),
            ("[1,]", None),
            ("01", None),
            ("+1", None),
            (".5", None),
            ("1.", None),
            ("truely", None),
            ("\"a\nb\"", None),
            (r#""\x""#, None),
        ] {
            assert_eq!(Json::parse(text).map(|j| j.text()).as_deref(), expect, "{text}");
        }
        let deep = "[".repeat(DEPTH_MAX + 2);
        assert_eq!(Json::parse(&deep), None);
    }
}
