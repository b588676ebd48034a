//! The rows of a JSON file, by Spark's modes.
//!
//! A record is one line, or with `multiLine` one file; an array is one row per element. What is
//! no JSON, no object, or does not fit the schema is malformed; so is anything after the value.

use super::config::JsonConfig;
use super::parse::{Json, parse};
use super::value::{Builder, append_members};
use crate::files::lines::{Lines, is_compressed, read_whole};
use crate::files::path::uri;
use crate::files::{Batches, FileEntry, FileReader, Split};
use crate::text::cell::unsupported_type;
use crate::text::config::{Mode, corrupt_place, malformed};
use arrow::array::{ArrayRef, BooleanArray, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Fields, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;
use thalweg_common::{Error, Result};

const BATCH_ROWS: usize = 8192;

/// Reads JSON files of one schema.
#[derive(Debug)]
pub(super) struct JsonReader {
    schema: SchemaRef,
    config: Arc<JsonConfig>,
    corrupt: Option<usize>,
}

impl JsonReader {
    /// A reader of columns of `schema`; a type that JSON can't hold is refused.
    pub fn new(schema: SchemaRef, config: JsonConfig) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|f| Builder::new(f.data_type()).is_none()) {
            return Err(unsupported_type("JSON", field.name(), field.data_type()));
        }
        let corrupt = corrupt_place(&schema, &config.corrupt_column)?;
        Ok(Self { schema, config: Arc::new(config), corrupt })
    }
}

impl FileReader for JsonReader {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches> {
        Ok(Box::new(Rows::new(self, split, columns)?))
    }

    fn can_split(&self, file: &FileEntry) -> bool {
        !self.config.multi_line && !is_compressed(&file.path)
    }
}

/// The raw records of a file.
pub(super) enum Records {
    Lines(Lines),
    Whole { bytes: Option<Vec<u8>>, current: Vec<u8>, path: String },
}

impl Records {
    pub fn open(split: &Split, config: &JsonConfig) -> Result<Self> {
        if !config.multi_line {
            return Ok(Self::Lines(Lines::open(split, config.line_separator.as_deref())?));
        }
        let path = &split.file.path;
        Ok(Self::Whole { bytes: Some(read_whole(path)?), current: Vec::new(), path: uri(path) })
    }

    /// The bytes of the next record that is not blank.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::Lines(lines) => {
                while let Some(line) = lines.next()? {
                    if !line.iter().all(u8::is_ascii_whitespace) {
                        return Ok(lines.current());
                    }
                }
                Ok(None)
            }
            Self::Whole { bytes, current, .. } => match bytes.take() {
                Some(all) if !all.iter().all(u8::is_ascii_whitespace) => {
                    *current = all;
                    Ok(Some(current))
                }
                _ => Ok(None),
            },
        }
    }

    pub fn place(&self) -> String {
        match self {
            Self::Lines(lines) => lines.place(),
            Self::Whole { path, .. } => path.clone(),
        }
    }
}

struct Rows {
    records: Records,
    config: Arc<JsonConfig>,
    /// The fields that are built or checked, in the order of `columns`.
    fields: Fields,
    columns: Vec<Builder>,
    corrupt: Option<StringBuilder>,
    /// For each column asked for, the builder: an index into `columns`, or the corrupt column.
    output: Vec<Option<usize>>,
    schema: SchemaRef,
    kept: Vec<bool>,
    done: bool,
}

impl Rows {
    fn new(reader: &JsonReader, split: &Split, asked: &[usize]) -> Result<Self> {
        let corrupt_asked = reader.corrupt.is_some_and(|c| asked.contains(&c));
        let checks_all = reader.config.mode != Mode::Permissive || corrupt_asked;
        let all = reader.schema.fields();
        let built: Vec<usize> = (0..all.len())
            .filter(|i| Some(*i) != reader.corrupt && (checks_all || asked.contains(i)))
            .collect();
        let fields: Fields = built.iter().filter_map(|i| all.get(*i).cloned()).collect();
        let builder = |f: &Arc<arrow::datatypes::Field>| {
            Builder::new(f.data_type()).ok_or_else(|| unsupported_type("JSON", f.name(), f.data_type()))
        };
        let columns = fields.iter().map(builder).collect::<Result<Vec<_>>>()?;
        let schema =
            reader.schema.project(asked).map_err(|e| Error::internal(format!("a projection: {e}")))?;
        Ok(Self {
            records: Records::open(split, &reader.config)?,
            config: Arc::clone(&reader.config),
            fields,
            columns,
            corrupt: corrupt_asked.then(StringBuilder::new),
            output: asked.iter().map(|c| built.iter().position(|b| b == c)).collect(),
            schema: Arc::new(schema),
            kept: Vec::new(),
            done: false,
        })
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.kept.len() < BATCH_ROWS {
            let Some(bytes) = self.records.next()? else {
                self.done = true;
                break;
            };
            let text = String::from_utf8_lossy(bytes);
            let utf8 = matches!(text, std::borrow::Cow::Borrowed(_));
            let mut target = Target {
                config: &self.config,
                fields: &self.fields,
                columns: &mut self.columns,
                corrupt: self.corrupt.as_mut(),
                kept: &mut self.kept,
            };
            if !target.append(&text, utf8) && self.config.mode == Mode::FailFast {
                let text = text.into_owned();
                return Err(malformed(&text, &self.records.place()));
            }
        }
        if self.kept.is_empty() { Ok(None) } else { self.finish().map(Some) }
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let kept = std::mem::take(&mut self.kept);
        let columns = self.columns.iter_mut().map(Builder::finish).collect::<Result<Vec<_>>>()?;
        let corrupt: Option<ArrayRef> = self.corrupt.as_mut().map(|b| Arc::new(b.finish()) as ArrayRef);
        let array = |place: &Option<usize>| match place {
            Some(index) => columns.get(*index).cloned(),
            None => corrupt.clone(),
        };
        let arrays: Option<Vec<ArrayRef>> = self.output.iter().map(array).collect();
        let arrays = arrays.ok_or_else(|| Error::internal("a column of a JSON file was not built"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let wrong = |e| Error::internal(format!("a batch of JSON rows: {e}"));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(wrong)?;
        if kept.iter().all(|k| *k) {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::from(kept)).map_err(wrong)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.batch();
        self.done |= batch.is_err();
        batch.transpose()
    }
}

/// Where the rows of a record go.
struct Target<'a> {
    config: &'a JsonConfig,
    fields: &'a Fields,
    columns: &'a mut [Builder],
    corrupt: Option<&'a mut StringBuilder>,
    kept: &'a mut Vec<bool>,
}

impl Target<'_> {
    /// Appends the rows of a record; whether all of them fit.
    fn append(&mut self, text: &str, is_utf8: bool) -> bool {
        let value = if is_utf8 { parse(text, self.config.lenience) } else { None };
        match value {
            Some(Json::Array(items)) => {
                items.iter().filter(|item| self.row(Some(item), text)).count() == items.len()
            }
            other => self.row(other.as_ref(), text),
        }
    }

    fn row(&mut self, value: Option<&Json<'_>>, text: &str) -> bool {
        let fits = match value {
            Some(Json::Object(members)) => {
                append_members(self.fields, self.columns, members, &self.config.rules)
            }
            _ => {
                self.columns.iter_mut().for_each(Builder::append_null);
                false
            }
        };
        if let Some(corrupt) = &mut self.corrupt {
            corrupt.append_option((!fits).then_some(text));
        }
        self.kept.push(fits || self.config.mode == Mode::Permissive);
        fits
    }
}
