//! Reads the rows of CSV files, by Spark's modes.
//!
//! A record is malformed if it has another number of fields than the schema, a cell that is not of its column's type,
//! or bytes that are not UTF-8. Whether it is malformed does not depend on the columns that are asked for, unless the
//! difference cannot be seen (PERMISSIVE without the corrupt column). Blank lines and comments are not records.

use super::config::CsvConfig;
use crate::files::lines::{Lines, read_whole};
use crate::files::{Batches, FileEntry, FileReader, Split};
use crate::text::config::unsupported_type;
use crate::text::rows::{self, Columns, Layout, Rows, Verdicts};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use std::borrow::Cow;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;
use thalweg_values::cell::CellBuilder;
use thalweg_values::csv::{Record, Syntax};
use thalweg_values::names::same_name;

/// Reads CSV files of one schema.
#[derive(Debug)]
pub(super) struct CsvReader {
    columns: Columns,
    config: Arc<CsvConfig>,
}

impl CsvReader {
    /// Creates a reader of columns of `schema`; a type that CSV cannot hold is refused.
    pub(super) fn new(schema: SchemaRef, config: CsvConfig) -> Result<Self> {
        let columns = Columns::new("CSV", schema, &config.corrupt_column, |t| CellBuilder::new(t).is_some())?;
        Ok(Self { columns, config: Arc::new(config) })
    }
}

impl FileReader for CsvReader {
    fn schema(&self) -> &SchemaRef {
        &self.columns.schema
    }

    fn open(&self, split: &Split, columns: &[usize]) -> Result<Batches> {
        let mut raw = RawRecords::open(split, &self.config)?;
        // Only the first split of a file has its header.
        if split.start == 0 && self.config.header {
            let place = uri(&split.file.path);
            let header = raw.next()?.map(|h| h.into_owned());
            if let Some(header) = header.filter(|_| !self.config.enforce_schema) {
                self.check_header(&header, raw.syntax(), &place)?;
            }
        }
        let layout = Layout::new(&self.columns, self.config.mode, columns)?;
        let records = CsvRecords::new(self, raw, &layout)?;
        Ok(Box::new(Rows::new(records, layout, self.config.mode)))
    }

    fn can_split(&self, file: &FileEntry) -> bool {
        self.config.encoding.can_split(&file.path, self.config.syntax.multi_line)
    }
}

impl CsvReader {
    fn check_header(&self, header: &str, syntax: &Syntax, place: &str) -> Result<()> {
        let mut record = Record::default();
        record.parse(header, syntax);
        let names: Vec<_> =
            (0..record.len()).filter_map(|i| record.cell(header, i)).map(|c| c.text).collect();
        // The corrupt column is not in the file.
        let wanted: Vec<_> = (0..self.columns.schema.fields().len())
            .filter(|i| Some(*i) != self.columns.corrupt)
            .filter_map(|i| self.columns.schema.fields().get(i))
            .map(|f| f.name().as_str())
            .collect();
        let same = names.len() == wanted.len() && names.iter().zip(&wanted).all(|(a, b)| same_name(a, b));
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

/// The raw records of a split, without blank lines and comments. With `multiLine` the split is a whole file.
pub(super) enum RawRecords {
    Lines { lines: Lines, config: Arc<CsvConfig> },
    Whole { text: String, at: usize, number: u64, path: String, config: Arc<CsvConfig>, record: Record },
}

impl RawRecords {
    pub(super) fn open(split: &Split, config: &Arc<CsvConfig>) -> Result<Self> {
        if !config.syntax.multi_line {
            let lines = Lines::open(split, config.line_separator.as_deref(), config.encoding)?;
            return Ok(Self::Lines { lines, config: Arc::clone(config) });
        }
        let path = uri(&split.file.path);
        // Records are cut across lines, so a byte that is not UTF-8 cannot be given to one record, as it is in lines.
        let text = String::from_utf8(read_whole(&split.file.path, config.encoding)?)
            .map_err(|e| not_utf8(&path, e.utf8_error().valid_up_to()))?;
        let mut config = config.as_ref().clone();
        // The line end is found in the text: records of a whole file are cut by one line end only.
        config.syntax.end_records(&text, config.line_separator.as_deref());
        let config = Arc::new(config);
        Ok(Self::Whole { text, at: 0, number: 0, path, config, record: Record::default() })
    }

    /// Returns the text of the next record. If bytes that are not UTF-8 had to be replaced, it is owned.
    pub(super) fn next(&mut self) -> Result<Option<Cow<'_, str>>> {
        match self {
            Self::Lines { lines, config } => {
                let line = next_line(lines, config.comment)?;
                Ok(line.map(String::from_utf8_lossy))
            }
            Self::Whole { text, at, number, config, record, .. } => {
                *number += 1;
                let range = next_in_whole(text, at, config, record);
                Ok(range.and_then(|range| text.get(range)).map(Cow::Borrowed))
            }
        }
    }

    /// Returns how its records are cut into fields.
    pub(super) fn syntax(&self) -> &Syntax {
        &self.config().syntax
    }

    fn config(&self) -> &Arc<CsvConfig> {
        match self {
            Self::Lines { config, .. } | Self::Whole { config, .. } => config,
        }
    }

    /// Returns where the last record is, for messages.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Lines { lines, .. } => lines.place(),
            Self::Whole { number, path, .. } => format!("{path}, record {number}"),
        }
    }
}

