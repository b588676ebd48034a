//! Reads the lines of a file, or of a byte range of one.
//!
//! A reader of `[start, end)` with a start above 0 skips up to the first separator and continues to the line that
//! crosses `end`. So the ranges of a file yield each line once. Files named `.gz` are unpacked; other compressions are
//! refused by name. A line longer than [`LINE_BYTES_MAX`] is an error.

use super::Split;
use super::io::FileReadAt;
use super::list::read_failed;
use crate::text::encoding::Encoding;
use memchr::{memchr2, memmem};
use std::io::Read;
use std::path::{Path, PathBuf};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;

/// The longest line, and with `multiLine` the largest file, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 30;
const CHUNK_BYTES: usize = 256 * 1024;
const OTHER_COMPRESSIONS: [&str; 7] = ["bz2", "deflate", "lz4", "snappy", "zst", "zstd", "xz"];

/// Reads lines into a buffer of its own.
pub(crate) struct Lines {
    input: Box<dyn Read + Send>,
    path: PathBuf,
    separator: Option<Vec<u8>>,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that are not consumed yet.
    unread: std::ops::Range<usize>,
    /// Position in the (unpacked) file of the next line.
    offset: u64,
    end: u64,
    number: Option<u64>,
    at_end: bool,
    /// The line that was yielded last.
    last: std::ops::Range<usize>,
}

impl Lines {
    /// Opens a split; without a separator, lines end with `\n`, `\r\n` or `\r`.
    pub(crate) fn open(split: &Split, separator: Option<&str>, encoding: Encoding) -> Result<Self> {
        // The end of the range is a position in the file, not in the decoded text.
        let is_whole = !encoding.is_utf8() && split.start == 0;
        let mut lines = Self {
            input: encoding.decode(open(&split.file.path, split.start)?),
            path: split.file.path.clone(),
            separator: separator.map(|s| s.as_bytes().to_vec()),
            buffer: Vec::new(),
            unread: 0..0,
            offset: split.start,
            end: if is_whole { u64::MAX } else { split.end },
            number: (split.start == 0).then_some(0),
            at_end: false,
            last: 0..0,
        };
        // The reader of the range before yields the line that crosses the start, also one that begins exactly there.
        if split.start > 0 {
            lines.take()?;
        } else {
            lines.skip_byte_order_mark()?;
        }
        Ok(lines)
    }

    /// Returns the next line that belongs to the split, without its separator.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        // A line that begins exactly at the end is this split's: the next one skips its first line.
        if self.offset > self.end {
            return Ok(None);
        }
        let Some(range) = self.take()? else { return Ok(None) };
        self.number = self.number.map(|n| n + 1);
        self.last = range;
        Ok(self.current())
    }

    /// Returns the line that [`Lines::next`] returned last.
    pub(crate) fn current(&self) -> Option<&[u8]> {
        self.buffer.get(self.last.clone())
    }

    /// Returns where the last line is, for messages: `file:/a.csv, line 7`.
    pub(crate) fn place(&self) -> String {
        match self.number {
            Some(n) => format!("{}, line {n}", uri(&self.path)),
            // Within a file nobody has counted the lines before.
            None => format!("{}, before byte {}", uri(&self.path), self.offset),
        }
    }

    fn skip_byte_order_mark(&mut self) -> Result<()> {
        while self.unread.len() < 3 && !self.at_end {
            self.fill()?;
        }
        if self.buffer.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.unread.start = 3;
            self.offset = 3;
        }
        Ok(())
    }

    /// Consumes one line and its separator; returns the range of the line in the buffer.
    fn take(&mut self) -> Result<Option<std::ops::Range<usize>>> {
        let mut searched = 0;
        loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            if let Some((length, separator)) = self.find(unread, searched) {
                let start = self.unread.start;
                self.unread.start += length + separator;
                self.offset += (length + separator) as u64;
                return Ok(Some(start..start + length));
            }
            if self.at_end {
                let rest = self.unread.clone();
                self.unread.start = self.unread.end;
                self.offset += rest.len() as u64;
                return Ok((!rest.is_empty()).then_some(rest));
            }
            // A separator may straddle what is read next.
            searched = unread.len().saturating_sub(self.separator.as_ref().map_or(1, Vec::len));
            self.fill()?;
        }
    }

    /// Returns the lengths of the first line of `bytes` and of its separator, if the line ends in them.
    fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let tail = bytes.get(from..)?;
        if let Some(separator) = &self.separator {
            return memmem::find(tail, separator).map(|at| (from + at, separator.len()));
        }
        let at = from + memchr2(b'\n', b'\r', tail)?;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some((at, 2)),
            // A line feed may follow in the next chunk.
            (Some(b'\r'), None) if !self.at_end => None,
            _ => Some((at, 1)),
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.unread.start);
        let held = self.unread.len();
        if held > LINE_BYTES_MAX {
            return Err(too_long(&self.path));
        }
        // The buffer doubles, so that a long line is not searched once for each chunk of it.
        self.buffer.resize(held + CHUNK_BYTES.max(held), 0);
        let room = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.input.read(room).map_err(|e| broken(&self.path, &e))?;
        self.buffer.truncate(held + read);
        self.unread = 0..held + read;
        self.at_end = read == 0;
        Ok(())
    }
}

