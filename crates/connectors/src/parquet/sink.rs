//! Rows into one Parquet file.

use crate::OptionMap;
use crate::files::durable::write_failed;
use crate::files::write::{FileSink, SinkFormat};
use crate::text::cell::unsupported_type;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// How Parquet files are written.
#[derive(Debug, Clone)]
pub(crate) struct ParquetSink {
    compression: Compression,
    suffix: &'static str,
}

impl ParquetSink {
    /// Reads `compression`: snappy (the default), zstd or none.
    pub fn from_options(options: &OptionMap) -> Result<Self> {
        let key = if options.get("compression").is_some() { "compression" } else { "parquet.compression" };
        let (compression, suffix) = match options.get(key).map(str::to_lowercase).as_deref() {
            None | Some("snappy") => (Compression::SNAPPY, ".snappy.parquet"),
            Some("zstd") => (Compression::ZSTD(ZstdLevel::default()), ".zstd.parquet"),
            Some("none" | "uncompressed") => (Compression::UNCOMPRESSED, ".parquet"),
            Some(_) => return Err(options.bad(key, "snappy, zstd, none or uncompressed")),
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
        let properties = WriterProperties::builder().set_compression(self.compression).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)
            .map_err(|e| failed(path, e))?;
        Ok(Box::new(Writer { writer, path: path.to_owned() }))
    }
}

fn can_hold(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Duration(_) | DataType::Interval(_) => false,
        DataType::List(f) | DataType::Map(f, _) => can_hold(f.data_type()),
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|f| can_hold(f.data_type())),
        _ => true,
    }
}

struct Writer {
    writer: ArrowWriter<File>,
    path: PathBuf,
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).map_err(|e| failed(&self.path, e))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { writer, path } = *self;
        // Writes the footer too.
        let file = writer.into_inner().map_err(|e| failed(&path, e))?;
        file.sync_all().map_err(|e| write_failed(&path, &e))
    }
}

/// A full disk reaches us inside Parquet's error; the system's error tells more.
fn failed(path: &Path, error: parquet::errors::ParquetError) -> Error {
    let io = match error {
        parquet::errors::ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    write_failed(path, &io)
}
