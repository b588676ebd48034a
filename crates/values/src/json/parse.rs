//! Parses JSON texts to trees, as Jackson does for Spark.

use super::{DEPTH_MAX, Json, Lenience, NON_NUMERIC};
use std::borrow::Cow;

/// Parses the first value of `text`; `None` if it is malformed. As in Spark, anything after the value is ignored.
pub fn parse(text: &str, lenience: Lenience) -> Option<Json<'_>> {
    Parser { text, at: 0, lenience }.value(0)
}

/// Returns whether `text` contains only blanks, and comments where they are allowed.
pub fn is_blank(text: &str, lenience: Lenience) -> bool {
    let mut parser = Parser { text, at: 0, lenience };
    parser.skip().is_some() && parser.at == text.len()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    lenience: Lenience,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips blanks, and comments where they are allowed.
    fn skip(&mut self) -> Option<()> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            let (rest, allowed) = (self.rest(), self.lenience.comments);
            if allowed && rest.starts_with("//") {
                // The line end is skipped as a blank in the next round.
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if allowed && rest.starts_with("/*") {
                self.at += rest.find("*/")? + 2;
            } else {
                return Some(());
            }
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.skip()?;
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// Parses a value.
    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        self.skip()?;
        match self.peek()? {
            // The parser is recursive, so the depth of its stack must be bounded.
            _ if depth > DEPTH_MAX => None,
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            quote @ (b'"' | b'\'') => self.text(quote).map(Json::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    /// Parses `null`, `true`, `false` or a word for a number.
    fn word(&mut self) -> Option<Json<'a>> {
        // Jackson knows exactly these words, in lower case.
        let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return self.ends_word().then_some(value);
            }
        }
        self.non_number()
    }

    fn non_number(&mut self) -> Option<Json<'a>> {
        let (word, value) = NON_NUMERIC.iter().find(|(word, _)| self.rest().starts_with(word))?;
        self.at += word.len();
        (self.lenience.non_numeric_numbers && self.ends_word()).then_some(Json::Number(value))
    }

    /// Returns whether a word or number ends here. Jackson refuses `truely` and `1x` even where it would ignore the
    /// rest.
    fn ends_word(&self) -> bool {
        match self.peek() {
            None => true,
            Some(b) if b.is_ascii() => !b.is_ascii_alphanumeric() && !b"_.+-".contains(&b),
            Some(_) => !self.rest().starts_with(char::is_alphanumeric),
        }
    }

    /// Parses a number. Its text is kept as it is.
    fn number(&mut self) -> Option<Json<'a>> {
        let bytes = self.rest().as_bytes();
        let run = |from: usize| {
            bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
        };
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = run(sign);
        if whole == 0 {
            return self.non_number();
        }
        // The standard forbids `01` but not `0`.
        if whole > 1 && bytes.get(sign) == Some(&b'0') && !self.lenience.leading_zeros {
            return None;
        }
        let mut end = sign + whole;
        if bytes.get(end) == Some(&b'.') {
            let fraction = run(end + 1);
            if fraction == 0 {
                return None;
            }
            end += 1 + fraction;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = run(end + 1 + signed);
            if exponent == 0 {
                return None;
            }
            end += 1 + signed + exponent;
        }
        let text = self.rest().get(..end)?;
        self.at += end;
        self.ends_word().then_some(Json::Number(text))
    }

    fn array(&mut self, depth: usize) -> Option<Json<'a>> {
        let start = self.at;
        self.eat(b'[')?;
        let mut items = Vec::new();
        if self.eat(b']').is_some() {
            return Some(Json::Array(items, self.since(start)));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat(b']').is_some() {
                return Some(Json::Array(items, self.since(start)));
            }
            self.eat(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json<'a>> {
        let start = self.at;
        self.eat(b'{')?;
        let mut members = Vec::new();
        if self.eat(b'}').is_some() {
            return Some(Json::Object(members, self.since(start)));
        }
        loop {
            let name = self.name()?;
            self.eat(b':')?;
            members.push((name, self.value(depth + 1)?));
            if self.eat(b'}').is_some() {
                return Some(Json::Object(members, self.since(start)));
            }
            self.eat(b',')?;
        }
    }

    /// Parses the name of a member.
    fn name(&mut self) -> Option<Cow<'a, str>> {
        self.skip()?;
        match self.peek()? {
            quote @ (b'"' | b'\'') => self.text(quote),
            _ if self.lenience.bare_names => {
                let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
                let end = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
                let name = self.rest().get(..end).filter(|n| !n.is_empty())?;
                self.at += end;
                Some(Cow::Borrowed(name))
            }
            _ => None,
        }
    }

    /// Parses a string that begins with `quote`.
    fn text(&mut self, quote: u8) -> Option<Cow<'a, str>> {
        if quote == b'\'' && !self.lenience.single_quotes {
            return None;
        }
        self.at += 1;
        let start = self.at;
        // Borrowed as long as there is no escape.
        let mut owned: Option<String> = None;
        loop {
            let tail = self.text.as_bytes().get(self.at..)?;
            let controls = self.lenience.control_characters;
            // Bytes are enough: none of these occurs inside of a character of UTF-8.
            let length = tail.iter().position(|b| *b == quote || *b == b'\\' || (*b < b' ' && !controls))?;
            let plain = self.rest().get(..length)?;
            self.at += length;
            if let Some(text) = &mut owned {
                text.push_str(plain);
            }
            match self.peek()? {
                b'\\' => {
                    let before = self.text.get(start..self.at)?;
                    let text = owned.get_or_insert_with(|| before.to_owned());
                    self.at += 1;
                    text.push(escape(self.text, &mut self.at, quote, self.lenience)?);
                }
                b if b == quote => {
                    let end = self.at;
                    self.at += 1;
                    return match owned {
                        Some(text) => Some(Cow::Owned(text)),
                        None => self.text.get(start..end).map(Cow::Borrowed),
                    };
                }
                _ => return None,
            }
        }
    }
}

