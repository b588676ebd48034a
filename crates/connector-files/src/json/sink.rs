//! Writes rows into JSON files, an object on each line. Objects are printed by `thalweg-values`.

use crate::files::write::{FileSink, SinkFormat};
use crate::text::config::{line_separator, only_english, unsupported_type};
use crate::text::encoding::Encoding;
use crate::text::output::{Packing, TextFile, print_rules};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::WriteRequest;
use thalweg_values::display::columns_with_interval_texts;
use thalweg_values::json::{JsonWriter, can_write};

/// The options of writing JSON files.
#[derive(Debug, Clone)]
pub(super) struct JsonSink {
    writer: Arc<JsonWriter>,
    line_separator: String,
    packing: Packing,
    encoding: Encoding,
}

impl JsonSink {
    /// Reads the options of a request.
    pub(super) fn from_request(request: &WriteRequest) -> Result<Self> {
        let options = &request.options;
        only_english(options)?;
        let writer = JsonWriter {
            rules: print_rules(options, &request.time_zone)?,
            skip_nulls: options.flag("ignoreNullFields", true)?,
        };
        Ok(Self {
            writer: Arc::new(writer),
            line_separator: line_separator(options)?.unwrap_or_else(|| "\n".to_owned()),
            packing: Packing::from_options(options)?,
            encoding: Encoding::of_writer(options)?,
        })
    }
}

impl SinkFormat for JsonSink {
    fn suffix(&self) -> String {
        format!(".json{}", self.packing.suffix())
    }

    fn check(&self, schema: &SchemaRef) -> Result<()> {
        match schema.fields().iter().find(|f| !can_write(f.data_type())) {
            None => schema.fields().iter().try_for_each(|f| self.writer.rules.check(f.data_type())),
            Some(field) => Err(unsupported_type("JSON", field.name(), field.data_type())),
        }
    }

    fn create(&self, file: File, path: &Path, schema: &SchemaRef) -> Result<Box<dyn FileSink>> {
        let names = schema.fields().iter().map(|f| f.name().clone()).collect();
        let file = TextFile::new(file, path, (self.packing, self.encoding));
        let schema = Arc::clone(schema);
        Ok(Box::new(Writer { file, schema, names, sink: self.clone(), line: String::new() }))
    }
}

struct Writer {
    file: TextFile,
    schema: SchemaRef,
    names: Vec<String>,
    sink: JsonSink,
    line: String,
}

impl FileSink for Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns = columns_with_interval_texts(rows.columns(), &self.schema);
        for row in 0..rows.num_rows() {
            self.line.clear();
            self.sink.writer.object(&self.names, &columns, row, &mut self.line);
            self.line.push_str(&self.sink.line_separator);
            self.file.write(&self.line)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}
