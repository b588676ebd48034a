//! Defines full table names: database and table, both stored as written and compared without regard to case.

use std::fmt;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::names::quoted;

/// The name of the only catalog, which is Spark's.
pub const CATALOG: &str = "spark_catalog";

/// The full name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// Converts one to three parts; the database is `current` if there is one part.
    ///
    /// # Errors
    /// Spark's class for a name with another catalog or too many parts.
    pub fn parse(parts: &[String], current: &str) -> Result<Self> {
        match parts {
            [table] => Ok(Self { database: current.to_owned(), table: table.clone() }),
            [database, table] => Ok(Self { database: database.clone(), table: table.clone() }),
            [catalog, database, table] if catalog.eq_ignore_ascii_case(CATALOG) => {
                Ok(Self { database: database.clone(), table: table.clone() })
            }
            // There is one catalog, so a name in another one is not there.
            _ => Err(not_found(parts)),
        }
    }

    /// Returns `spark_catalog.db.t` as name parts.
    pub fn qualifier(&self) -> Vec<String> {
        vec![CATALOG.to_owned(), self.database.clone(), self.table.clone()]
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{CATALOG}`.`{}`.`{}`", self.database, self.table)
    }
}

/// Creates the error `TABLE_OR_VIEW_NOT_FOUND` for a name.
pub fn not_found(parts: &[String]) -> Error {
    let name = quoted(parts);
    Error::new(
        ErrorKind::Analysis,
        "TABLE_OR_VIEW_NOT_FOUND",
        "42P01",
        format!(
            "The table or view {name} cannot be found. Verify the spelling and correctness of the schema and catalog."
        ),
    )
    .param("relationName", name)
}
