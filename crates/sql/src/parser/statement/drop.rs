//! `DROP`: tables, views, databases.

use super::super::Parser;
use crate::ir::Command;
use thalweg_common::Result;

impl Parser<'_> {
    pub(super) fn drop_statement(&mut self) -> Result<Command> {
        self.expect("DROP")?;
        match self.eat_any(&["TABLE", "VIEW", "DATABASE", "SCHEMA", "NAMESPACE"]) {
            Some("TABLE") => {
                let if_exists = self.if_exists()?;
                let name = self.name()?;
                match self.is_word("PURGE") {
                    true => Err(self.unsupported("DROP TABLE … PURGE")),
                    false => Ok(Command::DropTable { name, if_exists }),
                }
            }
            Some("VIEW") => {
                let if_exists = self.if_exists()?;
                Ok(Command::DropView { name: self.name()?, if_exists })
            }
            Some(_) => {
                let if_exists = self.if_exists()?;
                let name = self.name()?;
                let cascade = self.eat_any(&["RESTRICT", "CASCADE"]) == Some("CASCADE");
                Ok(Command::DropDatabase { name, if_exists, cascade })
            }
            None if self.is_any_word(&[
                "FUNCTION",
                "TEMPORARY",
                "VARIABLE",
                "INDEX",
                "CATALOG",
                "MATERIALIZED",
            ]) =>
            {
                Err(self.unsupported(&format!("DROP {}", self.here().to_uppercase())))
            }
            None => Err(self.error()),
        }
    }
}
