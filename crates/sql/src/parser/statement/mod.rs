//! Statements: the first word selects the file that parses the rest.

mod create;
mod describe;
mod drop;
mod insert;
mod settings;
mod show;

use super::Parser;
use super::lexer::TokenKind;
use crate::ir::{Command, Options, Statement};
use thalweg_common::{Error, ErrorKind, Result};

/// Reads a statement of which the first word is known.
type Reader<'a> = fn(&mut Parser<'a>) -> Result<Command>;

/// Spark's statements that are not supported, by their first word.
const REFUSED: [&str; 27] = [
    "ADD", "ALTER", "ANALYZE", "BEGIN", "CACHE", "CALL", "CLEAR", "COMMENT", "DECLARE", "DELETE", "DFS",
    "EXECUTE", "EXPORT", "GRANT", "IMPORT", "LIST", "LOAD", "MERGE", "MSCK", "OPTIMIZE", "REFRESH", "REPAIR",
    "REVOKE", "TRUNCATE", "UNCACHE", "UPDATE", "VACUUM",
];

fn reader<'a>(word: &str) -> Option<Reader<'a>> {
    let reader: Reader<'a> = match word {
        "CREATE" | "REPLACE" => Parser::create,
        "DROP" => Parser::drop_statement,
        "INSERT" => Parser::insert,
        "SHOW" => Parser::show,
        "DESCRIBE" | "DESC" => Parser::describe,
        "EXPLAIN" => Parser::explain,
        "USE" => Parser::use_database,
        "SET" => Parser::set,
        "RESET" => Parser::reset,
        "START" => Parser::start_job,
        "STOP" => Parser::stop_job,
        _ => return None,
    };
    Some(reader)
}

/// Returns whether `word` begins a statement of Spark that is not a query.
fn is_statement(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    reader(&upper).is_some() || REFUSED.contains(&upper.as_str())
}

impl Parser<'_> {
    /// One whole statement.
    pub(crate) fn statement(&mut self) -> Result<Statement> {
        if self.at_end() {
            return Err(empty_statement());
        }
        let statement = self.statement_body()?;
        self.finish()?;
        Ok(statement)
    }

    fn statement_body(&mut self) -> Result<Statement> {
        if self.is_symbol("(") || self.starts_query(self.pos) {
            return self.query_or_insert();
        }
        let word = if self.peek().kind == TokenKind::Word {
            self.here().to_ascii_uppercase()
        } else {
            String::new()
        };
        match reader(&word) {
            Some(read) => Ok(Statement::Command(read(self)?)),
            None if REFUSED.contains(&word.as_str()) => {
                Err(self.unsupported(&format!("the statement {word}")))
            }
            // `starts_query` has not recognised a query here, but reading one gives the error at the place that is
            // wrong.
            None if matches!(word.as_str(), "SELECT" | "WITH" | "FROM" | "VALUES") => {
                Ok(Statement::Query(self.query()?))
            }
            None => Err(self.error()),
        }
    }

    /// A query; `WITH … INSERT` inserts one.
    fn query_or_insert(&mut self) -> Result<Statement> {
        let start = self.pos;
        if self.is_word("WITH") {
            let (ctes, recursive) = self.ctes()?;
            if self.is_word("INSERT") {
                let Command::Insert(mut insert) = self.insert()? else { return Err(self.error()) };
                let input = insert.query;
                let node = crate::ir::RelationNode::With { ctes, recursive, input };
                insert.query = Box::new(self.on_top_of_query(node, start)?);
                return Ok(Statement::Command(Command::Insert(insert)));
            }
            // A query reads its common table expressions itself, from the beginning and with their height.
            self.pos = start;
            self.height = 0;
        }
        Ok(Statement::Query(self.query()?))
    }

    fn on_top_of_query(
        &mut self,
        node: crate::ir::RelationNode,
        start: usize,
    ) -> Result<crate::ir::Relation> {
        self.grow()?;
        Ok(self.relation_at(node, start))
    }

    fn if_exists(&mut self) -> Result<bool> {
        if !self.eat("IF") {
            return Ok(false);
        }
        self.expect("EXISTS")?;
        Ok(true)
    }

    fn if_not_exists(&mut self) -> Result<bool> {
        if !self.eat("IF") {
            return Ok(false);
        }
        self.expect("NOT")?;
        self.expect("EXISTS")?;
        Ok(true)
    }

    /// `(key = value, 'key' value, …)`.
    pub(crate) fn property_list(&mut self) -> Result<Options> {
        self.parenthesized(Self::property)
    }

    fn property(&mut self) -> Result<(String, String)> {
        let key = match self.eat_text() {
            Some(key) => key,
            None => self.name()?.join("."),
        };
        // The sign is optional in Spark's grammar.
        self.eat_symbol("=");
        Ok((key, self.property_value()?))
    }

    fn property_value(&mut self) -> Result<String> {
        if let Some(text) = self.eat_text() {
            return Ok(text);
        }
        let start = self.pos;
        let negative = self.eat_symbol("-");
        let fits = self.peek().kind == TokenKind::Number
            || (!negative && (self.is_word("TRUE") || self.is_word("FALSE")));
        if !fits {
            return Err(self.error());
        }
        self.advance();
        Ok(self.slice(start).to_owned())
    }

    /// `START JOB 'id'`.
    fn start_job(&mut self) -> Result<Command> {
        self.expect("START")?;
        self.expect("JOB")?;
        Ok(Command::StartJob { id: self.text()? })
    }

    /// `STOP JOB 'id' [WITH DRAIN]`.
    fn stop_job(&mut self) -> Result<Command> {
        self.expect("STOP")?;
        self.expect("JOB")?;
        let id = self.text()?;
        let drain = self.eat_words("WITH DRAIN");
        Ok(Command::StopJob { id, drain })
    }
}

/// Creates the error for a text without a statement.
pub(crate) fn empty_statement() -> Error {
    Error::new(
        ErrorKind::Parse,
        "PARSE_EMPTY_STATEMENT",
        "42617",
        "Syntax error, unexpected empty statement.",
    )
}
