//! Converts the types of Parquet columns to those of tables, and checks which files fit a table.
//!
//! Tables have only the types that all crates use: no views, no large offsets, no unsigned numbers, timestamps in
//! microseconds. A column may be read as a wider type, never as another.

use crate::cast::place;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;
use thalweg_values::names::same_name;
use thalweg_values::types::{decimal_holds, simple_name};

/// Returns the schema of a table over a file of that schema, without metadata; all columns may be null.
///
/// ```
/// use arrow::datatypes::{DataType, Field, Schema};
/// use thalweg_connector_files::parquet::types::table_schema;
///
/// # fn main() -> thalweg_common::Result<()> {
/// let file = Schema::new(vec![Field::new("n", DataType::UInt32, false)]);
/// assert_eq!(table_schema(&file)?.field(0), &Field::new("n", DataType::Int64, true));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A type that tables do not have is refused with the column's name.
pub fn table_schema(file: &Schema) -> Result<SchemaRef> {
    let fields = file.fields().iter().map(|f| table_field(f)).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn table_field(field: &Field) -> Result<Field> {
    Ok(Field::new(field.name(), table_type(field.name(), field.data_type())?, true))
}

/// Returns the type that a column of a file has in a table; a type that tables do not have is refused by name.
pub(crate) fn table_type(column: &str, file: &DataType) -> Result<DataType> {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Ok(match file {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        // Spark has no unsigned integers: the next wider type holds all values.
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        // Widened exactly, like decimals of fewer bits.
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Timestamp(_, Some(_)) => utc(),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        // Days in milliseconds.
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(_, value) => table_type(column, value)?,
        // An annotation of Arrow's alone; in the file it is a number.
        DataType::Duration(_) => DataType::Int64,
        DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::FixedSizeList(inner, _) => {
            DataType::List(Arc::new(Field::new("element", table_type(column, inner.data_type())?, true)))
        }
        DataType::Struct(fields) => {
            let inner = fields.iter().map(|f| table_field(f).map(Arc::new)).collect::<Result<Vec<_>>>()?;
            DataType::Struct(Fields::from(inner))
        }
        DataType::Map(entries, sorted) => DataType::Map(map_entries(column, entries)?, *sorted),
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Date32 => file.clone(),
        DataType::Time64(TimeUnit::Microsecond) => {
            return Err(illegal("UNSUPPORTED_TIME_TYPE", column, file));
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            return Err(illegal("PARQUET_TYPE_ILLEGAL", column, file));
        }
        _ => return Err(Error::unsupported(format!("the Parquet column `{column}` of type {file}"))),
    })
}

fn illegal(class: &str, column: &str, file: &DataType) -> Error {
    Error::new(
        ErrorKind::Analysis,
        class,
        if class == "PARQUET_TYPE_ILLEGAL" { "42846" } else { "0A000" },
        format!("Illegal Parquet type: the column `{column}` is {file}."),
    )
    .param("parquetType", file.to_string())
}

/// Replaces the type of columns that hold only nulls by the one that is stored for them: 32-bit integers.
pub(super) fn without_void(schema: &Schema) -> SchemaRef {
    let fields =
        schema.fields().iter().map(|f| f.as_ref().clone().with_data_type(stored_type(f.data_type())));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn stored_type(data_type: &DataType) -> DataType {
    let inner = |f: &FieldRef| Arc::new(f.as_ref().clone().with_data_type(stored_type(f.data_type())));
    match data_type {
        DataType::Null => DataType::Int32,
        DataType::List(item) => DataType::List(inner(item)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

fn map_entries(column: &str, entries: &FieldRef) -> Result<FieldRef> {
    let DataType::Struct(pair) = entries.data_type() else {
        return Err(Error::unsupported(format!("the Parquet map `{column}` without entries")));
    };
    let (Some(key), Some(value)) = (pair.first(), pair.get(1)) else {
        return Err(Error::unsupported(format!("the Parquet map `{column}` without key and value")));
    };
    // Other writers use other names inside maps; Spark's are the ones that queries can rely on.
    let key = Field::new("key", table_type(column, key.data_type())?, false);
    let value = Field::new("value", table_type(column, value.data_type())?, true);
    Ok(Arc::new(Field::new("entries", DataType::Struct(Fields::from(vec![key, value])), false)))
}

/// Returns the columns of a table in the spelling of a file.
pub(crate) fn spelled_as(file: &Schema, table: &SchemaRef) -> SchemaRef {
    let spelled = |f: &FieldRef| match place(file.fields(), f.name()).and_then(|p| file.fields().get(p)) {
        Some(own) => f.as_ref().clone().with_name(own.name()),
        None => f.as_ref().clone(),
    };
    Arc::new(Schema::new(table.fields().iter().map(spelled).collect::<Vec<_>>()))
}

/// Returns the columns of a file in the spelling of a table. Of two columns that differ by case only, the one that
/// [`place`] finds is the table's.
pub(super) fn spelled_like(table: &Schema, file: &Schema) -> SchemaRef {
    let mut fields: Vec<Field> = file.fields().iter().map(|f| f.as_ref().clone()).collect();
    for wanted in table.fields() {
        if let Some(found) = place(file.fields(), wanted.name()).and_then(|at| fields.get_mut(at)) {
            *found = found.clone().with_name(wanted.name());
        }
    }
    Arc::new(Schema::new_with_metadata(fields, file.metadata().clone()))
}

/// Refuses a file that holds a column of the table with a type that can't be read as the table's.
pub(crate) fn check_fits(path: &Path, file: &Schema, table: &Schema) -> Result<()> {
    for wanted in table.fields() {
        let Some(found) = place(file.fields(), wanted.name()).and_then(|p| file.fields().get(p)) else {
            // The column is null in this file.
            continue;
        };
        if !readable_as(&table_type(found.name(), found.data_type())?, wanted.data_type()) {
            return Err(mismatch(path, wanted, found.data_type()));
        }
    }
    Ok(())
}

/// Merges the columns of two files. A column of both has the wider of its types; `path` is the file of `b`.
pub(super) fn merged(a: &Schema, b: &Schema, path: &Path) -> Result<SchemaRef> {
    let fields =
        merged_fields(a.fields(), b.fields()).map_err(|(known, field)| cannot_merge(&known, &field, path))?;
    Ok(Arc::new(Schema::new(fields)))
}

/// Merges two lists of fields, or returns the two fields whose types have no wider one.
fn merged_fields(a: &Fields, b: &Fields) -> std::result::Result<Fields, (FieldRef, FieldRef)> {
    let mut fields: Vec<FieldRef> = a.iter().cloned().collect();
    for field in b {
        match fields.iter_mut().find(|f| same_name(f.name(), field.name())) {
            None => fields.push(Arc::clone(field)),
            Some(known) => {
                let both = merged_type(known.data_type(), field.data_type());
                let both = both.ok_or_else(|| (Arc::clone(known), Arc::clone(field)))?;
                *known = Arc::new(known.as_ref().clone().with_data_type(both));
            }
        }
    }
    Ok(fields.into())
}

fn merged_type(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::Struct(a), DataType::Struct(b)) => merged_fields(a, b).ok().map(DataType::Struct),
        (DataType::List(x), DataType::List(y)) => {
            let item = merged_type(x.data_type(), y.data_type())?;
            Some(DataType::List(Arc::new(x.as_ref().clone().with_data_type(item))))
        }
        _ if fits(a, b) => Some(b.clone()),
        _ => fits(b, a).then(|| a.clone()),
    }
}

fn cannot_merge(known: &Field, field: &Field, path: &Path) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "CANNOT_MERGE_SCHEMAS",
        "42KD9",
        format!(
            "Failed merging schemas: the column `{}` is {} in {} and {} in the files before it.",
            field.name(),
            simple_name(field.data_type()),
            uri(path),
            simple_name(known.data_type())
        ),
    )
    .param("column", field.name())
    .param("path", uri(path))
    .hint("Give the table a schema that fits all files.")
}

/// Whether a column of a file can be read as a type: one that holds all its values, or for instants the wall clock of
/// UTC.
fn readable_as(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(a, Some(_)), DataType::Timestamp(b, None)) => a == b,
        _ => fits(from, to),
    }
}

