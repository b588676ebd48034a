//! Reads the rows of JSON files, by Spark's modes.
//!
//! A record is one line, or with `multiLine` one file; each element of an array is a row. A record that is not JSON,
//! not an object, or does not fit the schema is malformed. What follows its first value is not read, as in Spark.

use super::config::JsonConfig;
use crate::files::lines::{Lines, read_whole};
use crate::files::{Batches, FileEntry, FileReader, Split};
use crate::text::rows::{self, Columns, Layout, Rows, Verdicts};
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
    columns: Columns,
    config: Arc<JsonConfig>,
}

impl JsonReader {
    /// Creates a reader of columns of `schema`; a type that JSON cannot hold is refused.
    pub(super) fn new(schema: SchemaRef, config: JsonConfig) -> Result<Self> {
        let columns =
            Columns::new("JSON", schema, &config.corrupt_column, |t| ColumnBuilder::new(t).is_some())?;
        Ok(Self { columns, config: Arc::new(config) })
    }
}

impl FileReader for JsonReader {
    fn schema(&self) -> &SchemaRef {
        &self.columns.schema
    }

    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches> {
        let layout = Layout::new(&self.columns, self.config.mode, columns)?;
        let records = JsonRecords::new(self, split, &layout)?;
        Ok(Box::new(Rows::new(records, layout, self.config.mode)))
    }

    fn can_split(&self, file: &FileEntry) -> bool {
        self.config.encoding.can_split(&file.path, self.config.multi_line)
    }
}

/// The raw records of a file.
pub(super) enum RawRecords {
    Lines(Lines),
    Whole { bytes: Option<Vec<u8>>, current: Vec<u8>, path: String },
}

impl RawRecords {
    pub(super) fn open(split: &Split, config: &JsonConfig) -> Result<Self> {
        // Lines are read as they are needed; a value across lines needs the whole file.
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

    /// Returns the bytes of the next record that is not blank.
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
        let all = reader.columns.schema.fields();
        let fields: Fields = layout.built.iter().filter_map(|i| all.get(*i).cloned()).collect();
        reader.config.unreadable.check(&fields)?;
        let rows = RowBuilder::new(fields).ok_or_else(|| Error::internal("a column that JSON can't hold"))?;
        let raw = RawRecords::open(split, &reader.config)?;
        Ok(Self { raw, config: Arc::clone(&reader.config), rows })
    }
}

impl rows::Records for JsonRecords {
    /// Appends a row for each object of an array. If one does not fit, the record does not.
    fn append_next(&mut self, verdicts: &mut Verdicts) -> Result<bool> {
        let Some(bytes) = self.raw.next()? else { return Ok(false) };
        let text = String::from_utf8_lossy(bytes);
        let value = match &text {
            Cow::Borrowed(text) => parse(text, self.config.lenience),
            // Bytes that are not UTF-8 were replaced. The record is malformed.
            Cow::Owned(_) => None,
        };
        let objects: Vec<&Members<'_>> = match &value {
            Some(Json::Object(members, _)) => vec![members],
            Some(Json::Array(items, _)) => items.iter().filter_map(members).collect(),
            _ => Vec::new(),
        };
        // An array with anything but objects is malformed as a whole.
        let is_whole = match &value {
            Some(Json::Array(items, _)) => items.len() == objects.len(),
            _ => !objects.is_empty(),
        };
        // Only comments, for example: no row, and not malformed either.
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
        // Known after the last object: each row of a record that does not fit gets the record's text.
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
