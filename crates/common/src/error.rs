//! Defines the error type of all crates: Spark's class, SQLSTATE and text, plus a hint.
//!
//! PySpark programs match on error classes, so class names, parameters and SQLSTATEs follow Spark.
//! [`ErrorKind`] determines which Python exception a client raises. Only the server converts an error to a
//! status of its protocol, and only the binary prints it.

use std::collections::BTreeMap;
use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, which determines the exception that a client raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A statement that does not parse (`ParseException`).
    Parse,
    /// A statement whose names, types or clauses are not valid (`AnalysisException`).
    Analysis,
    /// ANSI arithmetic: overflow, division by zero (`ArithmeticException`).
    Arithmetic,
    /// A string that is not a number of the required type (`NumberFormatException`).
    NumberFormat,
    /// A date or time out of its range (`DateTimeException`).
    DateTime,
    /// An argument or option outside its domain (`IllegalArgumentException`).
    IllegalArgument,
    /// An operation that is not supported (`UnsupportedOperationException`).
    Unsupported,
    /// ANSI array access out of bounds (`ArrayIndexOutOfBoundsException`).
    ArrayIndex,
    /// A key that does not exist (`SparkNoSuchElementException`).
    NoSuchElement,
    /// A streaming query ended with an error (`StreamingQueryException`).
    StreamingQuery,
    /// A failure at run time: bad data, files, disks (`SparkRuntimeException`).
    Runtime,
    /// The user cancelled the operation (`OPERATION_CANCELED`).
    Canceled,
    /// A handle that the server does not know (`INVALID_HANDLE.*`).
    InvalidHandle,
    /// A bug in Thalweg.
    Internal,
}

/// A range in the text of a statement. Offsets count characters from 0; line and column from 1.
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
    /// Returns the position of the characters `start..stop` of `text`.
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

/// An error as a user sees it. Its fields are boxed, so that a `Result` stays small.
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
    /// Creates an error of Spark's class `class` (`"DIVIDE_BY_ZERO"`) and five-character `sqlstate`.
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

    /// Creates an error that reports a bug in Thalweg: `[INTERNAL_ERROR]`, SQLSTATE XX000.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL_ERROR", "XX000", message)
    }

    /// Creates an error for a feature that is not supported: `[UNSUPPORTED_FEATURE]`, SQLSTATE 0A000.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Analysis,
            "UNSUPPORTED_FEATURE",
            "0A000",
            format!("The feature is not supported: {what}."),
        )
        .param("feature", what.to_string())
    }

    /// Adds a message parameter under its name in Spark.
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the position in the statement, unless the error has one already, which is nearer to the cause.
    pub fn at(mut self, position: Option<Position>) -> Self {
        if self.0.position.is_none() {
            self.0.position = position;
        }
        self
    }

    /// Adds the text of the error that caused this one.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        // Only the text is kept: errors are cloned and compared, which those of other libraries cannot be.
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Returns Spark's error class, such as `UNRESOLVED_COLUMN.WITH_SUGGESTION`.
    pub fn class(&self) -> &str {
        &self.0.class
    }
    /// Returns the five-character SQLSTATE.
    pub fn sqlstate(&self) -> &str {
        &self.0.sqlstate
    }
    /// Returns the text without class and SQLSTATE.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// Returns the message parameters under their names in Spark.
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        &self.0.parameters
    }
    /// Returns what the user can do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    /// Returns the position in the statement.
    pub fn position(&self) -> Option<&Position> {
        self.0.position.as_ref()
    }
    /// Returns the text of the error that caused this one.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} SQLSTATE: {}", self.0.class, self.0.message, self.0.sqlstate)?;
        if let Some(p) = &self.0.position {
            // Spark counts lines from 1 and the characters of a line from 0.
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
