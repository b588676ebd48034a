//! Decodes and encodes text files in other encodings than UTF-8, as Spark reads and writes them.
//!
//! The encodings are those that Spark takes by these names; any other is refused by name. Bytes that are not of the
//! encoding become U+FFFD, and characters that it does not have `?`. A file in another encoding is read from its start,
//! since a position in its bytes is not a position in its text.
//!
//! Spark cuts a file into lines before it decodes them, so it refuses encodings of JSON files, and breaks the text of
//! CSV files, whose line ends are not those of UTF-8. Here both are refused, unless `multiLine` or `lineSep` says how
//! records are cut.

use crate::files::lines::is_compressed;
use std::io::{ErrorKind as Io, Read};
use std::path::Path;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;
use thalweg_values::charset::{Charset, unknown};

const CHUNK_BYTES: usize = 64 * 1024;
/// How the characters of a file are stored as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding(Charset);

impl Encoding {
    /// UTF-8.
    #[cfg(test)]
    pub(crate) const UTF8: Self = Self(Charset::Utf8);

    /// Reads `encoding` (or `charset`) of CSV files. The line ends of ASCII and its extensions are those of UTF-8.
    pub(crate) fn of_csv(options: &OptionMap) -> Result<Self> {
        Self::from_options(options, &[Charset::Utf8, Charset::Ascii, Charset::Latin1])
    }

    /// Reads `encoding` (or `charset`) of JSON files, whose lines Spark finds in UTF-8 only.
    pub(crate) fn of_json(options: &OptionMap) -> Result<Self> {
        Self::from_options(options, &[Charset::Utf8])
    }

    /// Reads `encoding` (or `charset`) of files that are written, whose lines may be in any encoding.
    pub(crate) fn of_writer(options: &OptionMap) -> Result<Self> {
        Self::named(options.get(key(options)))
    }

    fn named(name: Option<&str>) -> Result<Self> {
        let Some(name) = name else { return Ok(Self(Charset::Utf8)) };
        Charset::named(name).map(Self).ok_or_else(|| unknown("the options", name))
    }

    /// Reads the encoding; those in `with_lines` need neither `multiLine` nor `lineSep`.
    fn from_options(options: &OptionMap, with_lines: &[Charset]) -> Result<Self> {
        let key = key(options);
        let encoding = Self::named(options.get(key))?;
        let is_cut = options.flag("multiLine", false)?
            // A separator is encoded without the byte order mark that the file begins with.
            || (options.get("lineSep").is_some() && !encoding.0.is_marked());
        if is_cut || with_lines.contains(&encoding.0) {
            return Ok(encoding);
        }
        Err(encoding.not_cut(options, key))
    }

    fn not_cut(self, options: &OptionMap, key: &str) -> Error {
        let (wanted, hint) = if self.0.is_marked() {
            ("another encoding unless multiLine is true", "Set the option multiLine to true.")
        } else {
            ("UTF-8 unless multiLine is true or lineSep is given", "Name the line separator with lineSep.")
        };
        options.bad(key, wanted).hint(hint)
    }

    pub(crate) fn is_utf8(self) -> bool {
        self.0 == Charset::Utf8
    }

    /// Whether parts of a file can be decoded and cut into records by themselves.
    pub(crate) fn can_split(self, path: &Path, multi_line: bool) -> bool {
        self.is_utf8() && !is_compressed(path) && !multi_line
    }

    /// The bytes of `input` as UTF-8.
    pub(crate) fn decode(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.is_utf8() {
            return input;
        }
        Box::new(Decoder { input, charset: self.0, raw: Vec::new(), text: Vec::new(), at: 0 })
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
        // A file without rows has no mark.
        if !std::mem::replace(&mut self.begun, true) {
            self.bytes.extend(self.encoding.0.mark());
        }
        for c in text.chars() {
            if !self.encoding.0.encode_char(c, &mut self.bytes) {
                self.bytes.push(b'?');
            }
        }
        &self.bytes
    }
}

/// The name under which the encoding is given.
fn key(options: &OptionMap) -> &'static str {
    if options.get("encoding").is_some() { "encoding" } else { "charset" }
}

struct Decoder {
    input: Box<dyn Read + Send>,
    charset: Charset,
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
        if self.charset.is_marked() && self.raw.len() < Charset::MARK_BYTES && !at_end {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let mut out = String::with_capacity(raw.len());
        // The mark stays, as the first character of the text.
        (self.charset, _) = self.charset.of_start(&raw);
        let kept =
            self.charset.decode_part(&raw, at_end, |c| out.push(c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        self.raw = raw.get(raw.len() - kept..).unwrap_or_default().to_vec();
        self.text = out.into_bytes();
    }
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
