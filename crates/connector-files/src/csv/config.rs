//! Reads the options of reading CSV files.

use crate::text::config::{
    Mode, Unreadable, corrupt_column, line_separator, only_english, sampling_ratio, text_rules,
};
use crate::text::encoding::Encoding;
use thalweg_common::{Error, Result};
use thalweg_connectors::{OptionMap, ReadRequest};
use thalweg_values::cell::TextRules;
use thalweg_values::csv::Syntax;

/// The options of reading CSV files.
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
    /// The most characters of a field; none for no limit.
    pub cell_chars_max: Option<usize>,
    pub rules: TextRules,
    pub unreadable: Unreadable,
}

impl CsvConfig {
    /// Reads the options of a request.
    pub(super) fn from_request(request: &ReadRequest) -> Result<Self> {
        let options = &request.options;
        only_english(options)?;
        let text = |key: &str| options.get(key).unwrap_or_default().to_owned();
        let (rules, unreadable) = rules(options, &request.time_zone)?;
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
            corrupt_column: corrupt_column(request),
            encoding: Encoding::of_csv(options)?,
            sampling_ratio: sampling_ratio(options)?,
            columns_max: options
                .count("maxColumns")?
                .map_or(20480, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            cell_chars_max: cell_chars_max(options)?,
            rules,
            unreadable,
        })
    }
}

/// The rules of cells, with the texts of numbers that only CSV can choose.
fn rules(options: &OptionMap, time_zone: &str) -> Result<(TextRules, Unreadable)> {
    let (rules, unreadable) = text_rules(options, time_zone)?;
    let word = |key: &str, default: String| options.get(key).map_or(default, str::to_owned);
    let rules = TextRules {
        nan: word("nanValue", rules.nan),
        positive_inf: word("positiveInf", rules.positive_inf),
        negative_inf: word("negativeInf", rules.negative_inf),
        ..rules
    };
    Ok((rules, unreadable))
}

fn syntax(options: &OptionMap) -> Result<Syntax> {
    let quote = byte(options, "quote", Some(b'"'))?.unwrap_or(0);
    let escape = byte(options, "escape", Some(b'\\'))?.unwrap_or(0);
    // Where the escape is the quote, a doubled quote is one already.
    let doubled = (escape != quote).then_some(escape);
    // Without a quote or an escape their byte is NUL, which is in no text.
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

/// Reads `sep` or `delimiter`: characters, or the escapes `\t` and `\\`.
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

/// Reads an option that is one ASCII character, or its escape such as `\t`; empty text turns the feature off.
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

fn cell_chars_max(options: &OptionMap) -> Result<Option<usize>> {
    match options.get("maxCharsPerColumn") {
        None | Some("-1") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| options.bad("maxCharsPerColumn", "-1 or a number")),
    }
}
