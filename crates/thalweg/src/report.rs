//! How an error reads on stderr: class and SQLSTATE, message, the line with a caret, the hint.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use thalweg_common::{Error, ErrorKind, Position};

/// An error and the statement that it belongs to.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub text: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, text: String::new() }
    }
}

/// An error of the program's surroundings: `what` did not work, because of `cause`.
pub fn failed(what: &str, cause: impl Display) -> Error {
    Error::new(ErrorKind::Runtime, "FAILED", "58000", format!("{what}: {cause}"))
}

/// Writes the error to stderr, in colour if that is a terminal and `NO_COLOR` is not set.
pub fn to_stderr(error: &Error, text: &str) {
    let mut stderr = std::io::stderr();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let _ = stderr.write_all(render(error, text, colour).as_bytes());
}

/// The error as text that ends with a newline.
pub fn render(error: &Error, text: &str, colour: bool) -> String {
    let (red, bold, plain) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    let (class, state, message) = (error.class(), error.sqlstate(), error.message());
    let mut out = format!("{red}error[{class}]{plain} SQLSTATE {state}: {bold}{message}{plain}\n");
    if let Some(line) = error.position().and_then(|p| excerpt(p, text)) {
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

/// The line of the statement with a caret under each character of the fragment that is on it.
fn excerpt(position: &Position, text: &str) -> Option<String> {
    let line = text.lines().nth(position.line.checked_sub(1)?)?;
    let before = position.column.saturating_sub(1);
    let left_on_line = line.chars().count().saturating_sub(before);
    let marked = position.fragment.lines().next().map_or(0, |f| f.chars().count());
    let carets = "^".repeat(marked.min(left_on_line).max(1));
    // A tab stays a tab under a tab, so that the caret stands where the eye expects it.
    let pad: String = line.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let gutter = format!("{:>3}", position.line);
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
        assert_eq!(render(&error, text, false), expected);
    }

    #[test]
    fn a_place_at_the_end_of_the_text_still_has_a_caret() {
        let error = Error::new(ErrorKind::Parse, "PARSE_SYNTAX_ERROR", "42601", "end of input")
            .at(Some(Position::locate("SELECT", 6, 6)));
        assert!(render(&error, "SELECT", false).ends_with("  1 | SELECT\n    |       ^\n"));
    }
}
