//! The options of reading CSV. Each is used or refused by name.

use crate::OptionMap;
use crate::text::cell::TextRules;
use crate::text::config::{Mode, count, only_utf8_and_english, sampling_ratio, text_rules};
use thalweg_common::{Error, Result};

/// How the bytes of a record are cut into fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Syntax {
    pub separator: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// What escapes the escape inside quotes.
    pub escape_escape: Option<u8>,
    pub trim_start: bool,
    pub trim_end: bool,
    /// Records may hold line ends inside quotes.
    pub multi_line: bool,
}

/// Everything that reading CSV needs to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CsvConfig {
    pub syntax: Syntax,
    pub header: bool,
    pub infer_schema: bool,
    pub prefer_date: bool,
    pub enforce_schema: bool,
    pub null_value: String,
    pub empty_value: String,
    pub comment: Option<u8>,
    pub line_separator: Option<String>,
    pub mode: Mode,
    pub corrupt_column: String,
    pub sampling_ratio: f64,
    pub columns_max: usize,
    /// None: no limit.
    pub cell_chars_max: Option<usize>,
    pub rules: TextRules,
}

impl CsvConfig {
    /// Reads the options; unknown ones stay for [`OptionMap::finish`].
    pub fn from_options(options: &OptionMap, time_zone: &str, corrupt_column: &str) -> Result<Self> {
        only_utf8_and_english(options)?;
        if options.flag("mergeSchema", false)? {
            return Err(options.bad("mergeSchema", "false"));
        }
        let handling = options.get("unescapedQuoteHandling").map(str::to_uppercase);
        if handling.is_some_and(|h| h != "STOP_AT_DELIMITER") {
            return Err(options.bad("unescapedQuoteHandling", "STOP_AT_DELIMITER"));
        }
        let corrupt = options.get("columnNameOfCorruptRecord").unwrap_or(corrupt_column);
        let text = |key: &str| options.get(key).unwrap_or_default().to_owned();
        Ok(Self {
            syntax: syntax(options)?,
            header: options.flag("header", false)?,
            infer_schema: options.flag("inferSchema", false)?,
            prefer_date: options.flag("preferDate", true)?,
            enforce_schema: options.flag("enforceSchema", true)?,
            null_value: text("nullValue"),
            empty_value: text("emptyValue"),
            comment: byte(options, "comment", None)?,
            line_separator: line_separator(options)?,
            mode: Mode::from_options(options)?,
            corrupt_column: corrupt.to_owned(),
            sampling_ratio: sampling_ratio(options)?,
            columns_max: count(options, "maxColumns")?
                .map_or(20480, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            cell_chars_max: cell_chars_max(options)?,
            rules: text_rules(options, time_zone)?,
        })
    }
}

fn syntax(options: &OptionMap) -> Result<Syntax> {
    let separator_key = if options.get("sep").is_some() { "sep" } else { "delimiter" };
    let quote = byte(options, "quote", Some(b'"'))?;
    let escape = byte(options, "escape", Some(b'\\'))?;
    let doubled = if escape == quote { None } else { escape };
    let Some(separator) = byte(options, separator_key, Some(b','))? else {
        return Err(options.bad(separator_key, "one character"));
    };
    Ok(Syntax {
        separator,
        quote,
        escape,
        escape_escape: byte(options, "charToEscapeQuoteEscaping", doubled)?,
        trim_start: options.flag("ignoreLeadingWhiteSpace", false)?,
        trim_end: options.flag("ignoreTrailingWhiteSpace", false)?,
        multi_line: options.flag("multiLine", false)?,
    })
}

/// One ASCII character, or its escape such as `\t`; empty text turns the feature off.
pub(super) fn byte(options: &OptionMap, key: &str, default: Option<u8>) -> Result<Option<u8>> {
    match options.get(key) {
        None => Ok(default),
        Some("" | "\\u0000" | "\u{0}") => Ok(None),
        Some("\\t") => Ok(Some(b'\t')),
        Some("\\\\") => Ok(Some(b'\\')),
        Some(text) => match text.as_bytes() {
            [one] if one.is_ascii() && !matches!(one, b'\n' | b'\r') => Ok(Some(*one)),
            _ => Err(not_one_character(options, key)),
        },
    }
}

fn not_one_character(options: &OptionMap, key: &str) -> Error {
    options.bad(key, "one ASCII character")
}

fn line_separator(options: &OptionMap) -> Result<Option<String>> {
    match options.get("lineSep") {
        None => Ok(None),
        Some("") => Err(options.bad("lineSep", "at least one character")),
        Some(text) => Ok(Some(text.to_owned())),
    }
}

fn cell_chars_max(options: &OptionMap) -> Result<Option<usize>> {
    match options.get("maxCharsPerColumn") {
        None | Some("-1") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| options.bad("maxCharsPerColumn", "-1 or a number")),
    }
}
