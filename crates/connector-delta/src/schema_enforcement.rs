//! Fits rows to the columns of a Delta table: by name, and cast only where no value can change.
//!
//! A column that the rows lack is null; one that the table lacks is refused by name, as is a type whose values the
//! table's type does not all hold. The same holds for the fields of structs at any depth. A null that the table does
//! not allow is refused.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::cast::{cast, place};
use thalweg_values::types::{decimal_holds, simple_name};
use thalweg_values::zone::Zone;

/// Refuses rows with a column that the table lacks or whose type the table's does not hold, and rows without a column
/// that must not be null.
pub(crate) fn check(table: &Schema, rows: &Schema) -> Result<()> {
    // All differences are listed, so that a program is corrected once.
    let mut wrong = Vec::new();
    differences(table.fields(), rows.fields(), "", &mut wrong);
    if wrong.is_empty() {
        return required_are_there(table, rows);
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "DELTA_METADATA_MISMATCH",
        "42KDG",
        format!("A schema mismatch detected when writing to the Delta table: {}.", wrong.join("; ")),
    )
    .hint(
        "Cast the columns to the table's types, write with mergeSchema to add columns, or with overwriteSchema \
         in mode overwrite.",
    ))
}

fn required_are_there(table: &Schema, rows: &Schema) -> Result<()> {
    let lacks = |f: &&FieldRef| !f.is_nullable() && place(rows.fields(), f.name()).is_none();
    match table.fields().iter().find(lacks) {
        None => Ok(()),
        Some(column) => Err(Error::new(
            ErrorKind::Analysis,
            "DELTA_MISSING_NOT_NULL_COLUMN_VALUE",
            "23502",
            format!(
                "Column {}, which has a NOT NULL constraint, is missing from the data being written into the table.",
                column.name()
            ),
        )
        .param("columnName", column.name())),
    }
}

fn differences(table: &Fields, rows: &Fields, path: &str, wrong: &mut Vec<String>) {
    for field in rows {
        let name = format!("{path}{}", field.name());
        match place(table, field.name()).and_then(|at| table.get(at)) {
            None => wrong.push(format!("column `{name}` is not in the table")),
            Some(own) => match (own.data_type(), field.data_type()) {
                (DataType::Struct(own), DataType::Struct(given)) => {
                    differences(own, given, &format!("{name}."), wrong);
                }
                (own, given) if !holds(own, given) => wrong.push(format!(
                    "column `{name}` is {} but the table has {}",
                    simple_name(given),
                    simple_name(own)
                )),
                _ => {}
            },
        }
    }
}

/// Returns whether every value of the type `given` is a value of the type `own`.
fn holds(own: &DataType, given: &DataType) -> bool {
    use DataType as T;
    match (given, own) {
        // A column of nulls alone, as of `SELECT NULL`.
        (T::Null, _) => true,
        (T::List(given), T::List(own)) => holds(own.data_type(), given.data_type()),
        (T::Map(given, _), T::Map(own, _)) => holds(own.data_type(), given.data_type()),
        (T::Struct(given), T::Struct(own)) => given.iter().all(|f| {
            let own = place(own, f.name()).and_then(|at| own.get(at));
            own.is_some_and(|own| holds(own.data_type(), f.data_type()))
        }),
        (T::Int8, T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64)
        | (T::Int16, T::Int32 | T::Int64 | T::Float32 | T::Float64)
        | (T::Int32, T::Int64 | T::Float64)
        | (T::Float32, T::Float64)
        | (T::Date32 | T::Timestamp(..), T::Timestamp(..)) => true,
        (_, T::Decimal128(precision, scale)) => decimal_holds(given, *precision, *scale),
        _ => given == own,
    }
}

/// Returns the columns of a table, then those that only the rows have. The fields of structs are merged likewise.
pub(crate) fn merged(table: &Schema, rows: &Schema) -> SchemaRef {
    Arc::new(Schema::new(merged_fields(table.fields(), rows.fields())))
}

