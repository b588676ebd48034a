//! Decodes and encodes text files in other encodings than UTF-8, as Spark reads and writes them.
//!
//! The encodings are those that Spark takes by these names; any other is refused by name. Bytes that are not of the
//! encoding become U+FFFD, and characters that it lacks `?`. A file in another encoding is read from its start, since a position in its bytes is not a
//! position in its text.
//!
//! Spark cuts a file into lines before it decodes them, so it refuses encodings of JSON files, and breaks the text of
//! CSV files, whose line ends are not those of UTF-8. Here both are refused, unless `multiLine` or `lineSep` says how
//! records are cut.

use crate::files::lines::is_compressed;
use std::io::{ErrorKind as Io, Read};
use std::path::Path;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::OptionMap;

const CHUNK_BYTES: usize = 64 * 1024;
/// The length of the longest byte order mark.
const MARK_BYTES: usize = 4;

/// The names that Spark takes.
pub(crate) const NAMES: [&str; 7] =
    ["ISO-8859-1", "US-ASCII", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "UTF-8"];

/// How characters are stored as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Ascii,
    Latin1,
    Utf16 {
        big_endian: bool,
    },
    /// Big-endian unless a byte order mark says otherwise.
    Utf16Marked,
    Utf32 {
        big_endian: bool,
    },
    /// Big-endian unless a byte order mark says otherwise.
    Utf32Marked,
}

impl Encoding {
    /// Reads `encoding` (or `charset`) of CSV files. The line ends of ASCII and its extensions are those of UTF-8.
    pub(crate) fn of_csv(options: &OptionMap) -> Result<Self> {
        Self::from_options(options, &[Self::Utf8, Self::Ascii, Self::Latin1])
    }

    /// Reads `encoding` (or `charset`) of JSON files, whose lines Spark finds in UTF-8 only.
    pub(crate) fn of_json(options: &OptionMap) -> Result<Self> {
        Self::from_options(options, &[Self::Utf8])
    }

    /// Reads `encoding` (or `charset`) of files that are written, whose lines may be in any encoding.
    pub(crate) fn of_writer(options: &OptionMap) -> Result<Self> {
        Self::named(options.get(key(options)))
    }

    fn named(name: Option<&str>) -> Result<Self> {
        Ok(match name.map(str::to_uppercase).as_deref() {
            None | Some("UTF-8") => Self::Utf8,
            Some("US-ASCII") => Self::Ascii,
            Some("ISO-8859-1") => Self::Latin1,
            Some("UTF-16BE") => Self::Utf16 { big_endian: true },
            Some("UTF-16LE") => Self::Utf16 { big_endian: false },
            Some("UTF-16") => Self::Utf16Marked,
            Some("UTF-32") => Self::Utf32Marked,
            Some(_) => return Err(unknown(name.unwrap_or_default())),
        })
    }

    /// Reads the encoding; those in `with_lines` need neither `multiLine` nor `lineSep`.
    fn from_options(options: &OptionMap, with_lines: &[Self]) -> Result<Self> {
        let key = key(options);
        let encoding = Self::named(options.get(key))?;
        let is_cut = options.flag("multiLine", false)?
            // A separator is encoded without the byte order mark that the file begins with.
            || (options.get("lineSep").is_some() && !encoding.is_marked());
        if is_cut || with_lines.contains(&encoding) {
            return Ok(encoding);
        }
        Err(encoding.not_cut(options, key))
    }

    fn not_cut(self, options: &OptionMap, key: &str) -> Error {
        let (wanted, hint) = if self.is_marked() {
            ("another encoding unless multiLine is true", "Set the option multiLine to true.")
        } else {
            ("UTF-8 unless multiLine is true or lineSep is given", "Name the line separator with lineSep.")
        };
        options.bad(key, wanted).hint(hint)
    }

    pub(crate) fn is_utf8(self) -> bool {
        self == Self::Utf8
    }

    /// Whether parts of a file can be decoded and cut into records by themselves.
    pub(crate) fn can_split(self, path: &Path, multi_line: bool) -> bool {
        self.is_utf8() && !is_compressed(path) && !multi_line
    }

    /// Whether a byte order mark at the start of a file says more about the encoding.
    fn is_marked(self) -> bool {
        matches!(self, Self::Utf16Marked | Self::Utf32Marked)
    }

    /// The encoding of a file that starts with these bytes.
    fn of_start(self, bytes: &[u8]) -> Self {
        match self {
            Self::Utf16Marked => Self::Utf16 { big_endian: !bytes.starts_with(&[0xFF, 0xFE]) },
            Self::Utf32Marked => Self::Utf32 { big_endian: !bytes.starts_with(&[0xFF, 0xFE, 0, 0]) },
            other => other,
        }
    }