/// Parses the escape after a backslash.
fn escape(text: &str, at: &mut usize, quote: u8, lenience: Lenience) -> Option<char> {
    let escaped = text.get(*at..)?.chars().next()?;
    *at += escaped.len_utf8();
    Some(match escaped {
        '"' | '\\' | '/' => escaped,
        // Only a string in single quotes may escape one.
        '\'' if quote == b'\'' => escaped,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{C}',
        'u' => return unicode(text, at, lenience),
        _ => return lenience.any_escape.then_some(escaped),
    })
}

/// Parses the digits of `\uXXXX`, and a second escape if both are a surrogate pair.
fn unicode(text: &str, at: &mut usize, lenience: Lenience) -> Option<char> {
    let first = unit(text, at)?;
    if let Some(whole) = char::from_u32(first) {
        return Some(whole);
    }
    let mut after = *at;
    let second = text.get(after..).filter(|t| t.starts_with("\\u")).and_then(|_| {
        after += 2;
        unit(text, &mut after)
    });
    let low = second.and_then(|s| s.checked_sub(0xDC00)).filter(|low| *low < 0x400);
    match low.filter(|_| first < 0xDC00) {
        Some(low) => {
            *at = after;
            char::from_u32(0x10000 + ((first - 0xD800) << 10) + low)
        }
        None => Some(lenience.half_character),
    }
}

/// Parses the four digits of a UTF-16 unit.
fn unit(text: &str, at: &mut usize) -> Option<u32> {
    let digits = text.get(*at..*at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    *at += 4;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Lenience = Lenience { single_quotes: false, ..Lenience::SPARK };

    #[test]
    fn json_is_read_and_what_is_none_is_not() {
        let good = [
            ("null", Json::Null),
            (
                " [1, -2.5e3 ,true]",
                Json::Array(
                    vec![Json::Number("1"), Json::Number("-2.5e3"), Json::Bool(true)],
                    "[1, -2.5e3 ,true]",
                ),
            ),
            (
                r#"{"a\u00e9\n":"\ud83d\ude00"}"#,
                Json::Object(
                    vec![("aé\n".into(), Json::Text("😀".into()))],
                    r#"{"a\u00e9\n":"\ud83d\ude00"}"#,
                ),
            ),
            ("NaN", Json::Number("NaN")),
            ("-Infinity", Json::Number("-Infinity")),
            ("{}", Json::Object(vec![], "{}")),
            ("1 2", Json::Number("1")),
            (r#""a" x"#, Json::Text("a".into())),
            (r#""\ud83d""#, Json::Text("?".into())),
            (r#""\udc00\ud83d\u0041""#, Json::Text("??A".into())),
        ];
        for (text, wanted) in good {
            assert_eq!(parse(text, STRICT), Some(wanted), "{text}");
        }
        let bad = [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "01",
            "1.",
            "1e",
            "tru",
            "\"a",
            "\"\\x\"",
            "truely",
            "1x",
            "'a'",
            "{a:1}",
            "\"\u{1}\"",
            "/**/1",
            "--1",
        ];
        for text in bad {
            assert_eq!(parse(text, STRICT), None, "{text}");
        }
        let nested = "[".repeat(DEPTH_MAX + 2);
        assert_eq!(parse(&nested, STRICT), None);
    }

    #[test]
    fn what_the_options_allow_is_read() {
        let all = Lenience {
            single_quotes: true,
            bare_names: true,
            comments: true,
            leading_zeros: true,
            any_escape: true,
            control_characters: true,
            ..STRICT
        };
        let members = vec![("a".into(), Json::Text("b\"'$\t".into())), ("b".into(), Json::Number("-07"))];
        let raw = "{a: 'b\"\\'\\$\t', b:-07}";
        assert_eq!(parse(&format!("/* x */{raw} // end"), all), Some(Json::Object(members, raw)));
    }
}
