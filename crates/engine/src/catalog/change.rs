//! Defines the changes of an existing database, table or view.

use thalweg_sql::ir::{Name, Options};

/// One change. A provider refuses the changes that it does not implement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogChange {
    /// Gives the object a new name.
    RenameTo(Name),
    /// Sets or removes the comment.
    SetComment(Option<String>),
    /// Sets properties; others stay.
    SetProperties(Options),
    /// Removes properties.
    UnsetProperties(Vec<String>),
}

impl CatalogChange {
    /// Returns the clause of ALTER that makes the change.
    pub fn clause(&self) -> &'static str {
        match self {
            Self::RenameTo(_) => "RENAME TO",
            Self::SetComment(_) => "COMMENT",
            Self::SetProperties(_) => "SET PROPERTIES",
            Self::UnsetProperties(_) => "UNSET PROPERTIES",
        }
    }
}