    /// The bytes of `input` as UTF-8.
    pub(crate) fn decode(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.is_utf8() {
            return input;
        }
        Box::new(Decoder { input, encoding: self, raw: Vec::new(), text: Vec::new(), at: 0 })
    }
}

/// Writes the characters of one file as bytes of an encoding.
#[derive(Debug)]
pub(crate) struct Encoder {
    encoding: Encoding,
    bytes: Vec<u8>,
    begun: bool,
}

impl Encoder {
    /// Creates the encoder of a new file.
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, bytes: Vec::new(), begun: false }
    }

    /// Returns the bytes of the next text of the file.
    pub(crate) fn encode<'a>(&'a mut self, text: &'a str) -> &'a [u8] {
        if self.encoding.is_utf8() {
            return text.as_bytes();
        }
        self.bytes.clear();
        // As in Java, UTF-16 begins with a mark and UTF-32 does not. A file without rows has no mark either.
        if self.encoding == Encoding::Utf16Marked && !std::mem::replace(&mut self.begun, true) {
            self.bytes.extend([0xFE, 0xFF]);
        }
        for c in text.chars() {
            encode_char(c, self.encoding, &mut self.bytes);
        }
        &self.bytes
    }
}

fn encode_char(c: char, encoding: Encoding, out: &mut Vec<u8>) {
    let byte_up_to = |max: u8| u8::try_from(c).ok().filter(|byte| *byte <= max).unwrap_or(b'?');
    match encoding {
        Encoding::Ascii => out.push(byte_up_to(0x7F)),
        Encoding::Latin1 => out.push(byte_up_to(0xFF)),
        Encoding::Utf16 { big_endian: false } => {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_le_bytes()));
        }
        Encoding::Utf16 { big_endian: true } | Encoding::Utf16Marked => {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
        Encoding::Utf32 { big_endian: false } => out.extend(u32::from(c).to_le_bytes()),
        Encoding::Utf32 { big_endian: true } | Encoding::Utf32Marked => {
            out.extend(u32::from(c).to_be_bytes())
        }
        Encoding::Utf8 => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
    }
}

/// The name under which the encoding is given.
fn key(options: &OptionMap) -> &'static str {
    if options.get("encoding").is_some() { "encoding" } else { "charset" }
}

/// An encoding that Spark does not take either.
fn unknown(charset: &str) -> Error {
    let expected = NAMES.map(str::to_lowercase).join(", ");
    let message = format!(
        "The value of parameter(s) `charset` in the options is invalid: expects one of the {expected}, but got \
         {charset}."
    );
    Error::new(ErrorKind::IllegalArgument, "INVALID_PARAMETER_VALUE.CHARSET", "22023", message)
        .param("parameter", "`charset`")
        .param("charset", charset)
        .param("charsets", expected)
}

struct Decoder {
    input: Box<dyn Read + Send>,
    encoding: Encoding,
    /// The bytes that are not decoded yet: less than a character, or than a byte order mark.
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
        if self.encoding.is_marked() && self.raw.len() < MARK_BYTES && !at_end {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let mut out = String::with_capacity(raw.len());
        self.encoding = self.encoding.of_start(&raw);
        let kept = match self.encoding {
            Encoding::Utf16 { big_endian } => utf16(&raw, big_endian, at_end, &mut out),
            Encoding::Utf32 { big_endian } => utf32(&raw, big_endian, at_end, &mut out),
            Encoding::Ascii => {
                let char = |b: &u8| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER };
                out.extend(raw.iter().map(char));
                0
            }
            // The first 256 characters of Unicode are those of ISO-8859-1. What is marked was settled above, and UTF-8
            // is not decoded.
            Encoding::Latin1 | Encoding::Utf8 | Encoding::Utf16Marked | Encoding::Utf32Marked => {
                out.extend(raw.iter().map(|b| char::from(*b)));
                0
            }
        };
        self.raw = raw.get(raw.len() - kept..).unwrap_or_default().to_vec();
        self.text = out.into_bytes();
    }
}

/// Decodes whole characters; returns how many bytes at the end are not one yet.
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

