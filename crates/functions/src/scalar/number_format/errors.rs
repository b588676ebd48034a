//! Builds the errors of number formats: a format that is not one, and a text that does not match its format.

use super::quoted;
use arrow::datatypes::DataType;
use thalweg_common::{Error, ErrorKind};

/// Why a text is not a number format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadFormat {
    Empty,
    NoDigit,
    CurrencyAfterDigit,
    CurrencyAfterPoint,
    SeparatorsWithoutDigits,
    SeparatorAfterPoint,
    /// This token is there more than once.
    Repeated(&'static str),
    /// This token stands where none of its kind may.
    Unexpected(String),
}

impl BadFormat {
    fn class_and_reason(&self) -> (&'static str, String) {
        match self {
            Self::Empty => ("EMPTY", "The number format string cannot be empty.".to_owned()),
            Self::NoDigit => {
                ("WRONG_NUM_DIGIT", "The format string requires at least one number digit.".to_owned())
            }
            Self::CurrencyAfterDigit => (
                "CUR_MUST_BEFORE_DIGIT",
                "Currency characters must appear before digits in the number format.".to_owned(),
            ),
            Self::CurrencyAfterPoint => (
                "CUR_MUST_BEFORE_DEC",
                "Currency characters must appear before any decimal point in the number format.".to_owned(),
            ),
            Self::SeparatorsWithoutDigits => (
                "CONT_THOUSANDS_SEPS",
                "Thousands separators (, or G) must have digits in between them in the number format."
                    .to_owned(),
            ),
            Self::SeparatorAfterPoint => (
                "THOUSANDS_SEPS_MUST_BEFORE_DEC",
                "Thousands separators (, or G) may not appear after the decimal point in the number format."
                    .to_owned(),
            ),
            Self::Repeated(token) => {
                ("WRONG_NUM_TOKEN", format!("At most one {token} is allowed in the number format."))
            }
            Self::Unexpected(token) => (
                "UNEXPECTED_TOKEN",
                format!(
                    "Found the unexpected {token} in the format string; the structure of the format string must \
                     match: `[MI|S]` `[$]` `[0|9|G|,]*` `[.|D]` `[0|9]*` `[$]` `[PR|MI|S]`."
                ),
            ),
        }
    }

    /// `[INVALID_FORMAT.*]` for a format in capitals.
    pub(super) fn error(&self, format: &str) -> Error {
        let (class, reason) = self.class_and_reason();
        let text = format!("The format is invalid: '{format}'. {reason}");
        Error::new(ErrorKind::Analysis, format!("INVALID_FORMAT.{class}"), "42601", text)
            .param("format", format!("'{format}'"))
    }
}

/// `[INVALID_FORMAT.MISMATCH_INPUT]`.
pub(super) fn mismatch(format: &str, input: &str) -> Error {
    let text =
        format!("The format is invalid: {format}. The input \"STRING\" {input} does not match the format.");
    Error::new(ErrorKind::IllegalArgument, "INVALID_FORMAT.MISMATCH_INPUT", "42601", text)
        .param("format", format)
        .param("input", input)
        .param("inputType", "\"STRING\"")
}

/// `[NON_FOLDABLE_ARGUMENT]`: the format of a binary is not a constant text.
pub(super) fn format_not_constant(function: &str, actual: &DataType) -> Error {
    let actual = quoted(actual);
    let text = format!(
        "The function `{function}` requires the parameter `format` to be a foldable expression of the type {actual}, \
         but the actual argument is a non-foldable."
    );
    Error::new(ErrorKind::Analysis, "NON_FOLDABLE_ARGUMENT", "42K08", text)
        .param("funcName", format!("`{function}`"))
        .param("paramName", "`format`")
        .param("paramType", actual)
}
