//! Checks the columns by which a table or a folder is to be partitioned, where a statement or a writer chooses them.
//!
//! The check is the same for all formats, and is made before anything is created. A connector gets partition columns
//! that fit the columns of the rows.

use crate::catalog::TableName;
use crate::column_names;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::types::{DataType, StructField, StructType};
use thalweg_values::names::same_name;

/// What is partitioned, which decides on the error for a column that it does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A table of the catalog.
    Table(&'a TableName),
    /// The folder of `df.write.save`.
    Folder,
    /// The target of a streaming query.
    Stream,
}

/// Refuses partition columns that are not among `columns`, that are named twice, that are all of them, or whose values
/// have no text for the name of a folder.
///
/// # Errors
/// `COLUMN_ALREADY_EXISTS`, `ALL_PARTITION_COLUMNS_NOT_ALLOWED`, `INVALID_PARTITION_COLUMN_DATA_TYPE`; for a column
/// that is not there, the class that Spark has for the target.
pub(crate) fn check(partition_by: &[String], columns: &StructType, target: Target<'_>) -> Result<()> {
    let find = |name: &String| {
        let column = columns.fields.iter().find(|f| same_name(&f.name, name));
        column.ok_or_else(|| not_defined(name, columns, target))
    };
    let found = partition_by.iter().map(find).collect::<Result<Vec<_>>>()?;
    column_names::check_unique(partition_by)?;
    // The files would have no columns, so a row would be nothing but its folder.
    if !found.is_empty() && found.len() == columns.fields.len() {
        return Err(Error::new(
            ErrorKind::Analysis,
            "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
            "KD005",
            "Cannot use all columns for partition columns.",
        ));
    }
    found.into_iter().try_for_each(check_type)
}

/// Returns the columns of a table of files in the order in which it is read: as in Spark, the partition columns come last,
/// in their own order.
pub(crate) fn partitions_last(columns: StructType, partition_by: &[String]) -> StructType {
    let place = |f: &StructField| partition_by.iter().position(|name| same_name(name, &f.name));
    let mut fields = columns.fields;
    // Stable: the columns of the files keep their order.
    fields.sort_by_key(|f| place(f).map_or(0, |place| place + 1));
    StructType { fields }
}

fn check_type(column: &StructField) -> Result<()> {
    match &column.data_type {
        // A nested value has a text, but none that is read back as the value.
        DataType::Array { .. } | DataType::Map { .. } | DataType::Struct(_) => {
            let name = format!("\"{}\"", column.data_type.sql());
            let message = format!("Cannot use {name} for partition column.");
            let class = "INVALID_PARTITION_COLUMN_DATA_TYPE";
            Err(Error::new(ErrorKind::Analysis, class, "0A000", message).param("type", name))
        }
        DataType::Binary => {
            Err(Error::unsupported(format!("the partition column `{}` of type binary", column.name)))
        }
        _ => Ok(()),
    }
}

fn not_defined(name: &str, columns: &StructType, target: Target<'_>) -> Error {
    let names = |quote: &str| {
        let name = |field: &StructField| format!("{quote}{}{quote}", field.name);
        columns.fields.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let error = |class, state, text| Error::new(ErrorKind::Analysis, class, state, text);
    match target {
        Target::Table(table) => {
            let known = names("`");
            let text = format!(
                "partition column `{name}` is not defined in table {table}, defined table columns are: {known}."
            );
            error("COLUMN_NOT_DEFINED_IN_TABLE", "42703", text)
                .param("colType", "partition")
                .param("colName", format!("`{name}`"))
                .param("tableName", table.to_string())
                .param("tableCols", known)
        }
        // These two have no names of their own in Spark.
        Target::Folder => {
            let schema = DataType::Struct(columns.clone()).simple_string();
            let text = format!("Partition column `{name}` not found in schema {schema}.");
            error("_LEGACY_ERROR_TEMP_1155", "42000", text)
        }
        Target::Stream => {
            let text = format!("Partition column {name} not found in existing columns ({}).", names(""));
            error("_LEGACY_ERROR_TEMP_1196", "42000", text)
        }
    }
}
