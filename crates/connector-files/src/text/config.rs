//! The reader options that CSV and JSON share, from an [`OptionMap`].

use super::Zone;
use super::cell::TextRules;
use super::pattern::Pattern;
use crate::types::spark_name;
use arrow::datatypes::{DataType, SchemaRef};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::OptionMap;

/// What happens to a record that does not fit the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Cells that don't fit are null, and the record goes to the corrupt column if there is one.
    Permissive,
    DropMalformed,
    FailFast,
}

impl Mode {
    pub fn from_options(options: &OptionMap) -> Result<Self> {
        match options.get("mode").map(str::to_uppercase).as_deref() {
            None | Some("PERMISSIVE") => Ok(Self::Permissive),
            Some("DROPMALFORMED") => Ok(Self::DropMalformed),
            Some("FAILFAST") => Ok(Self::FailFast),
            Some(_) => Err(options.bad("mode", "PERMISSIVE, DROPMALFORMED or FAILFAST")),
        }
    }
}

/// How cells become values: `dateFormat`, `timestampFormat`, `timestampNTZFormat`.
pub(crate) fn text_rules(options: &OptionMap, time_zone: &str) -> Result<TextRules> {
    let zone = Zone::of_session(options.get("timeZone").unwrap_or(time_zone))?;
    Ok(TextRules {
        zone,
        date: pattern(options, "dateFormat")?,
        timestamp: pattern(options, "timestampFormat")?,
        timestamp_ntz: pattern(options, "timestampNTZFormat")?,
        nan: "NaN".to_owned(),
        positive_inf: "Inf".to_owned(),
        negative_inf: "-Inf".to_owned(),
    })
}

/// The pattern under `key`, if any.
pub(crate) fn pattern(options: &OptionMap, key: &str) -> Result<Option<Pattern>> {
    options.get(key).map(|text| Pattern::compile(key, text)).transpose()
}

/// Accepts English, refuses other locales by name.
pub(crate) fn only_english(options: &OptionMap) -> Result<()> {
    if options.get("locale").is_some_and(|l| !matches!(l.to_lowercase().as_str(), "en" | "en-us" | "en-gb")) {
        return Err(options.bad("locale", "en-US"));
    }
    Ok(())
}

/// Accepts UTF-8, which is all that is written, and refuses other encodings by name.
pub(crate) fn only_utf8(options: &OptionMap) -> Result<()> {
    for key in ["encoding", "charset"] {
        if options.get(key).is_some_and(|e| !matches!(e.to_uppercase().as_str(), "UTF-8" | "UTF8")) {
            return Err(options.bad(key, "UTF-8"));
        }
    }
    Ok(())
}

/// The share of the records that inference looks at.
pub(crate) fn sampling_ratio(options: &OptionMap) -> Result<f64> {
    let Some(text) = options.get("samplingRatio") else { return Ok(1.0) };
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(ratio),
        _ => Err(options.bad("samplingRatio", "a number above 0 and up to 1")),
    }
}

/// Whether inference looks at record `n`: the same ones each time, spread evenly.
pub(crate) fn is_sampled(n: u64, ratio: f64) -> bool {
    #[allow(clippy::cast_precision_loss)] // record numbers stay far below 2^52
    let at = |n: u64| (n as f64 * ratio).floor();
    ratio >= 1.0 || n == 0 || at(n) > at(n - 1)
}

/// A record that does not fit under FAILFAST, as Spark says it, with its place.
pub(crate) fn malformed(record: &str, place: &str) -> Error {
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

/// Where the column for malformed records stands in a schema, if it is there; it has to be a string.
pub(crate) fn corrupt_place(schema: &SchemaRef, name: &str) -> Result<Option<usize>> {
    let place = schema.fields().iter().position(|f| f.name().eq_ignore_ascii_case(name));
    match place.and_then(|p| schema.fields().get(p)).filter(|f| f.data_type() != &DataType::Utf8) {
        None => Ok(place),
        Some(field) => Err(Error::new(
            ErrorKind::Analysis,
            "INVALID_CORRUPT_RECORD_TYPE",
            "42804",
            format!(
                "The column `{}` for corrupt records must have the nullable STRING type, but got \"{}\".",
                field.name(),
                spark_name(field.data_type()).to_uppercase()
            ),
        )
        .param("columnName", field.name())
        .param("actualType", spark_name(field.data_type()).to_uppercase())),
    }
}

/// No file to infer a schema from, as Spark says it.
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
