//! `DESCRIBE` and `EXPLAIN`.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::{Command, ExplainMode};
use thalweg_common::Result;

impl Parser<'_> {
    pub(super) fn describe(&mut self) -> Result<Command> {
        self.advance();
        if matches!(self.peek().kind, TokenKind::Text(_)) {
            // A file, as after FROM.
            let query = self.named_table(false)?;
            return if self.at_end() {
                Ok(Command::DescribeQuery { query: Box::new(query) })
            } else {
                Err(self.error())
            };
        }
        let is_query = self.starts_query(self.pos) && !self.is_word("TABLE");
        if is_query || self.eat("QUERY") || self.is_symbol("(") {
            return Ok(Command::DescribeQuery { query: Box::new(self.query()?) });
        }
        let others =
            ["FUNCTION", "DATABASE", "SCHEMA", "NAMESPACE", "CATALOG", "PROCEDURE", "HISTORY", "DETAIL"];
        // By itself or before a point each of these words is the name of a table.
        let named = !self.is_symbol_at(self.pos + 1, ".") && self.pos + 1 < self.stop;
        if self.is_any_word(&others) && named {
            return Err(self.unsupported(&format!("DESCRIBE {}", self.here().to_uppercase())));
        }
        if self.is_word("TABLE") && named {
            self.advance();
        }
        let more = self.pos + 1 < self.stop && !self.is_symbol_at(self.pos + 1, ".");
        let extended = more && self.eat_any(&["EXTENDED", "FORMATTED"]).is_some();
        let name = self.name()?;
        if self.is_words("AS JSON") || self.is_word("PARTITION") {
            return Err(self.unsupported(&format!("{} in DESCRIBE", self.here().to_uppercase())));
        }
        match self.at_end() {
            true => Ok(Command::DescribeTable { name, extended }),
            false if self.bare_alias().is_some() => {
                Err(self.unsupported_at("DESCRIBE of one column", self.pos - 1))
            }
            false => Err(self.error()),
        }
    }

    pub(super) fn explain(&mut self) -> Result<Command> {
        self.expect("EXPLAIN")?;
        let mode = match self.eat_any(&["EXTENDED", "CODEGEN", "COST", "FORMATTED", "LOGICAL"]) {
            Some("EXTENDED") => ExplainMode::Extended,
            Some("CODEGEN") => ExplainMode::Codegen,
            Some("COST") => ExplainMode::Cost,
            Some("FORMATTED") => ExplainMode::Formatted,
            Some(_) => return Err(self.unsupported_at("EXPLAIN LOGICAL", self.pos - 1)),
            None => ExplainMode::Simple,
        };
        if !self.is_symbol("(") && !self.starts_query(self.pos) && super::is_statement(self.here()) {
            return Err(self.unsupported("EXPLAIN of anything but a query"));
        }
        Ok(Command::Explain { mode, query: Box::new(self.query()?) })
    }
}