/// Decodes whole characters; returns how many bytes at the end are not one yet.
fn utf32(raw: &[u8], big_endian: bool, at_end: bool, out: &mut String) -> usize {
    let (units, rest) = raw.as_chunks::<4>();
    let code =
        |unit: &[u8; 4]| if big_endian { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
    let decoded = units.iter().map(|unit| char::from_u32(code(unit)));
    out.extend(decoded.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    if at_end && !rest.is_empty() {
        out.push(char::REPLACEMENT_CHARACTER);
        return 0;
    }
    rest.len()
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

    fn options(pairs: &[(&str, &str)]) -> OptionMap {
        OptionMap::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    /// Input that comes one byte at a time.
    struct Slowly(std::io::Cursor<Vec<u8>>);

    impl Read for Slowly {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let one = out.len().min(1);
            self.0.read(&mut out[..one])
        }
    }

    #[test]
    fn every_encoding_becomes_utf8() {
        let long = "é".repeat(CHUNK_BYTES) + "😀";
        let little: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [vec![0xFF, 0xFE], b"a\0\x3D\xD8\x00\xDE".to_vec()].concat();
        let cases: [(&str, Vec<u8>, &str); 10] = [
            ("iso-8859-1", vec![b'a', 0xE9], "aé"),
            ("US-ASCII", "é,1".into(), "\u{FFFD}\u{FFFD},1"),
            ("UTF-16BE", vec![0, b'a', 0, 0xE9], "aé"),
            ("UTF-16LE", little, &long),
            ("UTF-16", marked, "\u{FEFF}a😀"),
            ("UTF-16", vec![0, b'a', 0xD8], "a\u{FFFD}"),
            ("UTF-32", b"\xFF\xFE\0\0\x00\xF6\x01\0".to_vec(), "\u{FEFF}😀"),
            ("UTF-32", b"\0\0\0a\0\x11\0\0\0\0".to_vec(), "a\u{FFFD}\u{FFFD}"),
            ("UTF-32", b"\0".to_vec(), "\u{FFFD}"),
            ("utf-8", "é".into(), "é"),
        ];
        for (name, bytes, wanted) in cases {
            let encoding = Encoding::of_csv(&options(&[("encoding", name), ("multiLine", "true")])).unwrap();
            let inputs: [Box<dyn Read + Send>; 2] = [
                Box::new(std::io::Cursor::new(bytes.clone())),
                Box::new(Slowly(std::io::Cursor::new(bytes))),
            ];
            for input in inputs {
                let mut text = String::new();
                encoding.decode(input).read_to_string(&mut text).unwrap();
                assert!(text == wanted, "{name}");
            }
        }
    }

    #[test]
    fn a_file_is_written_as_java_writes_it() {
        let cases: [(&str, &[u8]); 7] = [
            ("UTF-8", "é😀,\nb".as_bytes()),
            ("US-ASCII", b"??,\nb"),
            ("ISO-8859-1", b"\xE9?,\nb"),
            ("UTF-16", b"\xFE\xFF\0\xE9\xD8=\xDE\0\0,\0\n\0b"),
            ("UTF-16BE", b"\0\xE9\xD8=\xDE\0\0,\0\n\0b"),
            ("UTF-16LE", b"\xE9\0=\xD8\0\xDE,\0\n\0b\0"),
            ("UTF-32", b"\0\0\0\xE9\0\x01\xF6\0\0\0\0,\0\0\0\n\0\0\0b"),
        ];
        for (name, wanted) in cases {
            let mut encoder = Encoder::new(Encoding::of_writer(&options(&[("encoding", name)])).unwrap());
            let written: Vec<u8> =
                ["é😀,\n", "b"].iter().flat_map(|text| encoder.encode(text).to_vec()).collect();
            assert_eq!(written, wanted, "{name}");
        }
        assert!(Encoding::of_writer(&options(&[("charset", "windows-1252")])).is_err());
    }

    #[test]
    fn an_encoding_whose_lines_can_t_be_found_is_refused() {
        // Whether CSV and JSON take it by itself, with lineSep, and with multiLine.
        let cases = [
            ("UTF-8", [true; 3], [true; 3]),
            ("US-ASCII", [true; 3], [false, true, true]),
            ("ISO-8859-1", [true; 3], [false, true, true]),
            ("UTF-16LE", [false, true, true], [false, true, true]),
            ("UTF-16", [false, false, true], [false, false, true]),
            ("UTF-32", [false, false, true], [false, false, true]),
            ("latin1", [false; 3], [false; 3]),
            ("windows-1252", [false; 3], [false; 3]),
        ];
        for (name, csv, json) in cases {
            let with: [&[(&str, &str)]; 3] = [&[], &[("lineSep", "\n")], &[("multiLine", "true")]];
            let given = with.map(|more| options(&[&[("charset", name)], more].concat()));
            assert_eq!(given.each_ref().map(|o| Encoding::of_csv(o).is_ok()), csv, "{name} of CSV");
            assert_eq!(given.each_ref().map(|o| Encoding::of_json(o).is_ok()), json, "{name} of JSON");
        }
    }
}
