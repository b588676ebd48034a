//! `SET`, `RESET` and `USE`.

use super::super::Parser;
use crate::ir::{Command, ExprNode};
use thalweg_common::{Error, ErrorKind, Result};

const TIME_ZONE: &str = "spark.sql.session.timeZone";

impl Parser<'_> {
    pub(super) fn use_database(&mut self) -> Result<Command> {
        self.expect("USE")?;
        if self.pos + 1 < self.stop && !self.is_symbol_at(self.pos + 1, ".") {
            if self.is_word("CATALOG") {
                return Err(self.unsupported("USE CATALOG"));
            }
            self.eat_any(&["DATABASE", "SCHEMA", "NAMESPACE"]);
        }
        Ok(Command::UseDatabase { name: self.name()? })
    }

    /// `SET`, `SET -v`, `SET key`, `SET key = value`, `SET TIME ZONE …`. The value is all text after `=`.
    pub(super) fn set(&mut self) -> Result<Command> {
        self.expect("SET")?;
        if self.at_end() {
            return Ok(Command::Set { key: None, value: None });
        }
        if self.slice_to_end().eq_ignore_ascii_case("-v") {
            self.pos = self.stop;
            return Ok(Command::ExplainSettings);
        }
        if self.eat_words("TIME ZONE") {
            return self.set_time_zone();
        }
        for word in ["VAR", "VARIABLE", "ROLE", "CATALOG", "PATH", "COLLATION"] {
            // Before `=` or a point these words begin the key of a setting.
            if self.is_word(word)
                && !self.is_symbol_at(self.pos + 1, "=")
                && !self.is_symbol_at(self.pos + 1, ".")
            {
                return Err(self.unsupported(&format!("SET {word}")));
            }
        }
        let text = self.slice_to_end();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(unquoted(value).to_owned())),
            None => (text, None),
        };
        let key = unquoted(key).to_owned();
        let valid = !key.is_empty() && !key.contains(char::is_whitespace);
        if !valid {
            return Err(self.invalid_set());
        }
        self.pos = self.stop;
        Ok(Command::Set { key: Some(key), value })
    }

    fn set_time_zone(&mut self) -> Result<Command> {
        let at = self.pos;
        let zone = if let Some(zone) = self.eat_text() {
            zone
        } else if self.is_word("LOCAL") {
            return Err(self.unsupported("SET TIME ZONE LOCAL"));
        } else if self.is_word("INTERVAL") {
            let interval = self.interval()?;
            let seconds = match &interval.node {
                ExprNode::Literal(crate::ir::Literal::DayTimeInterval { micros, .. }) => {
                    Some(micros / 1_000_000)
                }
                _ => None,
            };
            // Java's zones have offsets of at most 18 hours.
            let seconds = seconds.filter(|s| s.abs() <= 18 * 3600);
            let seconds = seconds
                .ok_or_else(|| self.error_at(at, ": an offset within 18 hours is needed".to_owned()))?;
            offset_text(seconds)
        } else {
            return Err(self.error());
        };
        Ok(Command::Set { key: Some(TIME_ZONE.to_owned()), value: Some(zone) })
    }

    pub(super) fn reset(&mut self) -> Result<Command> {
        self.expect("RESET")?;
        if self.at_end() {
            return Ok(Command::Reset { key: None });
        }
        let key = unquoted(self.slice_to_end()).to_owned();
        self.pos = self.stop;
        Ok(Command::Reset { key: Some(key) })
    }

    /// Returns the text from the current token to the statement's end.
    fn slice_to_end(&self) -> &str {
        let from = self.peek().from;
        let to = self.token_at(self.stop.saturating_sub(1)).to;
        self.source.text.get(from..to).unwrap_or_default().trim()
    }

    fn invalid_set(&self) -> Error {
        Error::new(
            ErrorKind::Parse,
            "INVALID_SET_SYNTAX",
            "42000",
            "Expected format is 'SET', 'SET key', or 'SET key=value'. If you want to include special characters in key, or include semicolon in value, please use backquotes, e.g., SET `key`=`value`.",
        )
        .at(self.position(self.pos, self.stop))
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('`').and_then(|t| t.strip_suffix('`')).unwrap_or(text)
}

fn offset_text(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}
