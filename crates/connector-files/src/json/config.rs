//! Reads the options of reading JSON files.

use crate::text::config::{
    Mode, Unreadable, corrupt_column, line_separator, only_english, sampling_ratio, text_rules,
};
use crate::text::encoding::Encoding;
use thalweg_common::Result;
use thalweg_connectors::ReadRequest;
use thalweg_values::cell::TextRules;
use thalweg_values::json::Lenience;

/// The options of reading JSON files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonConfig {
    pub lenience: Lenience,
    pub mode: Mode,
    pub corrupt_column: String,
    /// Whether a file is one value.
    pub multi_line: bool,
    pub line_separator: Option<String>,
    pub encoding: Encoding,
    pub sampling_ratio: f64,
    pub primitives_as_string: bool,
    pub drop_if_all_null: bool,
    /// Whether numbers with a point are inferred as decimals, also in text.
    pub prefers_decimal: bool,
    pub infer_timestamp: bool,
    pub rules: TextRules,
    pub unreadable: Unreadable,
}

impl JsonConfig {
    /// Reads the options of a request.
    pub(super) fn from_request(request: &ReadRequest) -> Result<Self> {
        let options = &request.options;
        only_english(options)?;
        let (rules, unreadable) = text_rules(options, &request.time_zone)?;
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
            corrupt_column: corrupt_column(request),
            multi_line: options.flag("multiLine", false)?,
            line_separator: line_separator(options)?,
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
