//! Defines the records that the catalog returns, one for each kind of object. Records are values: a later change
//! of the catalog does not change them.

use super::TableKind;
use thalweg_sql::types::{DataType, StructField};

/// A database (schema).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// The name.
    pub name: String,
    /// The comment.
    pub comment: Option<String>,
    /// The default location of its managed tables, if the catalog records it.
    pub location: Option<String>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// The name.
    pub name: String,
    /// The lower-case database; none for a temporary view of the session.
    pub database: Option<String>,
    /// [`TableKind::View`] for a temporary view.
    pub kind: TableKind,
    /// Whether the view ends with the session.
    pub is_temporary: bool,
    /// The comment.
    pub comment: Option<String>,
    /// The lower-case format name; none for a view.
    pub format: Option<String>,
    /// A path or URL; none for a view.
    pub location: Option<String>,
}

impl TableInfo {
    /// Returns Spark's word for the kind of the table: `MANAGED`, `VIEW`, `TEMPORARY` and so on.
    pub fn table_type(&self) -> &'static str {
        match self.kind {
            _ if self.is_temporary => "TEMPORARY",
            TableKind::Managed => "MANAGED",
            TableKind::External => "EXTERNAL",
            TableKind::View => "VIEW",
            TableKind::Streaming => "STREAMING_TABLE",
        }
    }

    /// Returns whether it is a view, temporary or persistent.
    pub fn is_view(&self) -> bool {
        self.kind == TableKind::View
    }
}

/// A column of a table, view or query.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnInfo {
    /// The name.
    pub name: String,
    /// The type.
    pub data_type: DataType,
    /// Whether a value may be null.
    pub nullable: bool,
    /// The comment.
    pub comment: Option<String>,
    /// Whether the table is partitioned by this column.
    pub is_partition: bool,
}

impl From<&StructField> for ColumnInfo {
    fn from(field: &StructField) -> Self {
        Self {
            name: field.name.clone(),
            data_type: field.data_type.clone(),
            nullable: field.nullable,
            comment: field.comment(),
            is_partition: false,
        }
    }
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionInfo {
    /// The name.
    pub name: String,
    /// None for a function that is built in.
    pub database: Option<String>,
    /// The description.
    pub comment: Option<String>,
    /// True for a function that is built in, as in Spark.
    pub is_temporary: bool,
}
