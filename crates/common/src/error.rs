//! The one error that leaves a crate: Spark's class, SQLSTATE and text, plus our hint.
//!
//! PySpark programs match on error classes, so class names, parameters and SQLSTATEs follow
//! Spark. `ErrorKind` decides which Python exception a client raises. Only the door turns
//! an error into a wire status; only the binary prints it.

use std::collections::BTreeMap;
use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The family of an error: decides the exception that a client raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not in the language (`ParseException`).
    Parse,
    /// The text is, but names, types or clauses do not fit (`AnalysisException`).
    Analysis,
    /// ANSI arithmetic: overflow, division by zero (`ArithmeticException`).
    Arithmetic,
    /// A string that is not the number it should be (`NumberFormatException`).
    NumberFormat,
    /// A date or time out of its range (`DateTimeException`).
    DateTime,
    /// An argument or option outside its domain (`IllegalArgumentException`).
    IllegalArgument,
    /// Asked for something that is not supported (`UnsupportedOperationException`).
    Unsupported,
    /// ANSI array access out of bounds (`ArrayIndexOutOfBoundsException`).
    ArrayIndex,
    /// A key that does not exist (`SparkNoSuchElementException`).
    NoSuchElement,
    /// A streaming query ended with an error (`StreamingQueryException`).
    StreamingQuery,
    /// Failed while running: bad data, files, disks (`SparkRuntimeException`).
    Runtime,
    /// The user cancelled the operation (`OPERATION_CANCELED`).
    Canceled,
    /// A handle the server does not know (`INVALID_HANDLE.*`).
    InvalidHandle,
    /// A fault of ours.
    Internal,
}

/// A place in a statement's text. Offsets count characters from 0; line and column from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// First character of the fragment.
    pub start: usize,
    /// One past the last character of the fragment.
    pub stop: usize,
    /// Line of `start`, from 1.
    pub line: usize,
    /// Column of `start`, from 1.
    pub column: usize,
    /// The text between `start` and `stop`.
    pub fragment: String,
}

impl Position {
    /// Locates the characters `start..stop` in `text`.
    pub fn locate(text: &str, start: usize, stop: usize) -> Self {
        let before = text.chars().take(start);
        let (mut line, mut column) = (1, 1);
        for c in before {
            if c == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        let fragment = text.chars().skip(start).take(stop.saturating_sub(start)).collect();
        Self { start, stop, line, column, fragment }
    }
}

/// An error as a user sees it. Boxed inside, so that `Result` stays small.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    kind: ErrorKind,
    class: String,
    sqlstate: String,
    message: String,
    parameters: BTreeMap<String, String>,
    hint: Option<String>,
    position: Option<Position>,
    cause: Option<String>,
}

impl Error {
    /// Makes an error of Spark's class `class` (`"DIVIDE_BY_ZERO"`) and five-character `sqlstate`.
    pub fn new(
        kind: ErrorKind,
        class: impl Into<String>,
        sqlstate: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            class: class.into(),
            sqlstate: sqlstate.into(),
            message: message.into(),
            parameters: BTreeMap::new(),
            hint: None,
            position: None,
            cause: None,
        }))
    }

    /// A fault of ours: `[INTERNAL_ERROR]`, SQLSTATE XX000.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL_ERROR", "XX000", message)
    }

    /// Something the user asked for that is not there: `[UNSUPPORTED_FEATURE]`, SQLSTATE 0A000.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Analysis,
            "UNSUPPORTED_FEATURE",
            "0A000",
            format!("The feature is not supported: {what}."),
        )
        .param("feature", what.to_string())
    }

    /// Adds a message parameter under Spark's name for it.
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the place in the statement, unless a place nearer to the cause is known already.
    pub fn at(mut self, position: Option<Position>) -> Self {
        if self.0.position.is_none() {
            self.0.position = position;
        }
        self
    }

    /// Adds the text of the error that caused this one.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The family of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Spark's error class, such as `UNRESOLVED_COLUMN.WITH_SUGGESTION`.
    pub fn class(&self) -> &str {
        &self.0.class
    }
    /// The five-character SQLSTATE.
    pub fn sqlstate(&self) -> &str {
        &self.0.sqlstate
    }
    /// The text without class and SQLSTATE.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The message parameters under Spark's names.
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        &self.0.parameters
    }
    /// What the user can do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    /// The place in the statement's text.
    pub fn position(&self) -> Option<&Position> {
        self.0.position.as_ref()
    }
    /// The text of the error that caused this one.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} SQLSTATE: {}", self.0.class, self.0.message, self.0.sqlstate)?;
        if let Some(p) = &self.0.position {
            write!(f, "; line {} pos {}", p.line, p.column.saturating_sub(1))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_columns_from_one() {
        let p = Position::locate("SELECT 1,\n  foo", 12, 15);
        assert_eq!((p.line, p.column, p.fragment.as_str()), (2, 3, "foo"));
    }

    #[test]
    fn an_error_reads_as_spark_writes_it() {
        let e = Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero.");
        assert_eq!(e.to_string(), "[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012");
    }
}
