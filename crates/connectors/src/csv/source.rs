//! The rows of a CSV file, by Spark's modes.
//!
//! A record is malformed if it has another number of fields than the schema, a cell that is none
//! of its column's type, or bytes that are not UTF-8. Whether it is malformed never depends on
//! which columns are asked for, unless nobody would see the difference (PERMISSIVE without the
//! corrupt column). Blank lines and comments are no records.

use super::config::CsvConfig;
use super::record::Record;
use crate::files::lines::{Lines, is_compressed, read_whole};
use crate::files::path::uri;
use crate::files::{Batches, FileEntry, FileReader, Split};
use crate::text::cell::{CellBuilder, unsupported_type};
use crate::text::config::{Mode, corrupt_place, malformed};
use arrow::array::{ArrayRef, BooleanArray, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};

/// Rows of one batch.
const BATCH_ROWS: usize = 8192;

/// Reads CSV files of one schema.
#[derive(Debug)]
pub(super) struct CsvReader {
    schema: SchemaRef,
    config: Arc<CsvConfig>,
    /// Where the corrupt column stands in the schema.
    corrupt: Option<usize>,
}

impl CsvReader {
    /// A reader of columns of `schema`; a type that CSV can't hold is refused.
    pub fn new(schema: SchemaRef, config: CsvConfig) -> Result<Self> {
        if let Some(field) = schema.fields().iter().find(|f| CellBuilder::new(f.data_type()).is_none()) {
            return Err(unsupported_type("CSV", field.name(), field.data_type()));
        }
        let corrupt = corrupt_place(&schema, &config.corrupt_column)?;
        Ok(Self { schema, config: Arc::new(config), corrupt })
    }
}

impl FileReader for CsvReader {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches> {
        let mut records = Records::open(split, &self.config)?;
        if split.start == 0 && self.config.header {
            let place = uri(&split.file.path);
            let header = records.next()?.map(<[u8]>::to_vec);
            if let Some(header) = header.filter(|_| !self.config.enforce_schema) {
                self.check_header(&header, &place)?;
            }
        }
        Ok(Box::new(Rows::new(self, records, columns)?))
    }

    fn can_split(&self, file: &FileEntry) -> bool {
        !self.config.syntax.multi_line && !is_compressed(&file.path)
    }
}

impl CsvReader {
    fn check_header(&self, header: &[u8], place: &str) -> Result<()> {
        let text = String::from_utf8_lossy(header);
        let mut record = Record::default();
        record.parse(&text, &self.config.syntax);
        let names: Vec<_> = (0..record.len()).filter_map(|i| record.cell(&text, i)).map(|c| c.text).collect();
        let wanted: Vec<_> = (0..self.schema.fields().len())
            .filter(|i| Some(*i) != self.corrupt)
            .filter_map(|i| self.schema.fields().get(i))
            .map(|f| f.name().as_str())
            .collect();
        let same =
            names.len() == wanted.len() && names.iter().zip(&wanted).all(|(a, b)| a.eq_ignore_ascii_case(b));
        if same {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::IllegalArgument,
            "CSV_HEADER_MISMATCH",
            "22023",
            format!(
                "CSV header does not conform to the schema.\n Header: {}\n Schema: {}\nCSV file: {place}",
                names.join(", "),
                wanted.join(", ")
            ),
        )
        .param("path", place)
        .hint("Give the schema the names of the header, or set enforceSchema to true to ignore the header."))
    }
}

/// The raw records of a split, without blank lines and comments.
pub(super) enum Records {
    Lines { lines: Lines, comment: Option<u8> },
    Whole { text: String, at: usize, number: u64, path: String, config: Arc<CsvConfig>, record: Record },
}

