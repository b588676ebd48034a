//! Defines the description of one option: its names, type, default and meaning.

use crate::OptionMap;
use std::fmt;
use thalweg_common::Result;

/// The type of an option's value. The connector that uses the value converts it; what is not of the type is an
/// error that names the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionType {
    /// `true` or `false`, in any case.
    Flag,
    /// A whole number from 0.
    Count,
    /// A whole number from 1.
    PositiveCount,
    /// A whole number, or -1 for no limit.
    Limit,
    /// A number above 0 and up to 1.
    Ratio,
    /// Any text.
    Text,
    /// One ASCII character, an escape such as `\t`, or nothing.
    Character,
    /// A pattern of dates and times, such as `yyyy-MM-dd`.
    DatetimePattern,
    /// A point in time.
    Timestamp,
    /// A length of time, such as `500ms`, `30s` or `7d`; milliseconds without a unit.
    Duration,
    /// The name or offset of a time zone.
    TimeZone,
    /// A pattern of file names.
    Glob,
    /// A path.
    Path,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// This value only, in any case: others are not built, and are refused. Nothing if it is empty.
    Only(&'static str),
    /// An option of Spark's for this operation that is refused with any value.
    NotBuilt,
}

impl fmt::Display for OptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Count => f.write_str("a number"),
            Self::PositiveCount => f.write_str("a number above 0"),
            Self::Limit => f.write_str("a number, or -1"),
            Self::Ratio => f.write_str("a number above 0 and up to 1"),
            Self::Text => f.write_str("text"),
            Self::Character => f.write_str("one ASCII character, or nothing"),
            Self::DatetimePattern => f.write_str("a datetime pattern"),
            Self::Timestamp => f.write_str("a timestamp"),
            Self::Duration => f.write_str("a duration such as 30s"),
            Self::TimeZone => f.write_str("a time zone"),
            Self::Glob => f.write_str("a pattern of names"),
            Self::Path => f.write_str("a path"),
            Self::Choice(words) => f.write_str(&words.join(", ")),
            Self::Only("") => f.write_str("refused"),
            Self::Only(value) => write!(f, "{value} only"),
            Self::NotBuilt => f.write_str("refused"),
        }
    }
}

/// One option of an operation.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// The name as it is documented. Options are found in any case.
    pub name: &'static str,
    /// Further names; the first of all that is given counts.
    pub aliases: &'static [&'static str],
    /// What values are.
    pub value: OptionType,
    /// The value that an absent option has; none if its absence means something else.
    pub default: Option<&'static str>,
    /// The session's setting whose value a read or a batch write gets where neither its options nor its table have one.
    pub setting: Option<&'static str>,
    /// What it does, in one sentence.
    pub help: &'static str,
}

impl OptionSpec {
    /// Describes an option without default.
    pub const fn new(name: &'static str, value: OptionType, help: &'static str) -> Self {
        Self { name, aliases: &[], value, default: None, setting: None, help }
    }

    /// Describes an option that is taken with one value only.
    pub const fn only(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self::new(name, OptionType::Only(value), help)
    }

    /// Adds further names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Adds a default.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Adds a setting of the session.
    #[must_use]
    pub const fn setting(mut self, key: &'static str) -> Self {
        self.setting = Some(key);
        self
    }

    /// Returns all its names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Returns whether it has that name, in any case.
    pub fn is_named(&self, key: &str) -> bool {
        self.names().any(|name| name.eq_ignore_ascii_case(key))
    }

    /// Returns whether it can be given at all.
    pub fn is_built(&self) -> bool {
        self.value != OptionType::NotBuilt
    }

    /// Refuses the value of an option that is taken with one value only.
    pub(super) fn check(&self, options: &OptionMap, key: &str) -> Result<()> {
        // Every other type is checked by the connector when it converts the value.
        let OptionType::Only(value) = self.value else { return Ok(()) };
        match options.get(key) {
            Some(given) if !given.eq_ignore_ascii_case(value) => {
                let expected = if value.is_empty() { "nothing: it is not supported" } else { value };
                Err(options.bad(self.spelled(key), expected))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what cannot be a value of the option in any operation. The operation that has the option converts it, and
    /// checks the rest.
    pub(super) fn check_form(&self, options: &OptionMap, key: &str) -> Result<()> {
        match self.value {
            OptionType::Flag => options.flag(key, false).map(|_| ()),
            OptionType::Count | OptionType::PositiveCount => options.count(key).map(|_| ()),
            OptionType::Duration => options.duration(key).map(|_| ()),
            // A text that the operation reads in its own way.
            OptionType::Limit
            | OptionType::Ratio
            | OptionType::Text
            | OptionType::Character
            | OptionType::DatetimePattern
            | OptionType::Timestamp
            | OptionType::TimeZone
            | OptionType::Glob
            | OptionType::Path
            | OptionType::Choice(_)
            | OptionType::Only(_)
            | OptionType::NotBuilt => Ok(()),
        }
    }

    /// Returns the documented spelling of one of its names.
    fn spelled(&self, key: &str) -> &'static str {
        self.names().find(|name| name.eq_ignore_ascii_case(key)).unwrap_or(self.name)
    }
}
