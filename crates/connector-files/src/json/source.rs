//! The rows of a JSON file, by Spark's modes.
//!
//! A record is one line, or with `multiLine` one file; an array is one row per element. What is not JSON, not an
//! object, or does not fit the schema is malformed. What stands after the first value is not read, as in Spark.

use super::config::JsonConfig;
use crate::files::lines::{Lines, is_compressed, read_whole};
use crate::files::{Batches, FileEntry, FileReader, Split};
use crate::text::config::{corrupt_place, unsupported_type};
use crate::text::rows::{self, Layout, Rows, Verdicts};
use arrow::array::ArrayRef;
use arrow::datatypes::{Fields, SchemaRef};
use std::borrow::Cow;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_storage::path::uri;
use thalweg_values::json::{ColumnBuilder, Fit, Json, Members, RowBuilder, Rules, is_blank, parse};

/// Reads JSON files of one schema.
#[derive(Debug)]
pub(super) struct JsonReader {
    schema: SchemaRef,
    config: Arc<JsonConfig>,
    corrupt: Option<usize>,
}

impl JsonReader {
    /// A reader of columns of `schema`; a type that JSON can't hold is refused.
    pub(super) fn new(schema: SchemaRef, config: JsonConfig) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|f| ColumnBuilder::new(f.data_type()).is_none()) {
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
        let layout = Layout::new(&self.schema, self.corrupt, self.config.mode, columns)?;
        let records = JsonRecords::new(self, split, &layout)?;
        Ok(Box::new(Rows::new(records, layout, self.config.mode)))
    }

    fn can_split(&self, file: &FileEntry) -> bool {
        let plain = self.config.encoding.is_utf8() && !is_compressed(&file.path);
        plain && !self.config.multi_line
    }
}

/// The raw records of a file.
pub(super) enum RawRecords {
    Lines(Lines),
    Whole { bytes: Option<Vec<u8>>, current: Vec<u8>, path: String },
}

impl RawRecords {
    pub(super) fn open(split: &Split, config: &JsonConfig) -> Result<Self> {
        if !config.multi_line {
            return Ok(Self::Lines(Lines::open(split, config.line_separator.as_deref(), config.encoding)?));
        }
        let path = &split.file.path;
        Ok(Self::Whole {
            bytes: Some(read_whole(path, config.encoding)?),
            current: Vec::new(),
            path: uri(path),
        })
    }

    /// The bytes of the next record that is not blank.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
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

    pub(super) fn place(&self) -> String {
        match self {
            Self::Lines(lines) => lines.place(),
            Self::Whole { path, .. } => path.clone(),
        }
    }
}

/// The records of one split as columns.
struct JsonRecords {
    raw: RawRecords,
    config: Arc<JsonConfig>,
    /// The columns that are built.
    rows: RowBuilder,
}

impl JsonRecords {
    fn new(reader: &JsonReader, split: &Split, layout: &Layout) -> Result<Self> {
        let all = reader.schema.fields();
        let fields: Fields = layout.built.iter().filter_map(|i| all.get(*i).cloned()).collect();
        reader.config.unreadable.check(&fields)?;
        let rows = RowBuilder::new(fields).ok_or_else(|| Error::internal("a column that JSON can't hold"))?;
        let raw = RawRecords::open(split, &reader.config)?;
        Ok(Self { raw, config: Arc::clone(&reader.config), rows })
    }
}

impl rows::Records for JsonRecords {
    /// An array of objects is a row for each; if one does not fit, the record does not.
    fn append_next(&mut self, verdicts: &mut Verdicts) -> Result<bool> {
        let Some(bytes) = self.raw.next()? else { return Ok(false) };
        let text = String::from_utf8_lossy(bytes);
        let value = match &text {
            Cow::Borrowed(text) => parse(text, self.config.lenience),
            Cow::Owned(_) => None,
        };
        let objects: Vec<&Members<'_>> = match &value {
            Some(Json::Object(members, _)) => vec![members],
            Some(Json::Array(items, _)) => items.iter().filter_map(members).collect(),
            _ => Vec::new(),
        };
        let is_whole = match &value {
            Some(Json::Array(items, _)) => items.len() == objects.len(),
            _ => !objects.is_empty(),
        };
        if value.is_none() && is_blank(&text, self.config.lenience) {
            return Ok(true);
        }
        if !is_whole {
            self.rows.append_null();
            verdicts.row(false, &text);
            return Ok(true);
        }
        let non_numeric = self.config.lenience.non_numeric_numbers;
        let rules = Rules { text: &self.config.rules, non_numeric, raw: true };
        let mut fits = true;
        for members in &objects {
            fits &= self.rows.append(members, rules) == Fit::Whole;
        }
        objects.iter().for_each(|_| verdicts.row(fits, &text));
        Ok(true)
    }

    fn place(&self) -> String {
        self.raw.place()
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows.finish()
    }
}

fn members<'a, 'b>(value: &'b Json<'a>) -> Option<&'b Members<'a>> {
    match value {
        Json::Object(members, _) => Some(members),
        _ => None,
    }
}
