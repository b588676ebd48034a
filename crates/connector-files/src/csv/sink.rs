//! Writes rows into CSV files. Records are printed by `thalweg-values`.

use super::config::{byte, separator};
use crate::files::write::{FileSink, SinkFormat};
use crate::text::config::{line_separator, only_english, unsupported_type};
use crate::text::encoding::Encoding;
use crate::text::output::{Packing, TextFile, print_rules};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::{OptionMap, WriteRequest};
use thalweg_values::csv::CsvWriter;
use thalweg_values::display::columns_with_interval_texts;
use thalweg_values::print::can_print;

/// The options of writing CSV files.
#[derive(Debug, Clone)]
pub(super) struct CsvSink {
    header: bool,
    writer: Arc<CsvWriter>,
    packing: Packing,
    encoding: Encoding,
    extension: String,
}

impl CsvSink {
    /// Reads the options of a request.
    pub(super) fn from_request(request: &WriteRequest) -> Result<Self> {
        let options = &request.options;
        only_english(options)?;
        let escape = byte(options, "escape", Some(b'\\'))?.unwrap_or(0).into();
        let quote = byte(options, "quote", Some(b'"'))?.unwrap_or(0).into();
        let doubled = (escape != quote).then_some(escape);
        let writer = CsvWriter {
            separator: separator(options)?,
            quote,
            escape,
            escape_escape: match options.get("charToEscapeQuoteEscaping") {
                None => doubled,
                Some(_) => byte(options, "charToEscapeQuoteEscaping", None)?.map(char::from),
            },
            escape_quotes: options.flag("escapeQuotes", true)?,
            quote_all: options.flag("quoteAll", false)?,
            null_value: options.get("nullValue").unwrap_or_default().to_owned(),
            empty_value: options.get("emptyValue").unwrap_or("\"\"").to_owned(),
            // Unlike the reader, Spark's writer trims by default.
            trim_start: options.flag("ignoreLeadingWhiteSpace", true)?,
            trim_end: options.flag("ignoreTrailingWhiteSpace", true)?,
            line_separator: line_separator(options)?.unwrap_or_else(|| "\n".to_owned()),
            comment: byte(options, "comment", None)?.map_or('#', char::from),
            rules: print_rules(options, &request.time_zone)?,
        };
        Ok(Self {
            header: options.flag("header", false)?,
            writer: Arc::new(writer),
            packing: Packing::from_options(options)?,
            encoding: Encoding::of_writer(options)?,
            extension: extension(options)?,
        })
    }
}

impl SinkFormat for CsvSink {
    fn suffix(&self) -> String {
        format!(".{}{}", self.extension, self.packing.suffix())
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        let can = |t: &DataType| can_print(t) || matches!(t, DataType::Null | DataType::Binary);
        match schema.fields().iter().find(|f| !can(f.data_type())) {
            None => schema.fields().iter().try_for_each(|f| self.writer.rules.check(f.data_type())),
            Some(field) => Err(unsupported_type("CSV", field.name(), field.data_type())),
        }
    }

    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>> {
        let file = TextFile::new(file, path, (self.packing, self.encoding));
        let mut sink = Writer {
            file,
            schema: Arc::clone(schema),
            writer: Arc::clone(&self.writer),
            line: String::new(),
            cell: String::new(),
        };
        // Each file has a header, also one without rows.
        if self.header {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            sink.writer.header(&names, &mut sink.line);
            sink.file.write(&sink.line)?;
        }
        Ok(Box::new(sink))
    }
}

struct Writer {
    file: TextFile,
    schema: SchemaRef,
    writer: Arc<CsvWriter>,
    line: String,
    cell: String,
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns = columns_with_interval_texts(rows.columns(), &self.schema);
        for row in 0..rows.num_rows() {
            self.line.clear();
            self.writer.record(&columns, row, &mut self.cell, &mut self.line);
            self.file.write(&self.line)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

/// Reads the end of the files' names: three letters, `csv` by default.
fn extension(options: &OptionMap) -> Result<String> {
    let text = options.get("extension").unwrap_or("csv");
    if text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    Err(options.bad("extension", "three letters"))
}