/// Reads all bytes of a file, unpacked, without a byte order mark.
pub(crate) fn read_whole(path: &Path, encoding: Encoding) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than is allowed, to find out that there are more.
    let limit = LINE_BYTES_MAX as u64 + 1;
    let input = encoding.decode(open(path, 0)?);
    input.take(limit).read_to_end(&mut bytes).map_err(|e| broken(path, &e))?;
    if bytes.len() > LINE_BYTES_MAX {
        return Err(too_long(path));
    }
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// Returns whether a file has to be read from its start.
pub(crate) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "gz")
}

fn open(path: &Path, start: u64) -> Result<Box<dyn Read + Send>> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    // Spark unpacks these by their names. Read as text they would give rows without sense.
    if OTHER_COMPRESSIONS.contains(&extension.as_str()) {
        return Err(Error::unsupported(format!("the compression of {}", uri(path)))
            .hint("Text files are read plain or as .gz."));
    }
    // Only a file that is not compressed has a start above 0: others are not split.
    let file = FileReadAt::open(path, start).map_err(|e| read_failed(path, &e))?;
    Ok(if extension == "gz" { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Returns the error for a file whose bytes cannot be read.
fn broken(path: &Path, cause: &std::io::Error) -> Error {
    let error = read_failed(path, cause);
    if is_compressed(path) { error.hint("Is it a complete gzip file?") } else { error }
}

fn too_long(path: &Path) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "RECORD_TOO_LARGE",
        "54000",
        format!("A record of {} has more than {LINE_BYTES_MAX} bytes.", uri(path)),
    )
    .hint("Check the line separator and, with multiLine, that each quote is closed.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::FileEntry;
    use super::*;
    use std::sync::Arc;

    fn read(content: &[u8], name: &str, range: (u64, u64), separator: Option<&str>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let file = FileEntry { path, size_bytes: content.len() as u64, modified_us: 0, folders: vec![] };
        let split = Split { file: Arc::new(file), start: range.0, end: range.1 };
        let mut lines = Lines::open(&split, separator, Encoding::UTF8).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(String::from_utf8_lossy(line).into_owned());
        }
        found
    }

    #[test]
    fn every_line_ending_ends_a_line() {
        assert_eq!(read(b"a\nb\r\nc\rd", "x", (0, 99), None), ["a", "b", "c", "d"]);
        assert_eq!(read(b"\xEF\xBB\xBFa\n\nb\n", "x", (0, 99), None), ["a", "", "b"]);
        assert_eq!(read(b"a|b\n|c", "x", (0, 99), Some("|")), ["a", "b\n", "c"]);
        assert!(read(b"", "x", (0, 0), None).is_empty());
    }

    #[test]
    fn ranges_share_the_lines_of_a_file_out() {
        let text = b"one\r\ntwo\nthree\n\nfour\rfive";
        let whole = read(text, "x", (0, text.len() as u64), None);
        for cut in 0..=text.len() as u64 {
            let mut both = read(text, "x", (0, cut), None);
            both.extend(if cut == 0 { vec![] } else { read(text, "x", (cut, text.len() as u64), None) });
            let wanted = if cut == 0 { vec!["one".to_owned()] } else { whole.clone() };
            assert_eq!(both, wanted, "cut at {cut}");
        }
    }

    #[test]
    fn lines_longer_than_a_chunk_are_whole() {
        let long = "x".repeat(CHUNK_BYTES * 3 + 7);
        let text = format!("a\n{long}\r\nb");
        assert_eq!(read(text.as_bytes(), "x", (0, u64::MAX - 1), None), ["a", long.as_str(), "b"]);
    }
}
