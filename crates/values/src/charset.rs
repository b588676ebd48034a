//! Converts between texts and the bytes of the character sets that Spark takes.
//!
//! Functions refuse a character that a character set does not have, and bytes that are not a character; files write
//! `?` and read U+FFFD for them. So the conversions report such places, and their callers choose.
//!
//! ```
//! use thalweg_values::charset::Charset;
//!
//! let latin = Charset::named("iso-8859-1").ok_or("no such character set")?;
//! assert_eq!(latin.encode("é"), Some(vec![0xE9]));
//! assert_eq!((latin.encode("日"), latin.decode(b"\xE9")), (None, Some("é".to_owned())));
//! # Ok::<(), &str>(())
//! ```

use thalweg_common::{Error, ErrorKind};

/// The mark before big-endian UTF-16.
const MARK: [u8; 2] = [0xFE, 0xFF];

/// How characters are stored as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// `UTF-8`.
    Utf8,
    /// `US-ASCII`.
    Ascii,
    /// `ISO-8859-1`: the first 256 characters of Unicode.
    Latin1,
    /// `UTF-16BE` and `UTF-16LE`.
    Utf16 {
        /// Whether the high byte of a unit comes first.
        big_endian: bool,
    },
    /// `UTF-16`: big-endian unless a byte order mark says otherwise.
    Utf16Marked,
    /// UTF-32 of a known order.
    Utf32 {
        /// Whether the high byte of a character comes first.
        big_endian: bool,
    },
    /// `UTF-32`: big-endian unless a byte order mark says otherwise.
    Utf32Marked,
}

impl Charset {
    /// The names that Spark takes, in the order of its error.
    pub const NAMES: [&str; 7] =
        ["ISO-8859-1", "US-ASCII", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "UTF-8"];

    /// The length of the longest byte order mark.
    pub const MARK_BYTES: usize = 4;

    /// Returns the character set of a name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_uppercase().as_str() {
            "UTF-8" => Self::Utf8,
            "US-ASCII" => Self::Ascii,
            "ISO-8859-1" => Self::Latin1,
            "UTF-16BE" => Self::Utf16 { big_endian: true },
            "UTF-16LE" => Self::Utf16 { big_endian: false },
            "UTF-16" => Self::Utf16Marked,
            "UTF-32" => Self::Utf32Marked,
            _ => return None,
        })
    }

    /// Returns whether a byte order mark at the start of the bytes says more about the character set.
    pub fn is_marked(self) -> bool {
        matches!(self, Self::Utf16Marked | Self::Utf32Marked)
    }

    /// Returns the character set of bytes that start with these, and the length of their byte order mark.
    pub fn of_start(self, bytes: &[u8]) -> (Self, usize) {
        match (self, bytes) {
            (Self::Utf16Marked, [0xFF, 0xFE, ..]) => (Self::Utf16 { big_endian: false }, 2),
            (Self::Utf16Marked, [0xFE, 0xFF, ..]) => (Self::Utf16 { big_endian: true }, 2),
            (Self::Utf16Marked, _) => (Self::Utf16 { big_endian: true }, 0),
            (Self::Utf32Marked, [0xFF, 0xFE, 0, 0, ..]) => (Self::Utf32 { big_endian: false }, 4),
            (Self::Utf32Marked, [0, 0, 0xFE, 0xFF, ..]) => (Self::Utf32 { big_endian: true }, 4),
            (Self::Utf32Marked, _) => (Self::Utf32 { big_endian: true }, 0),
            (other, _) => (other, 0),
        }
    }

    /// Returns the mark that texts begin with. As in Java, UTF-16 has one and UTF-32 does not.
    pub fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16Marked => &MARK,
            Self::Utf8
            | Self::Ascii
            | Self::Latin1
            | Self::Utf16 { .. }
            | Self::Utf32 { .. }
            | Self::Utf32Marked => &[],
        }
    }

    /// Returns the bytes of a text with its mark; `None` if the character set does not have one of its characters.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        // As in Java, the empty text has no mark.
        let mut bytes = if text.is_empty() { vec![] } else { self.mark().to_vec() };
        text.chars().all(|c| self.encode_char(c, &mut bytes)).then_some(bytes)
    }

    /// Appends the bytes of a character, or nothing if the character set does not have it; returns whether it has it.
    pub fn encode_char(self, c: char, out: &mut Vec<u8>) -> bool {
        let byte_up_to = |max: u8| u8::try_from(c).ok().filter(|byte| *byte <= max);
        match self {
            Self::Ascii | Self::Latin1 => {
                let byte = byte_up_to(if self == Self::Ascii { 0x7F } else { 0xFF });
                out.extend(byte);
                return byte.is_some();
            }
            Self::Utf16 { big_endian: false } => {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_le_bytes()));
            }
            Self::Utf16 { big_endian: true } | Self::Utf16Marked => {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
            }
            Self::Utf32 { big_endian: false } => out.extend(u32::from(c).to_le_bytes()),
            Self::Utf32 { big_endian: true } | Self::Utf32Marked => out.extend(u32::from(c).to_be_bytes()),
            Self::Utf8 => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
        true
    }

    /// Returns the text of bytes, without their byte order mark; `None` if some of them are not a character.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        let (charset, mark) = self.of_start(bytes);
        let (mut text, mut valid) = (String::with_capacity(bytes.len()), true);
        charset.decode_part(bytes.get(mark..)?, true, |c| match c {
            Some(c) => text.push(c),
            None => valid = false,
        });
        valid.then_some(text)
    }

    /// Passes each character of bytes to `each`, `None` for bytes that are not a character. Returns the number of
    /// bytes at the end that are the beginning of a character; there are none at the end of the input.
    pub fn decode_part(self, bytes: &[u8], at_end: bool, each: impl FnMut(Option<char>)) -> usize {
        match self {
            Self::Utf8 => utf8(bytes, at_end, each),
            Self::Ascii => {
                bytes.iter().map(|b| b.is_ascii().then(|| char::from(*b))).for_each(each);
                0
            }
            Self::Latin1 => {
                bytes.iter().map(|b| Some(char::from(*b))).for_each(each);
                0
            }
            Self::Utf16 { big_endian } => utf16(bytes, big_endian, at_end, each),
            Self::Utf16Marked => utf16(bytes, true, at_end, each),
            Self::Utf32 { big_endian } => utf32(bytes, big_endian, at_end, each),
            Self::Utf32Marked => utf32(bytes, true, at_end, each),
        }
    }
}