fn merged_fields(table: &Fields, rows: &Fields) -> Fields {
    let deeper = |own: &FieldRef| match place(rows, own.name()).and_then(|at| rows.get(at)) {
        None => Arc::clone(own),
        Some(given) => {
            Arc::new(own.as_ref().clone().with_data_type(merged_type(own.data_type(), given.data_type())))
        }
    };
    let new = rows.iter().filter(|f| place(table, f.name()).is_none());
    table.iter().map(deeper).chain(new.cloned()).collect()
}

fn merged_type(own: &DataType, given: &DataType) -> DataType {
    let inner = |own: &FieldRef, given: &FieldRef| {
        Arc::new(own.as_ref().clone().with_data_type(merged_type(own.data_type(), given.data_type())))
    };
    match (own, given) {
        (DataType::Struct(own), DataType::Struct(given)) => DataType::Struct(merged_fields(own, given)),
        (DataType::List(own), DataType::List(given)) => DataType::List(inner(own, given)),
        (DataType::Map(own, sorted), DataType::Map(given, _)) => DataType::Map(inner(own, given), *sorted),
        // The type of the table stays; whether it holds the values is checked after the merge.
        _ => own.clone(),
    }
}

/// Converts `batch` to the columns of `table`. The nulls that are allowed are those of `declared`.
pub(crate) fn fitted(
    batch: &RecordBatch,
    table: &SchemaRef,
    declared: &Schema,
    zone: Zone,
) -> Result<RecordBatch> {
    let given = batch.schema();
    let mut columns = Vec::with_capacity(table.fields().len());
    for (own, declared) in table.fields().iter().zip(declared.fields()) {
        let column = match place(given.fields(), own.name()) {
            None => new_null_array(own.data_type(), batch.num_rows()),
            Some(at) => cast(batch.column(at), own.data_type(), zone)?,
        };
        check_nulls(&column, declared, None, declared.name())?;
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(table), columns, &options)
        .map_err(|e| Error::internal(format!("rows for a Delta table: {e}")))
}

/// Refuses a null where `field` allows none. Where `outer` is null, the value inside it does not exist.
fn check_nulls(column: &ArrayRef, field: &Field, outer: Option<&NullBuffer>, path: &str) -> Result<()> {
    let own = column.logical_nulls();
    if !field.is_nullable() {
        let is_null =
            |at: usize| own.as_ref().is_some_and(|n| n.is_null(at)) && outer.is_none_or(|o| o.is_valid(at));
        if own.as_ref().is_some_and(|n| n.null_count() > 0) && (0..column.len()).any(is_null) {
            return Err(violated(path));
        }
    }
    // Most columns require nothing inside, and their values are not looked at.
    if !inner_required(field.data_type()) {
        return Ok(());
    }
    match field.data_type() {
        DataType::Struct(fields) => {
            let there = NullBuffer::union(own.as_ref(), outer);
            let rows = column.as_struct();
            fields.iter().zip(rows.columns()).try_for_each(|(field, column)| {
                check_nulls(column, field, there.as_ref(), &format!("{path}.{}", field.name()))
            })
        }
        // Null lists are left out, and what their offsets may still point to with them.
        DataType::List(item) => {
            let lists = column.as_list::<i32>();
            lists.iter().flatten().try_for_each(|l| check_nulls(&l, item, None, &format!("{path}.element")))
        }
        DataType::Map(entries, _) => column.as_map().iter().flatten().try_for_each(|pairs| {
            let pairs: ArrayRef = Arc::new(pairs);
            check_nulls(&pairs, entries, None, path)
        }),
        _ => Ok(()),
    }
}

/// Returns whether something inside a value of this type must not be null, except for the keys of maps.
fn inner_required(data_type: &DataType) -> bool {
    let required = |f: &Field| !f.is_nullable() || inner_required(f.data_type());
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|f| required(f)),
        DataType::List(item) => required(item),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                pair.get(1).is_some_and(|f| required(f))
                    || pair.first().is_some_and(|f| inner_required(f.data_type()))
            }
            _ => false,
        },
        _ => false,
    }
}

fn violated(column: &str) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
        "23502",
        format!("NOT NULL constraint violated for column: {column}."),
    )
    .param("columnName", column)
}
