//! How an existing database, table or view may be altered.

use thalweg_sql::ir::{Name, Options};

/// One change. A provider refuses the changes that it does not implement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogChange {
    RenameTo(Name),
    SetComment(Option<String>),
    SetProperties(Options),
    UnsetProperties(Vec<String>),
}

impl CatalogChange {
    /// Returns the clause of ALTER that asks for the change.
    pub fn clause(&self) -> &'static str {
        match self {
            Self::RenameTo(_) => "RENAME TO",
            Self::SetComment(_) => "COMMENT",
            Self::SetProperties(_) => "SET PROPERTIES",
            Self::UnsetProperties(_) => "UNSET PROPERTIES",
        }
    }
}
