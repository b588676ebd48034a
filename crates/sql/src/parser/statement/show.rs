//! `SHOW`.

use super::super::Parser;
use crate::ir::{Command, FunctionScope, Name};
use crate::parser::lexer::TokenKind;
use thalweg_common::{Error, ErrorKind, Result};

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Result<Command> {
        let start = self.pos;
        self.expect("SHOW")?;
        if self.is_word_at(self.pos + 1, "FUNCTIONS") {
            let scope = self.function_scope(start)?;
            self.expect("FUNCTIONS")?;
            return self.show_functions(scope, start);
        }
        if self.eat("FUNCTIONS") {
            return self.show_functions(FunctionScope::All, start);
        }
        self.show_what()
    }

    fn function_scope(&mut self, start: usize) -> Result<FunctionScope> {
        let scope = self.identifier()?.to_lowercase();
        match scope.as_str() {
            "all" => Ok(FunctionScope::All),
            "system" => Ok(FunctionScope::System),
            "user" => Ok(FunctionScope::User),
            _ => Err(self.invalid_show("SCOPE", format!("SHOW `{scope}` FUNCTIONS not supported"), start)),
        }
    }

    /// `[FROM database] [[LIKE] pattern]`, where the pattern is a text or, without a database, a name.
    fn show_functions(&mut self, scope: FunctionScope, start: usize) -> Result<Command> {
        // At the end a key word is the name of a function.
        let is_last = self.token_at(self.pos + 1).kind == TokenKind::End;
        let from = if is_last { None } else { self.in_database()? };
        if self.token_at(self.pos + 1).kind != TokenKind::End {
            self.eat("LIKE");
        }
        if self.at_end() {
            return Ok(Command::ShowFunctions { scope, database: from, pattern: None });
        }
        if let Some(pattern) = self.eat_text() {
            return Ok(Command::ShowFunctions { scope, database: from, pattern: Some(pattern) });
        }
        let mut name = self.name()?;
        if from.is_some() {
            let name: Vec<_> = name.iter().map(|part| format!("`{part}`")).collect();
            let name = name.join(".");
            let text = format!("Invalid pattern in SHOW FUNCTIONS: {name}. It must be a \"STRING\" literal");
            return Err(self.invalid_show("PATTERN", text, start));
        }
        let pattern = name.pop();
        Ok(Command::ShowFunctions { scope, database: (!name.is_empty()).then_some(name), pattern })
    }

    fn invalid_show(&self, what: &str, text: String, start: usize) -> Error {
        let class = format!("INVALID_SQL_SYNTAX.SHOW_FUNCTIONS_INVALID_{what}");
        let text = format!("Invalid SQL syntax: {text}.");
        Error::new(ErrorKind::Parse, class, "42000", text).at(self.position(start, self.stop))
    }

    fn show_what(&mut self) -> Result<Command> {
        let words = ["TABLES", "VIEWS", "DATABASES", "SCHEMAS", "NAMESPACES", "COLUMNS", "JOBS"];
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

    /// `[LIKE] 'pattern'`, or a name.
    fn pattern(&mut self) -> Result<Option<String>> {
        let like = self.eat("LIKE");
        match self.eat_text() {
            Some(pattern) => Ok(Some(pattern)),
            None if like || !self.at_end() => Ok(Some(self.name()?.join("."))),
            None => Ok(None),
        }
    }
}
