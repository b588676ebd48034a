//! The options of reading CSV. Each is used or refused by name.

use crate::text::cell::TextRules;
use crate::text::config::{Mode, only_english, sampling_ratio, text_rules};
use crate::text::encoding::Encoding;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;

/// How the bytes of a record are cut into fields. A quote or escape that is turned off is a NUL.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Syntax {
    /// One or more characters.
    pub separator: String,
    pub quote: u8,
    pub escape: u8,
    /// What escapes the escape inside quotes.
    pub escape_escape: Option<u8>,
    /// A quote that is not escaped and ends no field is part of a quoted value.
    pub stop_at_closing_quote: bool,
    pub trim_start: bool,
    pub trim_end: bool,
    /// Records may hold line ends inside quotes.
    pub multi_line: bool,
    /// What ends a record; none where a record is a line already.
    pub line_end: Option<String>,
    /// An end of a line inside quotes is read as `\n`.
    pub normalizes: bool,
}

impl Syntax {
    /// Ends records as `text` does: its first line end is that of all.
    pub(super) fn end_records(&mut self, text: &str, given: Option<&str>) {
        let first = text.find(['\n', '\r']).and_then(|at| text.get(at..)).unwrap_or("\n");
        let found = ["\r\n", "\r", "\n"].into_iter().find(|end| first.starts_with(end)).unwrap_or("\n");
        self.line_end = Some(given.unwrap_or(found).to_owned());
        self.normalizes = given.is_none() && found != "\n";
    }
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
    pub encoding: Encoding,
    pub sampling_ratio: f64,
    pub columns_max: usize,
    /// None: no limit.
    pub cell_chars_max: Option<usize>,
    pub rules: TextRules,
}

impl CsvConfig {
    /// Reads the options.
    pub(super) fn from_options(options: &OptionMap, time_zone: &str, corrupt_column: &str) -> Result<Self> {
        only_english(options)?;
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
            encoding: Encoding::from_options(options)?,
            sampling_ratio: sampling_ratio(options)?,
            columns_max: options
                .count("maxColumns")?
                .map_or(20480, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            cell_chars_max: cell_chars_max(options)?,
            rules: rules(options, time_zone)?,
        })
    }
}

fn rules(options: &OptionMap, time_zone: &str) -> Result<TextRules> {
    let rules = text_rules(options, time_zone)?;
    let word = |key: &str, default: String| options.get(key).map_or(default, str::to_owned);
    Ok(TextRules {
        nan: word("nanValue", rules.nan),
        positive_inf: word("positiveInf", rules.positive_inf),
        negative_inf: word("negativeInf", rules.negative_inf),
        ..rules
    })
}

fn syntax(options: &OptionMap) -> Result<Syntax> {
    let quote = byte(options, "quote", Some(b'"'))?.unwrap_or(0);
    let escape = byte(options, "escape", Some(b'\\'))?.unwrap_or(0);
    let doubled = (escape != quote).then_some(escape);
    Ok(Syntax {
        separator: separator(options)?,
        quote,
        escape,
        escape_escape: byte(options, "charToEscapeQuoteEscaping", doubled)?,
        stop_at_closing_quote: stop_at_closing_quote(options)?,
        trim_start: options.flag("ignoreLeadingWhiteSpace", false)?,
        trim_end: options.flag("ignoreTrailingWhiteSpace", false)?,
        multi_line: options.flag("multiLine", false)?,
        line_end: None,
        normalizes: false,
    })
}

/// `sep` or `delimiter`: characters, or the escapes `\t` and `\\`.
pub(super) fn separator(options: &OptionMap) -> Result<String> {
    let key = if options.get("sep").is_some() { "sep" } else { "delimiter" };
    let text = options.get(key).unwrap_or(",").replace("\\t", "\t").replace("\\\\", "\\");
    if text.is_empty() || text.contains(['\n', '\r']) {
        return Err(options.bad(key, "one or more characters, none of them a line end"));
    }
    Ok(text)
}

fn stop_at_closing_quote(options: &OptionMap) -> Result<bool> {
    match options.get("unescapedQuoteHandling").map(str::to_uppercase).as_deref() {
        None | Some("STOP_AT_DELIMITER") => Ok(false),
        Some("STOP_AT_CLOSING_QUOTE") => Ok(true),
        Some(_) => Err(options.bad("unescapedQuoteHandling", "STOP_AT_DELIMITER or STOP_AT_CLOSING_QUOTE")),
    }
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
