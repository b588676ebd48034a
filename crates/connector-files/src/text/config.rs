//! Reads the options that CSV and JSON share, and makes their errors.

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::{OptionMap, ReadRequest};
use thalweg_values::cell::TextRules;
use thalweg_values::names::same_name;
use thalweg_values::pattern::Pattern;
use thalweg_values::types::sql_name;
use thalweg_values::zone::Zone;

/// The treatment of a record that does not fit the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Cells that do not fit are null, and the record goes to the corrupt column if there is one.
    Permissive,
    /// The record is left out.
    DropMalformed,
    /// The read ends with an error.
    FailFast,
}

impl Mode {
    pub(crate) fn from_options(options: &OptionMap) -> Result<Self> {
        match options.get("mode").map(str::to_uppercase).as_deref() {
            None | Some("PERMISSIVE") => Ok(Self::Permissive),
            Some("DROPMALFORMED") => Ok(Self::DropMalformed),
            Some("FAILFAST") => Ok(Self::FailFast),
            Some(_) => Err(options.bad("mode", "PERMISSIVE, DROPMALFORMED or FAILFAST")),
        }
    }
}

/// The errors of patterns that values are written by, but not read: `EEE, d MMM yyyy`.
///
/// A table keeps them for both; to read a column by one of them is refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Unreadable {
    date: Option<Error>,
    timestamp: Option<Error>,
    timestamp_ntz: Option<Error>,
}

impl Unreadable {
    /// Refuses to read a column of those fields that has such a pattern.
    pub(crate) fn check<'a>(&self, fields: impl IntoIterator<Item = &'a FieldRef>) -> Result<()> {
        fields.into_iter().try_for_each(|field| self.check_type(field.data_type()))
    }

    fn check_type(&self, data_type: &DataType) -> Result<()> {
        let error = match data_type {
            DataType::Date32 => &self.date,
            DataType::Timestamp(_, Some(_)) => &self.timestamp,
            DataType::Timestamp(_, None) => &self.timestamp_ntz,
            DataType::List(field) | DataType::Map(field, _) => return self.check([field]),
            DataType::Struct(fields) => return self.check(fields),
            _ => &None,
        };
        error.clone().map_or(Ok(()), Err)
    }

    /// Refuses to infer types by such a pattern.
    pub(crate) fn check_inference(&self) -> Result<()> {
        let first = [&self.date, &self.timestamp, &self.timestamp_ntz].into_iter().flatten().next();
        first.cloned().map_or(Ok(()), Err)
    }
}

/// The name of the column for records that do not fit: the option, or the session's setting.
pub(crate) fn corrupt_column(request: &ReadRequest) -> String {
    let option = request.options.get("columnNameOfCorruptRecord");
    option.unwrap_or(&request.corrupt_column).to_owned()
}

/// What ends a line; none for any line end.
pub(crate) fn line_separator(options: &OptionMap) -> Result<Option<String>> {
    match options.get("lineSep") {
        None => Ok(None),
        Some("") => Err(options.bad("lineSep", "at least one character")),
        Some(text) => Ok(Some(text.to_owned())),
    }
}

/// Reads the rules by which cells become values: `dateFormat`, `timestampFormat`, `timestampNTZFormat`, `timeZone`.
pub(crate) fn text_rules(options: &OptionMap, time_zone: &str) -> Result<(TextRules, Unreadable)> {
    let zone = Zone::named(options.get("timeZone").unwrap_or(time_zone))?;
    let mut unreadable = Unreadable::default();
    let rules = TextRules {
        date: pattern(options, "dateFormat", &mut unreadable.date)?,
        timestamp: pattern(options, "timestampFormat", &mut unreadable.timestamp)?,
        timestamp_ntz: pattern(options, "timestampNTZFormat", &mut unreadable.timestamp_ntz)?,
        ..TextRules::in_zone(zone)
    };
    Ok((rules, unreadable))
}

