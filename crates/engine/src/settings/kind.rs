//! What may the value of a setting look like?
//!
//! Checks follow Spark's, in what they accept and in the error that they raise. A value is kept as it was
//! given: what reads it brings it into shape.

use thalweg_common::{Error, ErrorKind, Result};

/// The form of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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

impl Kind {
    /// Checks a value of the setting `key`.
    pub(super) fn check(self, key: &str, value: &str) -> Result<()> {
        let text = value.trim();
        let fits = match self {
            Kind::Text => true,
            Kind::Bool => ["true", "false"].iter().any(|b| text.eq_ignore_ascii_case(b)),
            Kind::Int => text.parse::<i32>().is_ok(),
            Kind::Long => text.parse::<i64>().is_ok(),
            Kind::Positive => return positive(key, value),
            Kind::Double => text.parse::<f64>().is_ok(),
            Kind::Bytes => has_unit_of(text, BYTE_UNITS),
            Kind::Time => has_unit_of(text, TIME_UNITS),
            Kind::OneOf(names) => return one_of(key, value, names),
            Kind::Zone => return zone(key, value),
        };
        if fits { Ok(()) } else { Err(mismatch(key, value, self.java_name())) }
    }

    /// The name that Spark's messages have for it.
    fn java_name(self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Int | Kind::Positive => "int",
            Kind::Long => "long",
            Kind::Double => "double",
            Kind::Bytes => "bytes in BYTE",
            Kind::Time => "time in SECONDS",
            Kind::Text | Kind::OneOf(_) | Kind::Zone => "string",
        }
    }

    /// The form in words, for the reference page.
    pub(super) fn shown(self) -> String {
        match self {
            Kind::Text => "text".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Int | Kind::Long | Kind::Double => "number".to_owned(),
            Kind::Positive => "number from 1".to_owned(),
            Kind::Bytes => "bytes".to_owned(),
            Kind::Time => "duration".to_owned(),
            Kind::OneOf(names) => names.join(", "),
            Kind::Zone => "time zone".to_owned(),
        }
    }

    /// Whether two values mean the same.
    pub(super) fn same(self, a: &str, b: &str) -> bool {
        match self {
            Kind::Text | Kind::Zone => a == b,
            _ => a.trim().eq_ignore_ascii_case(b.trim()),
        }
    }
}

/// Whether the text is a whole number with at most one of the units behind it.
fn has_unit_of(text: &str, units: &[&str]) -> bool {
    let text = text.to_lowercase();
    let digits = text.strip_prefix('-').unwrap_or(&text);
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

/// The error for a value that breaks a rule, which stands in `requirement`.
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
            (Kind::Bool, "TRUE", "yes", "TYPE_MISMATCH"),
            (Kind::Int, "-1", "1.5", "TYPE_MISMATCH"),
            (Kind::Int, " 5 ", "2147483648", "TYPE_MISMATCH"),
            (Kind::Long, "2147483648", "", "TYPE_MISMATCH"),
            (Kind::Positive, "1", "0", "REQUIREMENT"),
            (Kind::Positive, "8", "a", "TYPE_MISMATCH"),
            (Kind::Double, "0.5", "half", "TYPE_MISMATCH"),
            (Kind::Bytes, "10MB", "10MBx", "TYPE_MISMATCH"),
            (Kind::Bytes, "-1", "MB", "TYPE_MISMATCH"),
            (Kind::Time, "5m", "5 m", "TYPE_MISMATCH"),
            (Kind::OneOf(names), "dynamic", "weird", "OUT_OF_RANGE_OF_OPTIONS"),
            (Kind::Zone, "Europe/Paris", "Mars", "TIME_ZONE"),
            (Kind::Zone, "PST", "utc", "TIME_ZONE"),
            (Kind::Zone, "GMT+7", "", "TIME_ZONE"),
        ] {
            assert_eq!(kind.check("k", good), Ok(()), "{kind:?} {good}");
            let class_of_bad = kind.check("k", bad).map_err(|e| e.class().to_owned());
            assert_eq!(class_of_bad, Err(format!("INVALID_CONF_VALUE.{class}")), "{kind:?} {bad}");
        }
    }
}
