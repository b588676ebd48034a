//! `SHOW`.

use super::super::Parser;
use crate::ir::{Command, Name};
use thalweg_common::Result;

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Result<Command> {
        self.expect("SHOW")?;
        if self.is_any_word(&["USER", "SYSTEM", "ALL"]) && self.is_word_at(self.pos + 1, "FUNCTIONS") {
            return match self.is_word("ALL") {
                true => {
                    self.advance();
                    self.show_what()
                }
                false => Err(self.unsupported(&format!("SHOW {} FUNCTIONS", self.here().to_uppercase()))),
            };
        }
        self.show_what()
    }

    fn show_what(&mut self) -> Result<Command> {
        let words = ["TABLES", "VIEWS", "DATABASES", "SCHEMAS", "NAMESPACES", "COLUMNS", "FUNCTIONS", "JOBS"];
        let at = self.pos;
        match self.eat_any(&words) {
            Some("TABLES") => {
                let database = self.in_database()?;
                Ok(Command::ShowTables { database, pattern: self.pattern()? })
            }
            Some("VIEWS") => {
                let database = self.in_database()?;
                Ok(Command::ShowViews { database, pattern: self.pattern()? })
            }
            Some("FUNCTIONS") => {
                if self.is_any_word(&["FROM", "IN"]) {
                    return Err(self.unsupported("SHOW FUNCTIONS of a database"));
                }
                Ok(Command::ShowFunctions { pattern: self.pattern()? })
            }
            Some("COLUMNS") => self.show_columns(),
            Some("JOBS") => Ok(Command::ShowJobs),
            Some(_) => {
                if self.is_any_word(&["FROM", "IN"]) {
                    return Err(self.unsupported("SHOW DATABASES of a catalog"));
                }
                Ok(Command::ShowDatabases { pattern: self.pattern()? })
            }
            None => {
                let others = [
                    "TABLE",
                    "CREATE",
                    "PARTITIONS",
                    "TBLPROPERTIES",
                    "CATALOGS",
                    "CURRENT",
                    "VARIABLES",
                    "INDEXES",
                ];
                match self.is_any_word(&others) {
                    true => Err(self.unsupported_at(&format!("SHOW {}", self.here().to_uppercase()), at)),
                    false => Err(self.error()),
                }
            }
        }
    }

    fn show_columns(&mut self) -> Result<Command> {
        let table = self.in_database()?.ok_or_else(|| self.error())?;
        let Some(mut name) = self.in_database()? else { return Ok(Command::ShowColumns { table }) };
        name.extend(table.last().cloned());
        Ok(Command::ShowColumns { table: name })
    }

    /// `FROM name` or `IN name`.
    fn in_database(&mut self) -> Result<Option<Name>> {
        match self.eat_any(&["FROM", "IN"]) {
            Some(_) => Ok(Some(self.name()?)),
            None => Ok(None),
        }
    }

    /// `[LIKE] 'pattern'`; SHOW FUNCTIONS also takes a name.
    fn pattern(&mut self) -> Result<Option<String>> {
        let like = self.eat("LIKE");
        match self.eat_text() {
            Some(pattern) => Ok(Some(pattern)),
            None if like || !self.at_end() => Ok(Some(self.name()?.join("."))),
            None => Ok(None),
        }
    }
}