fn utf8(bytes: &[u8], at_end: bool, mut each: impl FnMut(Option<char>)) -> usize {
    let mut rest = bytes.len();
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| each(Some(c)));
        rest -= chunk.valid().len() + chunk.invalid().len();
        match chunk.invalid() {
            [] => {}
            begun if rest == 0 && !at_end => return begun.len(),
            _ => each(None),
        }
    }
    0
}

fn utf16(bytes: &[u8], big_endian: bool, at_end: bool, mut each: impl FnMut(Option<char>)) -> usize {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let unit =
        |pair: &[u8; 2]| if big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let mut units: Vec<u16> = pairs.iter().map(unit).collect();
    let mut kept = 0;
    if !at_end {
        kept = odd.len();
        // The first half of a pair waits for the second.
        if units.last().is_some_and(|u| (0xD800..0xDC00).contains(u)) {
            units.pop();
            kept += 2;
        }
    }
    char::decode_utf16(units).for_each(|c| each(c.ok()));
    if at_end && !odd.is_empty() {
        each(None);
    }
    kept
}

fn utf32(bytes: &[u8], big_endian: bool, at_end: bool, mut each: impl FnMut(Option<char>)) -> usize {
    let (units, rest) = bytes.as_chunks::<4>();
    let code =
        |unit: &[u8; 4]| if big_endian { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
    units.iter().for_each(|unit| each(char::from_u32(code(unit))));
    match rest {
        [] => 0,
        _ if at_end => {
            each(None);
            0
        }
        begun => begun.len(),
    }
}

/// `[INVALID_PARAMETER_VALUE.CHARSET]`: a name that is not of a character set, in a call of a function or in `the
/// options`.
pub fn unknown(place: &str, name: &str) -> Error {
    let expected = Charset::NAMES.map(str::to_lowercase).join(", ");
    let message = format!(
        "The value of parameter(s) `charset` in {place} is invalid: expects one of the {expected}, but got {name}."
    );
    Error::new(ErrorKind::IllegalArgument, "INVALID_PARAMETER_VALUE.CHARSET", "22023", message)
        .param("parameter", "`charset`")
        .param("functionName", place)
        .param("charset", name)
        .param("charsets", expected)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Decodes bytes that come in parts of a length, with U+FFFD for what is not a character.
    fn in_parts(charset: Charset, bytes: &[u8], length: usize) -> String {
        let (mut text, mut held) = (String::new(), Vec::new());
        let parts = bytes.chunks(length).map(|part| (part, false)).chain([(&[][..], true)]);
        for (part, at_end) in parts {
            held.extend_from_slice(part);
            let kept = charset.decode_part(&held, at_end, |c| text.push(c.unwrap_or('\u{FFFD}')));
            held.drain(..held.len() - kept);
        }
        text
    }

    #[test]
    fn texts_become_bytes_and_texts_again() {
        for name in Charset::NAMES {
            let charset = Charset::named(&name.to_lowercase()).unwrap();
            for text in ["", "a", "é", "日", "a😀b"] {
                let Some(bytes) = charset.encode(text) else {
                    assert!(matches!(charset, Charset::Ascii | Charset::Latin1), "{name} {text}");
                    continue;
                };
                assert_eq!(charset.decode(&bytes).as_deref(), Some(text), "{name}");
            }
        }
        assert_eq!(Charset::named("latin1"), None);
    }

    #[test]
    fn bytes_that_are_not_a_character_are_reported_in_parts_of_any_length() {
        let cases: [(&str, &[u8], &str); 8] = [
            ("utf-8", b"a\xC3\xA9\xFF\xE6\x97\xA5\xE6", "aé\u{FFFD}日\u{FFFD}"),
            ("us-ascii", b"a\xE9", "a\u{FFFD}"),
            ("iso-8859-1", b"a\xE9", "aé"),
            ("utf-16be", b"\0a\xD8\0\0b", "a\u{FFFD}b"),
            ("utf-16be", b"\0a\xD8", "a\u{FFFD}"),
            ("utf-16le", b"=\xD8\0\xDE", "😀"),
            ("utf-32", b"\0\0\0a\0\x11\0\0\0\0", "a\u{FFFD}\u{FFFD}"),
            ("utf-32", b"", ""),
        ];
        for (name, bytes, wanted) in cases {
            let charset = Charset::named(name).unwrap();
            for length in 1..=bytes.len().max(1) {
                assert_eq!(in_parts(charset, bytes, length), wanted, "{name} {length}");
            }
            let strict = (!wanted.contains('\u{FFFD}')).then(|| wanted.to_owned());
            assert_eq!(charset.decode(bytes), strict, "{name}");
        }
    }
}
