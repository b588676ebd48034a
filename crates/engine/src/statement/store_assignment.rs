//! Checks that a query's types may be stored in a table's columns, by Spark's ANSI store assignment.
//!
//! Numbers may be stored as numbers and every atomic type as text; a value that is out of range fails while it is
//! written. A conversion that would parse text is refused before any row is written.

use crate::catalog::TableName;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::types::{DataType, StructType};
use thalweg_values::names::same_name;

/// Refuses the first column of `given` that the column of `target` with the name in `names` cannot store.
pub(super) fn check(
    table: &TableName,
    names: &[String],
    given: &StructType,
    target: &StructType,
) -> Result<()> {
    for (name, field) in names.iter().zip(&given.fields) {
        // The names were checked before the types, so each has a column.
        let Some(own) = target.fields.iter().find(|f| same_name(&f.name, name)) else { continue };
        if !takes(&own.data_type, &field.data_type) {
            let shown = |t: &DataType| format!("\"{}\"", t.to_string().to_uppercase());
            let (from, to) = (shown(&field.data_type), shown(&own.data_type));
            let what = format!("Cannot safely cast `{}` {from} to {to}", own.name);
            return Err(incompatible(&table.to_string(), "CANNOT_SAFELY_CAST", &what)
                .param("colName", format!("`{}`", own.name))
                .param("srcType", from)
                .param("targetType", to));
        }
    }
    Ok(())
}

/// `[INCOMPATIBLE_DATA_FOR_TABLE.…]`.
pub(super) fn incompatible(table: &str, class: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        format!("INCOMPATIBLE_DATA_FOR_TABLE.{class}"),
        "KD000",
        format!("Cannot write incompatible data for the table {table}: {what}."),
    )
    .param("tableName", table)
}

fn takes(own: &DataType, given: &DataType) -> bool {
    use DataType as T;
    match (given, own) {
        (T::Array { element: given, .. }, T::Array { element: own, .. }) => takes(own, given),
        (T::Map { key: given, value: given_value, .. }, T::Map { key: own, value: own_value, .. }) => {
            takes(own, given) && takes(own_value, given_value)
        }
        (T::Struct(given), T::Struct(own)) => {
            given.fields.len() == own.fields.len()
                && given.fields.iter().zip(&own.fields).all(|(g, o)| takes(&o.data_type, &g.data_type))
        }
        // A nested value has no text that could be read back, so it is not stored as one.
        (T::Array { .. } | T::Map { .. } | T::Struct(_), _) => false,
        (T::Null, _) | (_, T::String | T::Char(_) | T::Varchar(_)) => true,
        (T::Date | T::Timestamp | T::TimestampNtz, T::Date | T::Timestamp | T::TimestampNtz)
        | (T::DayTimeInterval { .. }, T::DayTimeInterval { .. })
        | (T::YearMonthInterval { .. }, T::YearMonthInterval { .. }) => true,
        _ => given == own || (is_number(given) && is_number(own)),
    }
}

fn is_number(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(data_type, T::Byte | T::Short | T::Integer | T::Long | T::Float | T::Double | T::Decimal { .. })
}