fn next_line(lines: &mut Lines, comment: Option<u8>) -> Result<Option<&[u8]>> {
    loop {
        let Some(line) = lines.next()? else { return Ok(None) };
        // As Java's trim has it: all control characters are blank.
        let is_blank = line.iter().all(|b| *b <= b' ');
        if !is_blank && (comment.is_none() || line.first().copied() != comment) {
            return Ok(lines.current());
        }
    }
}

/// Returns the range of the next record. In a file that is cut as a whole only an empty line is skipped, as by Spark's
/// parser; a blank line is a record.
fn next_in_whole(
    text: &str,
    at: &mut usize,
    config: &CsvConfig,
    record: &mut Record,
) -> Option<std::ops::Range<usize>> {
    let line_end = config.syntax.line_end.as_deref().unwrap_or("\n");
    loop {
        let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
        if rest.starts_with(line_end) {
            *at += line_end.len();
        } else if config.comment.is_some() && rest.as_bytes().first().copied() == config.comment {
            *at += rest.find(line_end).unwrap_or(rest.len());
        } else {
            let start = *at;
            *at = start + record.parse(rest, &config.syntax);
            return Some(start..*at);
        }
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
    .hint("Name the file's encoding with the option `encoding`, such as ISO-8859-1.")
}

/// The records of one split as columns.
struct CsvRecords {
    raw: RawRecords,
    record: Record,
    config: Arc<CsvConfig>,
    /// The position in a record and the builder of each column that is built.
    cells: Vec<(usize, CellBuilder)>,
    width: usize,
}

impl CsvRecords {
    fn new(reader: &CsvReader, raw: RawRecords, layout: &Layout) -> Result<Self> {
        let fields = reader.columns.schema.fields();
        let mut cells = Vec::with_capacity(layout.built.len());
        for (index, field) in layout.built.iter().filter_map(|i| fields.get(*i).map(|f| (*i, f))) {
            // The corrupt column is not in the file, so the fields after it are one place further left.
            let place = index - usize::from(reader.columns.corrupt.is_some_and(|c| c < index));
            raw.config().unreadable.check([field])?;
            let builder = CellBuilder::new(field.data_type())
                .ok_or_else(|| unsupported_type("CSV", field.name(), field.data_type()))?;
            cells.push((place, builder));
        }
        let width = fields.len() - usize::from(reader.columns.corrupt.is_some());
        let config = Arc::clone(raw.config());
        Ok(Self { raw, record: Record::default(), config, cells, width })
    }
}

impl rows::Records for CsvRecords {
    fn append_next(&mut self, verdicts: &mut Verdicts) -> Result<bool> {
        let Some(text) = self.raw.next()? else { return Ok(false) };
        // A record whose bytes had to be replaced keeps its cells, but counts as malformed: bytes were lost.
        let is_utf8 = matches!(text, Cow::Borrowed(_));
        let row = RowContext { config: &self.config, width: self.width };
        let fits = row.append(&text, &mut self.record, &mut self.cells)?;
        verdicts.row(fits && is_utf8, &text);
        Ok(true)
    }

    fn place(&self) -> String {
        self.raw.place()
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(self.cells.iter_mut().map(|(_, b)| b.finish()).collect())
    }
}

/// The rules that are the same for every row of a file.
struct RowContext<'a> {
    config: &'a CsvConfig,
    width: usize,
}

impl RowContext<'_> {
    /// Appends one value or null to each builder; returns whether the record fits the columns.
    fn append(&self, text: &str, record: &mut Record, cells: &mut [(usize, CellBuilder)]) -> Result<bool> {
        record.parse(text, &self.config.syntax);
        self.check_limits(record, text)?;
        let mut fits = record.len() == self.width;
        for (place, builder) in cells {
            let value = record.cell(text, *place).and_then(|c| match c.text {
                "" if c.quoted => Some(self.config.empty_value.as_str()),
                "" => None,
                text => Some(text),
            });
            let Some(value) = value.filter(|v| *v != self.config.null_value) else {
                builder.append_null();
                continue;
            };
            // The other cells keep their values, as in Spark's PERMISSIVE mode.
            if !builder.append(value, &self.config.rules) {
                builder.append_null();
                fits = false;
            }
        }
        Ok(fits)
    }

    fn check_limits(&self, record: &Record, text: &str) -> Result<()> {
        // Counting characters is slow, and a record of fewer bytes has no field of more characters.
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
