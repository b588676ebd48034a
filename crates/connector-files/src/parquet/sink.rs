//! Writes rows into Parquet files.

use crate::files::write::{FileSink, SinkFormat};
use crate::text::config::unsupported_type;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;
use thalweg_storage::durable::{sync_file, write_failed};

/// The options of writing Parquet files. [`SinkFormat`] has an example.
#[derive(Debug, Clone)]
pub struct ParquetSink {
    compression: Compression,
    suffix: &'static str,
}

impl ParquetSink {
    /// Reads `compression`; snappy is the default.
    ///
    /// # Errors
    /// `INVALID_OPTION_VALUE` for a codec that is not supported.
    pub fn from_options(options: &OptionMap) -> Result<Self> {
        let key = if options.get("compression").is_some() { "compression" } else { "parquet.compression" };
        let (compression, suffix) = match options.get(key).map(str::to_lowercase).as_deref() {
            None | Some("snappy") => (Compression::SNAPPY, ".snappy.parquet"),
            Some("zstd") => (Compression::ZSTD(ZstdLevel::default()), ".zstd.parquet"),
            Some("gzip") => (Compression::GZIP(GzipLevel::default()), ".gz.parquet"),
            Some("lz4") => (Compression::LZ4, ".lz4hadoop.parquet"),
            Some("lz4_raw" | "lz4raw") => (Compression::LZ4_RAW, ".lz4raw.parquet"),
            Some("none" | "uncompressed") => (Compression::UNCOMPRESSED, ".parquet"),
            Some(_) => {
                return Err(options.bad(key, "snappy, zstd, gzip, lz4, lz4_raw, none or uncompressed"));
            }
        };
        Ok(Self { compression, suffix })
    }
}

impl SinkFormat for ParquetSink {
    fn suffix(&self) -> String {
        self.suffix.to_owned()
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        match schema.fields().iter().find(|f| !can_hold(f.data_type())) {
            None => Ok(()),
            Some(field) => Err(unsupported_type("Parquet", field.name(), field.data_type())),
        }
    }

    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>> {
        // Spark and Delta do not read Arrow's schema in the footer, so a type must not depend on it.
        let properties = WriterProperties::builder().set_compression(self.compression).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let errors = Arc::default();
        let file = Noted { file, errors: Arc::clone(&errors) };
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)
            .map_err(|e| failed(path, &errors, e))?;
        Ok(Box::new(Writer { writer, path: path.to_owned(), errors }))
    }
}

/// Returns whether Parquet files can hold values of the type.
pub fn can_hold(data_type: &DataType) -> bool {
    match data_type {
        // Spark keeps the type of an interval in metadata of its own, which is not written here.
        DataType::Null | DataType::Duration(_) | DataType::Interval(_) => false,
        DataType::List(f) | DataType::Map(f, _) => can_hold(f.data_type()),
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|f| can_hold(f.data_type())),
        _ => true,
    }
}

struct Writer {
    writer: ArrowWriter<Noted>,
    path: PathBuf,
    errors: Arc<Mutex<Option<std::io::Error>>>,
}

/// A file that keeps the system's last error. Parquet's errors have only its text, and a full disk is known by its
/// kind.
struct Noted {
    file: File,
    errors: Arc<Mutex<Option<std::io::Error>>>,
}

impl Noted {
    fn note<T>(&self, result: std::io::Result<T>) -> std::io::Result<T> {
        if let Err(e) = &result {
            // An I/O error cannot be cloned, so it is made again from its number.
            let copy = e.raw_os_error().map_or_else(|| e.kind().into(), std::io::Error::from_raw_os_error);
            *lock(&self.errors) = Some(copy);
        }
        result
    }
}

impl Write for Noted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.file.flush();
        self.note(flushed)
    }
}

impl Writer {
    fn failed(&self, error: parquet::errors::ParquetError) -> Error {
        failed(&self.path, &self.errors, error)
    }
}

fn failed(
    path: &Path,
    errors: &Mutex<Option<std::io::Error>>,
    error: parquet::errors::ParquetError,
) -> Error {
    let noted = lock(errors).take();
    write_failed(path, &noted.unwrap_or_else(|| std::io::Error::other(error)))
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).map_err(|e| self.failed(e))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { writer, path, errors } = *self;
        // Writes the last row group and the footer.
        let noted = writer.into_inner().map_err(|e| failed(&path, &errors, e))?;
        sync_file(&noted.file, &path).map_err(|e| write_failed(&path, &e))
    }
}
