//! Checks the values of settings.
//!
//! The checks follow Spark's in what they accept and in their errors. A value is stored as it was
//! given: its readers normalise it.

use thalweg_common::{Error, ErrorKind, Result};

/// The type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingKind {
    /// Any text.
    Text,
    /// `true` or `false`, in any case.
    Bool,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
    /// A number of 32 bits, from 1.
    Positive,
    Double,
    /// A number of bytes, with or without a unit: `10MB`.
    Bytes,
    /// A duration, with or without a unit: `300`, `5m`.
    Time,
    /// One of these names, in any case.
    OneOf(&'static [&'static str]),
    /// A time zone that Java knows.
    Zone,
}

/// Units of a number of bytes.
const BYTE_UNITS: &[&str] = &["b", "k", "kb", "m", "mb", "g", "gb", "t", "tb", "p", "pb"];
/// Units of a duration.
const TIME_UNITS: &[&str] = &["us", "ms", "s", "m", "min", "h", "d"];

impl SettingKind {
    /// Checks a value of the setting `key`.
    pub(super) fn check(self, key: &str, value: &str) -> Result<()> {
        let text = value.trim();
        let fits = match self {
            SettingKind::Text => true,
            SettingKind::Bool => ["true", "false"].iter().any(|b| text.eq_ignore_ascii_case(b)),
            SettingKind::Int => text.parse::<i32>().is_ok(),
            SettingKind::Long => text.parse::<i64>().is_ok(),
            SettingKind::Positive => return positive(key, value),
            SettingKind::Double => text.parse::<f64>().is_ok(),
            SettingKind::Bytes => has_unit_of(text, BYTE_UNITS),
            SettingKind::Time => has_unit_of(text, TIME_UNITS),
            SettingKind::OneOf(names) => return one_of(key, value, names),
            SettingKind::Zone => return zone(key, value),
        };
        if fits { Ok(()) } else { Err(mismatch(key, value, self.java_name())) }
    }

    /// Returns the type's name in Spark's messages.
    fn java_name(self) -> &'static str {
        match self {
            SettingKind::Bool => "boolean",
            SettingKind::Int | SettingKind::Positive => "int",
            SettingKind::Long => "long",
            SettingKind::Double => "double",
            SettingKind::Bytes => "bytes in BYTE",
            SettingKind::Time => "time in SECONDS",
            SettingKind::Text | SettingKind::OneOf(_) | SettingKind::Zone => "string",
        }
    }

    /// Returns the type in words for the reference page.
    pub(super) fn shown(self) -> String {
        match self {
            SettingKind::Text => "text".to_owned(),
            SettingKind::Bool => "true or false".to_owned(),
            SettingKind::Int | SettingKind::Long | SettingKind::Double => "number".to_owned(),
            SettingKind::Positive => "number from 1".to_owned(),
            SettingKind::Bytes => "bytes".to_owned(),
            SettingKind::Time => "duration".to_owned(),
            SettingKind::OneOf(names) => names.join(", "),
            SettingKind::Zone => "time zone".to_owned(),
        }
    }

    /// Returns whether two values are equivalent.
    pub(super) fn same(self, a: &str, b: &str) -> bool {
        match self {
            // Paths, names and zones are different where their case is.
            SettingKind::Text | SettingKind::Zone => a == b,
            SettingKind::Bool
            | SettingKind::Int
            | SettingKind::Long
            | SettingKind::Double
            | SettingKind::Positive
            | SettingKind::Bytes
            | SettingKind::Time
            | SettingKind::OneOf(_) => a.trim().eq_ignore_ascii_case(b.trim()),
        }
    }
}

/// Returns whether the text is a whole number, followed by at most one of the units.
fn has_unit_of(text: &str, units: &[&str]) -> bool {
    let text = text.to_lowercase();
    let digits = text.strip_prefix('-').unwrap_or(&text);
    // Java's numbers here have no fraction and no exponent.
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (number, unit) = digits.split_at(end);
    number.parse::<i64>().is_ok() && (unit.is_empty() || units.contains(&unit))
}

fn positive(key: &str, value: &str) -> Result<()> {
    match value.trim().parse::<i32>() {
        Err(_) => Err(mismatch(key, value, "int")),
        Ok(n) if n < 1 => Err(requirement(key, value, &format!("The value of {key} must be positive"))),
        Ok(_) => Ok(()),
    }
}

fn one_of(key: &str, value: &str, names: &[&str]) -> Result<()> {
    if names.iter().any(|name| name.eq_ignore_ascii_case(value.trim())) {
        return Ok(());
    }
    let options = names.join(", ");
    let text = format!("It should be one of '{options}'.");
    Err(invalid("OUT_OF_RANGE_OF_OPTIONS", key, value, &text).param("confOptions", options))
}

fn zone(key: &str, value: &str) -> Result<()> {
    if thalweg_values::zone::zone_id(value).is_some() {
        return Ok(());
    }
    Err(invalid("TIME_ZONE", key, value, "Cannot resolve the given timezone."))
}

fn mismatch(key: &str, value: &str, java: &str) -> Error {
    let text = format!("It should be a/an '{java}' value.");
    invalid("TYPE_MISMATCH", key, value, &text).param("confType", java)
}

/// Creates the error for a value that does not meet a requirement.
pub(super) fn requirement(key: &str, value: &str, requirement: &str) -> Error {
    invalid("REQUIREMENT", key, value, requirement).param("confRequirement", requirement)
}

fn invalid(class: &str, key: &str, value: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::IllegalArgument,
        format!("INVALID_CONF_VALUE.{class}"),
        "22022",
        format!("The value '{value}' in the config \"{key}\" is invalid. {why}"),
    )
    .param("confName", key)
    .param("confValue", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_as_spark_checks_them() {
        let names = &["STATIC", "DYNAMIC"];
        for (kind, good, bad, class) in [
            (SettingKind::Bool, "TRUE", "yes", "TYPE_MISMATCH"),
            (SettingKind::Int, "-1", "1.5", "TYPE_MISMATCH"),
            (SettingKind::Int, " 5 ", "2147483648", "TYPE_MISMATCH"),
            (SettingKind::Long, "2147483648", "", "TYPE_MISMATCH"),
            (SettingKind::Positive, "1", "0", "REQUIREMENT"),
            (SettingKind::Positive, "8", "a", "TYPE_MISMATCH"),
            (SettingKind::Double, "0.5", "half", "TYPE_MISMATCH"),
            (SettingKind::Bytes, "10MB", "10MBx", "TYPE_MISMATCH"),
            (SettingKind::Bytes, "-1", "MB", "TYPE_MISMATCH"),
            (SettingKind::Time, "5m", "5 m", "TYPE_MISMATCH"),
            (SettingKind::OneOf(names), "dynamic", "weird", "OUT_OF_RANGE_OF_OPTIONS"),
            (SettingKind::Zone, "Europe/Paris", "Mars", "TIME_ZONE"),
            (SettingKind::Zone, "PST", "utc", "TIME_ZONE"),
            (SettingKind::Zone, "GMT+7", "", "TIME_ZONE"),
        ] {
            assert_eq!(kind.check("k", good), Ok(()), "{kind:?} {good}");
            let class_of_bad = kind.check("k", bad).map_err(|e| e.class().to_owned());
            assert_eq!(class_of_bad, Err(format!("INVALID_CONF_VALUE.{class}")), "{kind:?} {bad}");
        }
    }
}
