//! JSON text as a tree that borrows from it. Numbers stay text, so that no digit is lost.
//!
//! Strict but for what the options allow: single quotes, bare field names, comments. Nesting is
//! bounded by [`DEPTH_MAX`].

use std::borrow::Cow;

/// The deepest nesting that is read.
pub(super) const DEPTH_MAX: usize = 256;

/// The members of an object in their order; a name may be there twice.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as it was written, or `NaN`, `Infinity`, `-Infinity`.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// The items, and all of it as it was written.
    Array(Vec<Json<'a>>, &'a str),
    /// The members, and all of it as it was written.
    Object(Members<'a>, &'a str),
}

/// What is taken beyond the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lenience {
    pub single_quotes: bool,
    pub bare_names: bool,
    pub comments: bool,
    pub non_numeric_numbers: bool,
    /// `007` is a number.
    pub leading_zeros: bool,
    /// A backslash makes any character plain.
    pub any_escape: bool,
    /// Text holds control characters as they are.
    pub control_characters: bool,
}

/// The one value that `text` is; none if it is not JSON.
pub(super) fn parse(text: &str, lenience: Lenience) -> Option<Json<'_>> {
    let mut parser = Parser { text, at: 0, lenience };
    let value = parser.value(0)?;
    parser.skip()?;
    (parser.at == text.len()).then_some(value)
}

/// Whether there is nothing in `text` but blanks, and comments where they are allowed.
pub(super) fn is_blank(text: &str, lenience: Lenience) -> bool {
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

    fn value(&mut self, depth: usize) -> Option<Json<'a>> {
        self.skip()?;
        match self.peek()? {
            _ if depth > DEPTH_MAX => None,
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            quote @ (b'"' | b'\'') => self.text(quote).map(Json::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Json<'a>> {
        let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Some(value);
            }
        }
        self.non_number()
    }

    fn non_number(&mut self) -> Option<Json<'a>> {
        let words = [
            ("NaN", "NaN"),
            ("Infinity", "Infinity"),
            ("+Infinity", "Infinity"),
            ("-Infinity", "-Infinity"),
            ("+INF", "Infinity"),
            ("-INF", "-Infinity"),
        ];
        let (word, value) = words.into_iter().find(|(word, _)| self.rest().starts_with(word))?;
        self.at += word.len();
        self.lenience.non_numeric_numbers.then_some(Json::Number(value))
    }

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
        Some(Json::Number(text))
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

    fn text(&mut self, quote: u8) -> Option<Cow<'a, str>> {
        if quote == b'\'' && !self.lenience.single_quotes {
            return None;
        }
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        loop {
            let tail = self.text.as_bytes().get(self.at..)?;
            let controls = self.lenience.control_characters;
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
                    let c = escape(self.text, &mut self.at, quote, self.lenience.any_escape)?;
                    text.push(c);
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

fn escape(text: &str, at: &mut usize, quote: u8, any: bool) -> Option<char> {
    let escaped = text.get(*at..)?.chars().next()?;
    *at += escaped.len_utf8();
    let byte = u8::try_from(escaped).unwrap_or(b'?');
    Some(match byte {
        _ if !escaped.is_ascii() => return any.then_some(escaped),
        b'"' | b'\\' | b'/' => byte.into(),
        b'\'' if quote == b'\'' => '\'',
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'u' => {
            let high = unit(text, at)?;
            match high {
                0xD800..=0xDBFF => {
                    let low = text.get(*at..).filter(|t| t.starts_with("\\u")).and_then(|_| {
                        *at += 2;
                        unit(text, at)
                    })?;
                    let low = low.checked_sub(0xDC00).filter(|l| *l < 0x400)?;
                    char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)?
                }
                _ => char::from_u32(high)?,
            }
        }
        _ => return any.then_some(escaped),
    })
}

fn unit(text: &str, at: &mut usize) -> Option<u32> {
    let digits = text.get(*at..*at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    *at += 4;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Lenience = Lenience {
        single_quotes: false,
        bare_names: false,
        comments: false,
        non_numeric_numbers: true,
        leading_zeros: false,
        any_escape: false,
        control_characters: false,
    };

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
            "1 2",
            "'a'",
            "{a:1}",
            "\"\u{1}\"",
            "/**/1",
            "\"\\ud83d\"",
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
