//! Writes trees as compact text, as Jackson does: without blanks, and with numbers as Java prints them.

use super::{Json, NON_NUMERIC};
use crate::display;
use std::borrow::Cow;
use std::fmt::Write;

impl Json<'_> {
    /// Returns the compact text.
    pub fn compact(&self) -> String {
        let mut out = String::new();
        self.write_compact(&mut out);
        out
    }

    /// Appends the compact text.
    pub fn write_compact(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Self::Number(text) => out.push_str(&number(text)),
            Self::Text(text) => quote(text, out),
            Self::Array(values, _) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    value.write_compact(out);
                }
                out.push(']');
            }
            Self::Object(members, _) => {
                out.push('{');
                for (i, (name, value)) in members.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    quote(name, out);
                    out.push(':');
                    value.write_compact(out);
                }
                out.push('}');
            }
        }
    }
}

/// Returns a number as Java prints it: integers as they are, all others as doubles, and NaN and infinity in quotes.
fn number(text: &str) -> Cow<'_, str> {
    if NON_NUMERIC.iter().any(|(_, value)| *value == text) {
        return format!("\"{text}\"").into();
    }
    if text.contains(['.', 'e', 'E']) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => display::double(value).into(),
            Ok(value) => format!("\"{}\"", display::double(value)).into(),
            Err(_) => text.into(),
        };
    }
    // Jackson reads `-0` as the integer 0.
    if text == "-0" { "0".into() } else { text.into() }
}

/// Appends a string in quotes with its escapes.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        // Runs without escapes are copied whole. Jackson escapes only these characters.
        if !matches!(byte, b'"' | b'\\' | 0..=0x1F) {
            continue;
        }
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x8 => out.push_str("\\b"),
            0xC => out.push_str("\\f"),
            _ => {
                let _ = write!(out, "\\u{byte:04X}");
            }
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::{DEPTH_MAX, Lenience, parse};

    #[test]
    fn texts_are_read_and_written_as_spark_does() {
        for (text, expect) in [
            (r#" {"a": 1.50, "b" : [1, 2 ,{"c":null}]} x"#, Some(r#"{"a":1.5,"b":[1,2,{"c":null}]}"#)),
            ("1e3", Some("1000.0")),
            ("1e400", Some("\"Infinity\"")),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("-0", Some("0")),
            ("NaN", Some("\"NaN\"")),
            (r#"'it\'s'"#, Some(r#""it's""#)),
            (r#""\u00e9\ud83d\ude00\t/\/\u0001""#, Some("\"é😀\\t//\\u0001\"")),
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
            assert_eq!(parse(text, Lenience::SPARK).map(|j| j.compact()).as_deref(), expect, "{text}");
        }
        let deep = "[".repeat(DEPTH_MAX + 2);
        assert_eq!(parse(&deep, Lenience::SPARK), None);
    }
}
