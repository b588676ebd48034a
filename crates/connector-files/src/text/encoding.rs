//! Text files in other encodings than UTF-8, read as UTF-8.
//!
//! Knows ISO-8859-1 and UTF-16; any other is refused by name. What is none of the encoding becomes
//! U+FFFD, as in Spark. A file in another encoding is read from its start, since a place in it is
//! none in the text.

use std::io::{ErrorKind as Io, Read};
use thalweg_common::Result;
use thalweg_connectors::OptionMap;

const CHUNK_BYTES: usize = 64 * 1024;

/// How characters are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Latin1,
    Utf16 {
        big_endian: bool,
    },
    /// Big-endian unless a byte order mark says otherwise.
    Utf16Marked,
}

impl Encoding {
    /// Reads `encoding` (or `charset`).
    pub fn from_options(options: &OptionMap) -> Result<Self> {
        let key = if options.get("encoding").is_some() { "encoding" } else { "charset" };
        Ok(match options.get(key).map(str::to_uppercase).as_deref() {
            None | Some("UTF-8" | "UTF8" | "US-ASCII") => Self::Utf8,
            Some("ISO-8859-1" | "LATIN1" | "ISO8859_1") => Self::Latin1,
            Some("UTF-16BE") => Self::Utf16 { big_endian: true },
            Some("UTF-16LE") => Self::Utf16 { big_endian: false },
            Some("UTF-16") => Self::Utf16Marked,
            Some(_) => return Err(options.bad(key, "UTF-8, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE")),
        })
    }

    pub fn is_utf8(self) -> bool {
        self == Self::Utf8
    }

    /// The bytes of `input` as UTF-8.
    pub fn decode(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.is_utf8() {
            return input;
        }
        Box::new(Decoder { input, encoding: self, raw: Vec::new(), text: Vec::new(), at: 0 })
    }
}

struct Decoder {
    input: Box<dyn Read + Send>,
    encoding: Encoding,
    /// Bytes that are not decoded yet: less than a character.
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
}

impl Decoder {
    /// Decodes the next chunk; false at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        let held = self.raw.len();
        self.raw.resize(held + CHUNK_BYTES, 0);
        let room = self.raw.get_mut(held..).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(e) if e.kind() == Io::Interrupted => {}
                other => break other?,
            }
        };
        self.raw.truncate(held + read);
        self.decode(read == 0);
        Ok(read > 0 || !self.text.is_empty())
    }

    fn decode(&mut self, at_end: bool) {
        self.text.clear();
        self.at = 0;
        let raw = std::mem::take(&mut self.raw);
        let mut out = String::with_capacity(raw.len());
        let kept = match self.encoding {
            Encoding::Utf8 | Encoding::Latin1 => {
                out.extend(raw.iter().map(|b| char::from(*b)));
                0
            }
            Encoding::Utf16Marked => {
                let little = raw.starts_with(&[0xFF, 0xFE]);
                self.encoding = Encoding::Utf16 { big_endian: !little };
                utf16(&raw, !little, at_end, &mut out)
            }
            Encoding::Utf16 { big_endian } => utf16(&raw, big_endian, at_end, &mut out),
        };
        self.raw = raw.get(raw.len() - kept..).unwrap_or_default().to_vec();
        self.text = out.into_bytes();
    }
}

/// Decodes whole characters; how many bytes at the end are not one yet.
fn utf16(raw: &[u8], big_endian: bool, at_end: bool, out: &mut String) -> usize {
    let unit = |pair: &[u8]| match pair {
        [a, b] if big_endian => u16::from_be_bytes([*a, *b]),
        [a, b] => u16::from_le_bytes([*a, *b]),
        _ => 0xFFFD,
    };
    let mut units: Vec<u16> = raw.chunks(2).map(unit).collect();
    let mut kept = 0;
    if !at_end {
        if raw.len() % 2 == 1 {
            units.pop();
            kept = 1;
        }
        // The first half of a pair waits for the second.
        if units.last().is_some_and(|u| (0xD800..0xDC00).contains(u)) {
            units.pop();
            kept += 2;
        }
    }
    let decoded = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    out.extend(decoded);
    kept
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at >= self.text.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let ready = self.text.get(self.at..).unwrap_or_default();
        let count = ready.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_encoding_becomes_utf8() {
        let long = "é".repeat(CHUNK_BYTES) + "😀";
        let little: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [vec![0xFF, 0xFE], b"a\0\x3D\xD8\x00\xDE".to_vec()].concat();
        let cases: [(&str, Vec<u8>, &str); 6] = [
            ("latin1", vec![b'a', 0xE9], "aé"),
            ("UTF-16BE", vec![0, b'a', 0, 0xE9], "aé"),
            ("UTF-16LE", little, &long),
            ("UTF-16", marked, "\u{FEFF}a😀"),
            ("UTF-16", vec![0, b'a', 0xD8], "a\u{FFFD}"),
            ("utf-8", "é".into(), "é"),
        ];
        for (name, bytes, wanted) in cases {
            let options = OptionMap::new([("encoding".to_owned(), name.to_owned())]);
            let encoding = Encoding::from_options(&options).unwrap();
            let mut text = String::new();
            encoding.decode(Box::new(std::io::Cursor::new(bytes))).read_to_string(&mut text).unwrap();
            assert!(text == wanted, "{name}");
        }
    }
}