impl Records {
    pub fn open(split: &Split, config: &CsvConfig) -> Result<Self> {
        if !config.syntax.multi_line {
            let lines = Lines::open(split, config.line_separator.as_deref())?;
            return Ok(Self::Lines { lines, comment: config.comment });
        }
        if config.line_separator.is_some() {
            return Err(Error::unsupported("the option `lineSep` together with `multiLine`"));
        }
        let path = uri(&split.file.path);
        let text = String::from_utf8(read_whole(&split.file.path)?)
            .map_err(|e| not_utf8(&path, e.utf8_error().valid_up_to()))?;
        Ok(Self::Whole {
            text,
            at: 0,
            number: 0,
            path,
            config: Arc::new(config.clone()),
            record: Record::default(),
        })
    }

    /// The bytes of the next record.
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::Lines { lines, comment } => next_line(lines, *comment),
            Self::Whole { text, at, number, config, record, .. } => {
                *number += 1;
                Ok(next_in_whole(text, at, config, record).and_then(|range| text.as_bytes().get(range)))
            }
        }
    }

    /// Where the last record stands.
    pub fn place(&self) -> String {
        match self {
            Self::Lines { lines, .. } => lines.place(),
            Self::Whole { number, path, .. } => format!("{path}, record {number}"),
        }
    }
}

fn next_line(lines: &mut Lines, comment: Option<u8>) -> Result<Option<&[u8]>> {
    loop {
        let Some(line) = lines.next()? else { return Ok(None) };
        if !is_skipped(line, comment) {
            return Ok(lines.current());
        }
    }
}

fn is_skipped(line: &[u8], comment: Option<u8>) -> bool {
    line.iter().all(|b| *b <= b' ') || (comment.is_some() && line.first().copied() == comment)
}

fn next_in_whole(
    text: &str,
    at: &mut usize,
    config: &CsvConfig,
    record: &mut Record,
) -> Option<std::ops::Range<usize>> {
    loop {
        let rest = text.get(*at..)?;
        let start = *at + rest.find(|c| !matches!(c, '\n' | '\r'))?;
        let rest = text.get(start..)?;
        let line_end = memchr::memchr2(b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
        if is_skipped(rest.as_bytes().get(..line_end)?, config.comment) {
            *at = start + line_end;
            continue;
        }
        *at = start + record.parse(rest, &config.syntax);
        return Some(start..*at);
    }
}

fn not_utf8(path: &str, at: usize) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "MALFORMED_CHARACTER_CODING",
        "22021",
        format!("The byte {at} of {path} is not UTF-8."),
    )
    .param("path", path)
}

/// The batches of one split.
struct Rows {
    records: Records,
    record: Record,
    config: Arc<CsvConfig>,
    /// One per column of the files that is built or checked; its place among a record's fields.
    cells: Vec<(usize, CellBuilder)>,
    corrupt: Option<StringBuilder>,
    /// For each column asked for, the builder: an index into `cells`, or the corrupt column.
    output: Vec<Option<usize>>,
    width: usize,
    schema: SchemaRef,
    done: bool,
}

