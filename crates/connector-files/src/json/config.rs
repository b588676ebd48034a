//! The options of reading JSON. Each is used or refused by name.

use crate::text::config::{Mode, Unreadable, only_english, sampling_ratio, text_rules};
use crate::text::encoding::Encoding;
use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_values::cell::TextRules;
use thalweg_values::json::Lenience;

/// Everything that reading JSON needs to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonConfig {
    pub lenience: Lenience,
    pub mode: Mode,
    pub corrupt_column: String,
    /// A file is one value.
    pub multi_line: bool,
    pub line_separator: Option<String>,
    pub encoding: Encoding,
    pub sampling_ratio: f64,
    pub primitives_as_string: bool,
    pub drop_if_all_null: bool,
    /// Inference takes a number with a point for a decimal, also in text.
    pub prefers_decimal: bool,
    pub infer_timestamp: bool,
    pub rules: TextRules,
    pub unreadable: Unreadable,
}

impl JsonConfig {
    /// Reads the options.
    pub(super) fn from_options(options: &OptionMap, time_zone: &str, corrupt_column: &str) -> Result<Self> {
        only_english(options)?;
        let line_separator = options.get("lineSep").map(str::to_owned);
        if line_separator.as_deref() == Some("") {
            return Err(options.bad("lineSep", "at least one character"));
        }
        let (rules, unreadable) = text_rules(options, time_zone)?;
        Ok(Self {
            lenience: Lenience {
                single_quotes: options.flag("allowSingleQuotes", true)?,
                bare_names: options.flag("allowUnquotedFieldNames", false)?,
                comments: options.flag("allowComments", false)?,
                non_numeric_numbers: options.flag("allowNonNumericNumbers", true)?,
                leading_zeros: options.flag("allowNumericLeadingZeros", false)?,
                any_escape: options.flag("allowBackslashEscapingAnyCharacter", false)?,
                control_characters: options.flag("allowUnquotedControlChars", false)?,
                ..Lenience::SPARK
            },
            mode: Mode::from_options(options)?,
            corrupt_column: options.get("columnNameOfCorruptRecord").unwrap_or(corrupt_column).to_owned(),
            multi_line: options.flag("multiLine", false)?,
            line_separator,
            encoding: Encoding::of_json(options)?,
            sampling_ratio: sampling_ratio(options)?,
            primitives_as_string: options.flag("primitivesAsString", false)?,
            drop_if_all_null: options.flag("dropFieldIfAllNull", false)?,
            prefers_decimal: options.flag("prefersDecimal", false)?,
            infer_timestamp: options.flag("inferTimestamp", false)?,
            rules,
            unreadable,
        })
    }
}
