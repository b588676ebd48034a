//! The options of reading JSON. Each is used or refused by name.

use super::parse::Lenience;
use crate::OptionMap;
use crate::text::cell::TextRules;
use crate::text::config::{Mode, only_utf8_and_english, sampling_ratio, text_rules};
use thalweg_common::Result;

/// Everything that reading JSON needs to know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonConfig {
    pub lenience: Lenience,
    pub mode: Mode,
    pub corrupt_column: String,
    /// A file is one value.
    pub multi_line: bool,
    pub line_separator: Option<String>,
    pub sampling_ratio: f64,
    pub primitives_as_string: bool,
    pub drop_if_all_null: bool,
    pub rules: TextRules,
}

impl JsonConfig {
    /// Reads the options; unknown ones stay for [`OptionMap::finish`].
    pub fn from_options(options: &OptionMap, time_zone: &str, corrupt_column: &str) -> Result<Self> {
        only_utf8_and_english(options)?;
        let off = [
            "allowNumericLeadingZeros",
            "allowBackslashEscapingAnyCharacter",
            "allowUnquotedControlChars",
            "prefersDecimal",
            "inferTimestamp",
            "mergeSchema",
        ];
        for key in off {
            if options.flag(key, false)? {
                return Err(options.bad(key, "false"));
            }
        }
        let line_separator = options.get("lineSep").map(str::to_owned);
        if line_separator.as_deref() == Some("") {
            return Err(options.bad("lineSep", "at least one character"));
        }
        Ok(Self {
            lenience: Lenience {
                single_quotes: options.flag("allowSingleQuotes", true)?,
                bare_names: options.flag("allowUnquotedFieldNames", false)?,
                comments: options.flag("allowComments", false)?,
                non_numeric_numbers: options.flag("allowNonNumericNumbers", true)?,
            },
            mode: Mode::from_options(options)?,
            corrupt_column: options.get("columnNameOfCorruptRecord").unwrap_or(corrupt_column).to_owned(),
            multi_line: options.flag("multiLine", false)?,
            line_separator,
            sampling_ratio: sampling_ratio(options)?,
            primitives_as_string: options.flag("primitivesAsString", false)?,
            drop_if_all_null: options.flag("dropFieldIfAllNull", false)?,
            rules: text_rules(options, time_zone)?,
        })
    }
}