impl Rows {
    fn new(reader: &CsvReader, records: Records, columns: &[usize]) -> Result<Self> {
        let corrupt_asked = reader.corrupt.is_some_and(|c| columns.contains(&c));
        let checks_all = reader.config.mode != Mode::Permissive || corrupt_asked;
        let fields = reader.schema.fields();
        let mut cells = Vec::new();
        let mut places = vec![None; fields.len()];
        for (index, field) in fields.iter().enumerate() {
            if Some(index) == reader.corrupt || !(checks_all || columns.contains(&index)) {
                continue;
            }
            // The corrupt column is none of the record's fields.
            let place = index - usize::from(reader.corrupt.is_some_and(|c| c < index));
            let builder = CellBuilder::new(field.data_type())
                .ok_or_else(|| unsupported_type("CSV", field.name(), field.data_type()))?;
            if let Some(slot) = places.get_mut(index) {
                *slot = Some(cells.len());
            }
            cells.push((place, builder));
        }
        let schema =
            reader.schema.project(columns).map_err(|e| Error::internal(format!("a projection: {e}")))?;
        Ok(Self {
            records,
            record: Record::default(),
            config: Arc::clone(&reader.config),
            cells,
            corrupt: corrupt_asked.then(StringBuilder::new),
            output: columns.iter().map(|c| places.get(*c).copied().flatten()).collect(),
            width: fields.len() - usize::from(reader.corrupt.is_some()),
            schema: Arc::new(schema),
            done: false,
        })
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut rows, mut kept) = (0, Vec::new());
        while rows < BATCH_ROWS {
            let Some(bytes) = self.records.next()? else { break };
            let (text, is_utf8) = match std::str::from_utf8(bytes) {
                Ok(text) => (std::borrow::Cow::Borrowed(text), true),
                Err(_) => (String::from_utf8_lossy(bytes), false),
            };
            let row = RowContext { config: &self.config, width: self.width, is_utf8 };
            let fits = row.append(&text, &mut self.record, &mut self.cells)?;
            if let Some(corrupt) = &mut self.corrupt {
                corrupt.append_option((!fits).then_some(text.as_ref()));
            }
            if !fits && self.config.mode == Mode::FailFast {
                let text = text.into_owned();
                return Err(malformed(&text, &self.records.place()));
            }
            kept.push(fits || self.config.mode == Mode::Permissive);
            rows += 1;
        }
        self.done = rows < BATCH_ROWS;
        if rows == 0 { Ok(None) } else { self.finish(rows, &kept).map(Some) }
    }

    fn finish(&mut self, rows: usize, kept: &[bool]) -> Result<RecordBatch> {
        let cells: Vec<ArrayRef> = self.cells.iter_mut().map(|(_, b)| b.finish()).collect();
        let corrupt: Option<ArrayRef> = self.corrupt.as_mut().map(|b| Arc::new(b.finish()) as ArrayRef);
        let array = |place: &Option<usize>| match place {
            Some(index) => cells.get(*index).cloned(),
            None => corrupt.clone(),
        };
        let arrays: Option<Vec<ArrayRef>> = self.output.iter().map(array).collect();
        let arrays = arrays.ok_or_else(|| Error::internal("a column of a CSV file was not built"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let wrong = |e| Error::internal(format!("a batch of CSV rows: {e}"));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(wrong)?;
        if kept.iter().all(|k| *k) {
            return Ok(batch);
        }
        filter_record_batch(&batch, &BooleanArray::from(kept.to_vec())).map_err(wrong)
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

/// What every row of a file is judged by.
struct RowContext<'a> {
    config: &'a CsvConfig,
    width: usize,
    is_utf8: bool,
}

impl RowContext<'_> {
    /// Appends one value or null per builder; whether the record fits.
    fn append(&self, text: &str, record: &mut Record, cells: &mut [(usize, CellBuilder)]) -> Result<bool> {
        record.parse(text, &self.config.syntax);
        self.check_limits(record, text)?;
        let mut fits = self.is_utf8 && record.len() == self.width;
        for (place, builder) in cells {
            let cell = record.cell(text, *place).filter(|_| self.is_utf8);
            let value = cell.and_then(|c| match c.text {
                "" if c.quoted => Some(self.config.empty_value.as_str()),
                "" => None,
                text => Some(text),
            });
            let Some(value) = value.filter(|v| *v != self.config.null_value) else {
                builder.append_null();
                continue;
            };
            if !builder.append(value, &self.config.rules) {
                builder.append_null();
                fits = false;
            }
        }
        Ok(fits)
    }

    fn check_limits(&self, record: &Record, text: &str) -> Result<()> {
        let too_long = |max: usize| {
            text.len() > max
                && (0..record.len())
                    .filter_map(|i| record.cell(text, i))
                    .any(|c| c.text.chars().count() > max)
        };
        let (key, max) = match self.config.cell_chars_max {
            _ if record.len() > self.config.columns_max => ("maxColumns", self.config.columns_max),
            Some(max) if too_long(max) => ("maxCharsPerColumn", max),
            _ => return Ok(()),
        };
        Err(Error::new(
            ErrorKind::Runtime,
            "MALFORMED_CSV_RECORD",
            "KD000",
            format!("Malformed CSV record: more than the option `{key}` = {max} allows."),
        )
        .param("option", key))
    }
}
