//! Parses the options of CSV functions. Each is used or refused by name.

use crate::errors::parse_mode_unsupported;
use crate::params::InZone;
use thalweg_common::{Error, Result};
use thalweg_values::cell::TextRules;
use thalweg_values::csv::Syntax;
use thalweg_values::pattern::Pattern;

/// The field that takes a record that does not fit, unless an option names another.
const CORRUPT: &str = "_corrupt_record";

/// The options of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CsvOptions {
    zone: InZone,
    separator: String,
    /// NUL if quotes are turned off.
    quote: u8,
    escape: u8,
    escape_escape: Option<u8>,
    trim_start: bool,
    trim_end: bool,
    pub null_value: String,
    pub empty_value: String,
    /// What stands for not a number, infinity and negative infinity; none: Spark's words.
    words: [Option<String>; 3],
    /// Of dates, timestamps and timestamps without zone.
    patterns: [Option<String>; 3],
    pub corrupt: String,
    pub fail_fast: bool,
    pub prefer_date: bool,
}

impl CsvOptions {
    /// The options of `function` that were given, in their order.
    pub(super) fn new(function: &str, given: Vec<(String, String)>, zone: &str) -> Result<Self> {
        let mut all = Self::in_zone(zone);
        for (key, value) in given {
            let unknown = || Error::unsupported(format!("the option {key}={value} of {function}"));
            if key.eq_ignore_ascii_case("mode") {
                all.fail_fast = fails_fast(function, &value).ok_or_else(unknown)??;
            } else {
                all.set(&key.to_ascii_lowercase(), &value).ok_or_else(unknown)?;
            }
        }
        // Patterns and the time zone are checked even if there are no rows.
        all.rules()?;
        Ok(all)
    }

    fn in_zone(zone: &str) -> Self {
        Self {
            zone: InZone(zone.into()),
            separator: ",".to_owned(),
            quote: b'"',
            escape: b'\\',
            escape_escape: None,
            trim_start: false,
            trim_end: false,
            null_value: String::new(),
            empty_value: String::new(),
            words: [None, None, None],
            patterns: [None, None, None],
            corrupt: CORRUPT.to_owned(),
            fail_fast: false,
            prefer_date: true,
        }
    }

    /// Sets an option; none if it is not known, or its value is not one of its values.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let text = || value.to_owned();
        match key {
            "quote" => self.quote = byte(value)?,
            "escape" => self.escape = byte(value)?,
            "chartoescapequoteescaping" => self.escape_escape = Some(byte(value).filter(|b| *b != 0)?),
            "sep" | "delimiter" => self.separator = separator(value)?,
            "ignoreleadingwhitespace" => self.trim_start = flag(value)?,
            "ignoretrailingwhitespace" => self.trim_end = flag(value)?,
            "preferdate" => self.prefer_date = flag(value)?,
            "nullvalue" => self.null_value = text(),
            "emptyvalue" => self.empty_value = text(),
            "nanvalue" => self.words[0] = Some(text()),
            "positiveinf" => self.words[1] = Some(text()),
            "negativeinf" => self.words[2] = Some(text()),
            "dateformat" => self.patterns[0] = Some(text()),
            "timestampformat" => self.patterns[1] = Some(text()),
            "timestampntzformat" => self.patterns[2] = Some(text()),
            "timezone" => self.zone = InZone(value.into()),
            "columnnameofcorruptrecord" => self.corrupt = text(),
            _ => return None,
        }
        Some(())
    }

    /// How a record is cut: all of a text is one.
    pub(super) fn syntax(&self) -> Syntax {
        // Spark's default for `charToEscapeQuoteEscaping` is the escape, unless that is the quote.
        let doubled = (self.escape != self.quote).then_some(self.escape);
        Syntax {
            separator: self.separator.clone(),
            quote: self.quote,
            escape: self.escape,
            escape_escape: self.escape_escape.or(doubled),
            trim_start: self.trim_start,
            trim_end: self.trim_end,
            ..Syntax::default()
        }
    }

    /// How fields become values.
    pub(super) fn rules(&self) -> Result<TextRules> {
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::for_parsing).transpose();
        let [date, timestamp, timestamp_ntz] = &self.patterns;
        let rules = TextRules::in_zone(self.zone.zone()?);
        let [nan, positive_inf, negative_inf] = self.words.clone();
        Ok(TextRules {
            date: pattern(date)?,
            timestamp: pattern(timestamp)?,
            timestamp_ntz: pattern(timestamp_ntz)?,
            nan: nan.unwrap_or(rules.nan),
            positive_inf: positive_inf.unwrap_or(rules.positive_inf),
            negative_inf: negative_inf.unwrap_or(rules.negative_inf),
            zone: rules.zone,
        })
    }
}

/// Whether a mode ends at a record that does not fit; none if it is not a mode.
fn fails_fast(function: &str, mode: &str) -> Option<Result<bool>> {
    match mode.to_ascii_uppercase().as_str() {
        "PERMISSIVE" => Some(Ok(false)),
        "FAILFAST" => Some(Ok(true)),
        "DROPMALFORMED" if function == "schema_of_csv" => Some(Ok(false)),
        // A function has a value for each row, so it cannot drop a record: Spark refuses the mode, too.
        "DROPMALFORMED" => Some(Err(parse_mode_unsupported(function, mode))),
        _ => None,
    }
}

pub(super) fn flag(value: &str) -> Option<bool> {
    value.to_ascii_lowercase().parse().ok()
}

/// One ASCII character, NUL for none.
fn byte(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [] => Some(0),
        [one] if one.is_ascii() && !matches!(one, b'\n' | b'\r') => Some(*one),
        _ => None,
    }
}

pub(super) fn separator(value: &str) -> Option<String> {
    let text = value.replace("\\t", "\t").replace("\\\\", "\\");
    (!text.is_empty() && !text.contains(['\n', '\r'])).then_some(text)
}
