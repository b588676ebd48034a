//! Writes text files, plain or as gzip. Errors name the file.

use super::encoding::{Encoder, Encoding};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_storage::durable::{sync_file, write_failed};
use thalweg_values::print::PrintRules;
use thalweg_values::zone::Zone;

const BUFFER_BYTES: usize = 256 * 1024;

/// The compression of text files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// Reads `compression` (or `codec`): none or gzip.
    pub(crate) fn from_options(options: &OptionMap) -> Result<Self> {
        let key = if options.get("compression").is_some() { "compression" } else { "codec" };
        match options.get(key).map(str::to_lowercase).as_deref() {
            None | Some("none" | "uncompressed") => Ok(Self::Plain),
            Some("gzip") => Ok(Self::Gzip),
            Some(_) => Err(options.bad(key, "none or gzip")),
        }
    }

    /// Returns the end that it adds to a file's name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
        }
    }
}

/// Reads the patterns by which dates and times are written.
pub(crate) fn print_rules(options: &OptionMap, time_zone: &str) -> Result<PrintRules> {
    let zone = Zone::named(options.get("timeZone").unwrap_or(time_zone))?;
    let [date, timestamp, timestamp_ntz] =
        ["dateFormat", "timestampFormat", "timestampNTZFormat"].map(|key| options.get(key));
    PrintRules::new(zone, date, timestamp, timestamp_ntz)
}

/// A text file that is being written.
pub(crate) struct TextFile {
    out: Out,
    encoder: Encoder,
    path: PathBuf,
}

enum Out {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl TextFile {
    pub(crate) fn new(file: File, path: &Path, (packing, encoding): (Packing, Encoding)) -> Self {
        // Rows are short, and each write to the file is a call of the system.
        let buffered = BufWriter::with_capacity(BUFFER_BYTES, file);
        let out = match packing {
            Packing::Plain => Out::Plain(buffered),
            Packing::Gzip => Out::Gzip(Box::new(GzEncoder::new(buffered, Compression::default()))),
        };
        Self { out, encoder: Encoder::new(encoding), path: path.to_owned() }
    }

    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        let bytes = self.encoder.encode(text);
        let written = match &mut self.out {
            Out::Plain(out) => out.write_all(bytes),
            Out::Gzip(out) => out.write_all(bytes),
        };
        written.map_err(|e| write_failed(&self.path, &e))
    }

    /// Writes what is left and makes the file durable.
    pub(crate) fn finish(self) -> Result<()> {
        // Each layer writes what it holds when it is unwrapped; dropped, it would ignore an error.
        let buffered = match self.out {
            Out::Plain(out) => Ok(out),
            Out::Gzip(out) => out.finish(),
        };
        let file = buffered.and_then(|b| b.into_inner().map_err(std::io::IntoInnerError::into_error));
        file.and_then(|f| sync_file(&f, &self.path)).map_err(|e| write_failed(&self.path, &e))
    }
}