/// Whether every value of `from` is one of `to`, exactly.
fn fits(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        _ if from == to => true,
        (T::Null, _) => true,
        (T::Int8, T::Int16 | T::Int32 | T::Int64)
        | (T::Int16, T::Int32 | T::Int64)
        | (T::Int32, T::Int64) => true,
        // Parquet has no smaller integers than INT32, but an annotation says which of them are narrower.
        (T::Int32, T::Int8 | T::Int16) | (T::Int16, T::Int8) => false,
        (T::Float32, T::Float64) | (T::Int8 | T::Int16 | T::Int32, T::Float64) => true,
        (T::Int32, T::Date32) | (T::Utf8, T::Binary) => true,
        (_, T::Decimal128(q, t)) => decimal_holds(from, *q, *t),
        (T::Date32, T::Timestamp(_, None)) => true,
        (T::Timestamp(a, None), T::Timestamp(b, Some(_))) => a == b,
        (T::List(a), T::List(b)) => fits(a.data_type(), b.data_type()),
        (T::Map(a, _), T::Map(b, _)) => match (a.data_type(), b.data_type()) {
            (T::Struct(a), T::Struct(b)) => a.iter().zip(b).all(|(f, g)| {
                same_fields(f.data_type(), g.data_type()) && fits(f.data_type(), g.data_type())
            }),
            _ => false,
        },
        (T::Struct(a), T::Struct(b)) => evolves(a, b),
        _ => false,
    }
}