/// Reads a pattern, if it is given. The error of one that values can only be written by goes to `unreadable`.
fn pattern(options: &OptionMap, key: &str, unreadable: &mut Option<Error>) -> Result<Option<Pattern>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    // A table keeps one pattern for reading and writing, so one that is bad for reading alone is no error yet.
    Pattern::for_parsing(text).map(Some).or_else(|error| {
        let error = error.hint(format!("It is the value of the option `{key}`."));
        if Pattern::for_formatting(text).is_err() {
            return Err(error);
        }
        *unreadable = Some(error);
        Ok(None)
    })
}

/// Accepts English, refuses other locales by name.
pub(crate) fn only_english(options: &OptionMap) -> Result<()> {
    if options.get("locale").is_some_and(|l| !matches!(l.to_lowercase().as_str(), "en" | "en-us" | "en-gb")) {
        return Err(options.bad("locale", "en-US"));
    }
    Ok(())
}

/// Reads the share of the records that types are inferred from.
pub(crate) fn sampling_ratio(options: &OptionMap) -> Result<f64> {
    let Some(text) = options.get("samplingRatio") else { return Ok(1.0) };
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(ratio),
        _ => Err(options.bad("samplingRatio", "a number above 0 and up to 1")),
    }
}

/// Returns whether types are inferred from record `n`. The records are the same each time, and spread evenly.
pub(crate) fn is_sampled(n: u64, ratio: f64) -> bool {
    #[allow(clippy::cast_precision_loss)] // record numbers stay far below 2^52
    let at = |n: u64| (n as f64 * ratio).floor();
    ratio >= 1.0 || n == 0 || at(n) > at(n - 1)
}

/// Returns the error for a record that does not fit under FAILFAST.
pub(crate) fn malformed(record: &str, place: &str) -> Error {
    // A record may be as long as its file.
    const SHOWN_CHARS_MAX: usize = 200;
    let shown: String = record.chars().take(SHOWN_CHARS_MAX).collect();
    Error::new(
        ErrorKind::Runtime,
        "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
        "22023",
        format!(
            "Malformed records are detected in record parsing: {shown}.\nParse Mode: FAILFAST. To process malformed \
             records as null result, try setting the option 'mode' as 'PERMISSIVE'. ({place})"
        ),
    )
    .param("badRecord", shown)
    .param("failFastMode", "FAILFAST")
    .param("place", place)
}

/// Returns the position of the column for malformed records, if the schema has it. It must be a string.
pub(crate) fn corrupt_place(schema: &SchemaRef, name: &str) -> Result<Option<usize>> {
    let place = schema.fields().iter().position(|f| same_name(f.name(), name));
    match place.and_then(|p| schema.fields().get(p)).filter(|f| f.data_type() != &DataType::Utf8) {
        None => Ok(place),
        Some(field) => Err(Error::new(
            ErrorKind::Analysis,
            "INVALID_CORRUPT_RECORD_TYPE",
            "42804",
            format!(
                "The column `{}` for corrupt records must have the nullable STRING type, but got \"{}\".",
                field.name(),
                sql_name(field.data_type())
            ),
        )
        .param("columnName", field.name())
        .param("actualType", sql_name(field.data_type()))),
    }
}

/// Returns the error for a read without a schema and without a file to infer one from.
pub(crate) fn unable_to_infer(format: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "UNABLE_TO_INFER_SCHEMA",
        "42KD9",
        format!("Unable to infer schema for {format}. It must be specified manually."),
    )
    .param("format", format)
    .hint("No data file is there: names that begin with '_' or '.' and folders that are not key=value do not count.")
}

/// Returns the error for a column whose type a format cannot hold.
///
/// ```
/// use arrow::datatypes::DataType;
/// use thalweg_connector_files::text::config::unsupported_type;
///
/// let error = unsupported_type("CSV", "b", &DataType::Null);
/// assert_eq!(error.class(), "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE");
/// ```
pub fn unsupported_type(format: &str, column: &str, data_type: &DataType) -> Error {
    let data_type = sql_name(data_type);
    Error::new(
        ErrorKind::Analysis,
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "0A000",
        format!("The {format} datasource doesn't support the column `{column}` of the type \"{data_type}\"."),
    )
    .param("format", format)
    .param("columnName", format!("`{column}`"))
    .param("columnType", format!("\"{data_type}\""))
}
