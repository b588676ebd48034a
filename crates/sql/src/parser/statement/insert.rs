//! `INSERT INTO` and `INSERT OVERWRITE`.

use super::super::Parser;
use crate::ir::{Command, Insert};
use thalweg_common::Result;

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<Command> {
        self.expect("INSERT")?;
        if self.is_words("WITH SCHEMA EVOLUTION") {
            return Err(self.unsupported("WITH SCHEMA EVOLUTION in INSERT"));
        }
        let overwrite = match self.eat_any(&["INTO", "OVERWRITE"]) {
            Some(word) => word == "OVERWRITE",
            None => return Err(self.error()),
        };
        if self.is_word("DIRECTORY") || self.is_words("LOCAL DIRECTORY") {
            return Err(self.unsupported("INSERT OVERWRITE DIRECTORY"));
        }
        self.eat("TABLE");
        let table = self.name()?;
        if self.is_word("AS") {
            return Err(self.unsupported("an alias of INSERT's table"));
        }
        let mut by_name = false;
        let mut columns = vec![];
        // A parenthesis after the table holds its columns or already the query.
        if self.is_symbol("(") && !self.is_query_in_parentheses(self.pos) {
            columns = self.parenthesized(Self::identifier)?;
        } else if self.eat_words("BY NAME") {
            by_name = true;
        }
        for clause in ["PARTITION", "IF NOT EXISTS", "REPLACE WHERE", "REPLACE USING", "REPLACE ON"] {
            if self.is_words(clause) {
                return Err(self.unsupported(&format!("{clause} in INSERT")));
            }
        }
        let query = Box::new(self.query()?);
        Ok(Command::Insert(Insert { table, columns, query, overwrite, by_name }))
    }
}