/// Whether structs of a file are read as those of a table, by the names of their fields. What the file
/// lacks is null, but not all of it; a name in another case is not found inside a struct.
fn evolves(file: &Fields, table: &Fields) -> bool {
    let own = |field: &FieldRef| file.iter().find(|f| f.name() == field.name());
    let other_case = |field: &FieldRef| file.iter().any(|f| same_name(f.name(), field.name()));
    let held = |field: &FieldRef| match own(field) {
        Some(own) => fits(own.data_type(), field.data_type()),
        None => !other_case(field),
    };
    // Without any of its fields a struct could not be told from a null one.
    table.iter().any(|f| own(f).is_some()) && table.iter().all(held)
}

/// Whether structs inside have the same fields in the same order: inside maps they are not matched by name.
fn same_fields(file: &DataType, table: &DataType) -> bool {
    match (file, table) {
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(f, g)| f.name() == g.name() && same_fields(f.data_type(), g.data_type()))
        }
        (DataType::List(a), DataType::List(b)) | (DataType::Map(a, _), DataType::Map(b, _)) => {
            same_fields(a.data_type(), b.data_type())
        }
        _ => true,
    }
}

fn mismatch(path: &Path, wanted: &Field, found: &DataType) -> Error {
    let actual = simple_name(found);
    Error::new(
        ErrorKind::Runtime,
        "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
        "KD001",
        format!(
            "Encountered error while reading file {}. Data type mismatches when reading Parquet column [{}]. \
             Expected Spark type {}, actual Parquet type {actual}.",
            uri(path),
            wanted.name(),
            simple_name(wanted.data_type())
        ),
    )
    .param("path", uri(path))
    .param("column", wanted.name())
    .param("expectedType", simple_name(wanted.data_type()))
    .param("actualType", actual.clone())
    .hint(format!("Declare the column as {actual} and cast it in the query."))
}
