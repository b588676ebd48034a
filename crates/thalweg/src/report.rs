//! Writes errors to stderr: class and SQLSTATE, message, the line with a caret, the hint.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use thalweg_common::{Error, ErrorKind, Position};

/// The class of the error for a closed stdout.
const NO_READER: &str = "BROKEN_PIPE";
/// The class of the error for a run that a signal ended.
const INTERRUPTED: &str = "OPERATION_CANCELED";

/// An error and the statement that it belongs to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub error: Error,
    pub text: String,
    /// The line of its file on which the statement begins, from 1.
    pub first_line: usize,
}

impl Failure {
    /// Returns the exit code of the process: 128 plus the number of the signal where there was one.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.error.class() {
            NO_READER => 128 + 13,
            INTERRUPTED => 128 + 2,
            _ => 1,
        }
    }

    /// Writes the failure to stderr. A reader that closes stdout early, as `head` does, is not reported.
    pub(crate) fn tell(&self) {
        if self.error.class() != NO_READER {
            write_stderr(&self.error, &self.text, self.first_line);
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, text: String::new(), first_line: 1 }
    }
}

/// Creates the error for a stdout that cannot be written.
pub(crate) fn no_stdout(cause: &std::io::Error) -> Error {
    // Rust's runtime ignores SIGPIPE, so a closed stdout is an error of a write and does not end the process.
    if cause.kind() == std::io::ErrorKind::BrokenPipe {
        return Error::new(ErrorKind::Runtime, NO_READER, "58030", "stdout is closed");
    }
    failed("stdout can't be written", cause)
}

/// Creates the error for a run that Ctrl-C ended.
pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Runtime, INTERRUPTED, "HY008", "Interrupted.")
}

/// Creates an error of the environment: `what` failed because of `cause`.
pub(crate) fn failed(what: &str, cause: impl Display) -> Error {
    Error::new(ErrorKind::Runtime, "FAILED", "58000", format!("{what}: {cause}"))
}

/// Writes the error to stderr, in colour if that is a terminal and `NO_COLOR` is not set.
pub(crate) fn to_stderr(error: &Error) {
    write_stderr(error, "", 1);
}

fn write_stderr(error: &Error, text: &str, first_line: usize) {
    let mut stderr = std::io::stderr();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let _ = stderr.write_all(render(error, text, first_line, colour).as_bytes());
}

/// Returns the error as text that ends with a newline.
pub(crate) fn render(error: &Error, text: &str, first_line: usize, colour: bool) -> String {
    let (red, bold, plain) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let (class, state, message) = (error.class(), error.sqlstate(), error.message());
    let mut out = format!("{red}error[{class}]{plain} SQLSTATE {state}: {bold}{message}{plain}\n");
    if let Some(line) = error.position().and_then(|p| excerpt(p, text, first_line)) {
        out.push_str(&line);
    }
    if let Some(cause) = error.cause() {
        out.push_str(&format!("cause: {cause}\n"));
    }
    if let Some(hint) = error.hint_text() {
        out.push_str(&format!("hint: {hint}\n"));
    }
    out
}

/// Returns the line of the statement with a caret under each of its characters that is in the fragment.
fn excerpt(position: &Position, text: &str, first_line: usize) -> Option<String> {
    let line = text.lines().nth(position.line.checked_sub(1)?)?;
    let before = position.column.saturating_sub(1);
    let left_on_line = line.chars().count().saturating_sub(before);
    let marked = position.fragment.lines().next().map_or(0, |f| f.chars().count());
    let carets = "^".repeat(marked.min(left_on_line).max(1));
    // A tab stays a tab, so that the caret is under its character.
    let pad: String = line.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let gutter = format!("{:>3}", position.line + first_line - 1);
    let blank = " ".repeat(gutter.len());
    Some(format!("{gutter} | {line}\n{blank} | {pad}{carets}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place_and_what_to_do() {
        let text = "SELECT\n  sum(l_extendedpric)";
        let error = Error::new(ErrorKind::Analysis, "UNRESOLVED_COLUMN", "42703", "no such column")
            .hint("did you mean \"l_extendedprice\"?")
            .at(Some(Position::locate(text, 13, 27)));
        let expected = "error[UNRESOLVED_COLUMN] SQLSTATE 42703: no such column\n  2 |   sum(l_extendedpric)\n    |       \
                        ^^^^^^^^^^^^^^\nhint: did you mean \"l_extendedprice\"?\n";
        assert_eq!(render(&error, text, 1, false), expected);
        assert!(render(&error, text, 9, false).contains("\n 10 |   sum("));
    }

    #[test]
    fn a_place_at_the_end_of_the_text_still_has_a_caret() {
        let error = Error::new(ErrorKind::Parse, "PARSE_SYNTAX_ERROR", "42601", "end of input")
            .at(Some(Position::locate("SELECT", 6, 6)));
        assert!(render(&error, "SELECT", 1, false).ends_with("  1 | SELECT\n    |       ^\n"));
    }
}
