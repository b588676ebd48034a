//! `INSERT INTO` and `INSERT OVERWRITE`: converts the query's columns to the table's by Spark's
//! store assignment, then appends the rows or replaces all rows.

use super::store_assignment;
use super::write_target::{self, Writer};
use crate::catalog::{CatalogSnapshot, create_table};
use crate::column_names;
use crate::partitioning::{self, Target};
use crate::session::{Output, Session};
use crate::table_write::{TableWrite, write_rows};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::WriteMode;
use thalweg_sql::ir;
use thalweg_sql::types::{DataType, StructType};
use thalweg_values::names::{quoted, same_name};

/// Runs an INSERT.
pub(super) async fn run(session: &Session, insert: ir::Insert, text: Option<Arc<str>>) -> Result<Output> {
    run_with(session, &CatalogSnapshot::new(&session.catalog), insert, vec![], text).await
}

/// Runs an INSERT with options of the writer.
pub(super) async fn run_with(
    session: &Session,
    snapshot: &CatalogSnapshot<'_>,
    insert: ir::Insert,
    options: ir::Options,
    text: Option<Arc<str>>,
) -> Result<Output> {
    // Only `writeTo` finds columns by name without a text.
    let writer = if insert.by_name && text.is_none() { Writer::WriteTo } else { Writer::Insert };
    write_target::check(session, &insert.table, writer)?;
    let (name, definition) = session.catalog.definition(&insert.table)?;
    let node = ir::RelationNode::Table { name: insert.table.clone(), options: vec![], streaming: false };
    let target = session.resolve_in(snapshot, &ir::Relation::new(node), None).await?.schema();
    if !create_table::capabilities(session, &definition)?.keeps_columns {
        // A catalog of an older version may have tables that cannot be partitioned as they were defined.
        partitioning::check(&definition.partition_by, &target, Target::Table(&name))?;
    }
    let given = session.resolve_in(snapshot, &insert.query, text.clone()).await?.schema();
    // The names are checked before the types, as in Spark: a missing column has no type to complain about.
    let names = names(&insert, &given, &target)?;
    // A connector that fits rows casts them as a query would; the others take what is safe to take.
    if !create_table::capabilities(session, &definition)?.fits_rows {
        store_assignment::check(&name, &names, &given, &target)?;
    }
    let resolved = session.resolve_in(snapshot, &fit(&insert, names, &target), text).await?;
    let mode = if insert.overwrite { WriteMode::Overwrite } else { WriteMode::Append };
    write_rows(session, &definition, TableWrite { options, ..TableWrite::new(mode) }, resolved).await?;
    Ok(Output::nothing())
}

/// Appends rows by column name: the query must have exactly the table's columns.
pub(super) async fn append_by_name(
    session: &Session,
    snapshot: &CatalogSnapshot<'_>,
    insert: ir::Insert,
    options: ir::Options,
) -> Result<Output> {
    let node = ir::RelationNode::Table { name: insert.table.clone(), options: vec![], streaming: false };
    let target = session.resolve_in(snapshot, &ir::Relation::new(node), None).await?.schema();
    let given = session.resolve_in(snapshot, &insert.query, None).await?.schema();
    // These two have no names of their own in Spark.
    let legacy = |class: &str, message: String| Error::new(ErrorKind::Analysis, class, "42000", message);
    if given.fields.len() != target.fields.len() {
        let message = format!(
            "The column number of the existing table {} ({}) doesn't match the data schema ({}).",
            insert.table.join("."),
            DataType::Struct(target),
            DataType::Struct(given)
        );
        return Err(legacy("_LEGACY_ERROR_TEMP_1161", message));
    }
    let is_there = |name: &str| given.fields.iter().any(|f| same_name(&f.name, name));
    if let Some(field) = target.fields.iter().find(|f| !is_there(&f.name)) {
        let names: Vec<_> = given.fields.iter().map(|f| f.name.as_str()).collect();
        let message = format!("Cannot resolve '{}' given input columns: [{}].", field.name, names.join(", "));
        return Err(legacy("_LEGACY_ERROR_TEMP_1162", message));
    }
    run_with(session, snapshot, insert, options, None).await
}

/// Returns the table's columns for the query's columns, in their order.
fn names(insert: &ir::Insert, given: &StructType, target: &StructType) -> Result<Vec<String>> {
    let is_there = |name: &String| target.fields.iter().any(|f| same_name(&f.name, name));
    let of = |schema: &StructType| schema.fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    if insert.by_name {
        let names = of(given);
        if names.len() > target.fields.len() {
            return Err(wrong_arity(insert, &of(target), given));
        }
        if let Some(name) = column_names::repeated(&names) {
            return Err(store_assignment::incompatible(
                &quoted(&insert.table),
                "AMBIGUOUS_COLUMN_NAME",
                &format!("Ambiguous column name in the input data `{name}`"),
            ));
        }
        let extra: Vec<_> = names.iter().filter(|n| !is_there(n)).map(|n| format!("`{n}`")).collect();
        if !extra.is_empty() {
            let what = format!("Cannot write extra columns {}", extra.join(", "));
            return Err(store_assignment::incompatible(&quoted(&insert.table), "EXTRA_COLUMNS", &what));
        }
        return Ok(names);
    }
    if let Some(name) = insert.columns.iter().find(|n| !is_there(n)) {
        return Err(unknown(name, target));
    }
    // Two values for one column would leave it open which one is stored.
    column_names::check_unique(&insert.columns)?;
    let names = if insert.columns.is_empty() { of(target) } else { insert.columns.clone() };
    if names.len() != given.fields.len() {
        return Err(wrong_arity(insert, &names, given));
    }
    Ok(names)
}

fn unknown(name: &str, target: &StructType) -> Error {
    let known: Vec<_> = target.fields.iter().map(|f| format!("`{}`", f.name)).collect();
    let known = known.join(", ");
    let text = format!(
        "A column, variable, or function parameter with name `{name}` cannot be resolved. \
         Did you mean one of the following? [{known}]."
    );
    Error::new(ErrorKind::Analysis, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", text)
        .param("objectName", format!("`{name}`"))
        .param("proposal", known)
}

/// Returns the query with the table's column names, order and types. The table itself checks the rows for
/// nulls that it does not allow.
fn fit(insert: &ir::Insert, names: Vec<String>, target: &StructType) -> ir::Relation {
    // By position: the columns of the query may have any names, or the same one twice.
    let renamed = ir::RelationNode::ToDf { input: insert.query.clone(), names: names.clone() };
    let missing = target.fields.iter().filter(|f| !names.iter().any(|n| same_name(n, &f.name)));
    let nulls: Vec<ir::Expr> = missing
        .map(|f| {
            let null = ir::Expr::new(ir::ExprNode::Literal(ir::Literal::Null(f.data_type.clone())));
            ir::Expr::new(ir::ExprNode::Alias {
                expr: Box::new(null),
                names: vec![f.name.clone()],
                metadata: None,
            })
        })
        .collect();
    let mut relation = ir::Relation::new(renamed);
    if !nulls.is_empty() {
        relation =
            ir::Relation::new(ir::RelationNode::WithColumns { input: Box::new(relation), columns: nulls });
    }
    // A query cannot prove that it has no nulls, which would refuse it here; the table looks at the rows.
    let mut schema = target.clone();
    schema.fields.iter_mut().for_each(|f| f.nullable = true);
    ir::Relation::new(ir::RelationNode::ToSchema { input: Box::new(relation), schema })
}

fn wrong_arity(insert: &ir::Insert, names: &[String], given: &StructType) -> Error {
    let (class, reason) = if given.fields.len() < names.len() {
        ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    let table = quoted(&insert.table);
    let data: Vec<_> = given.fields.iter().map(|f| format!("`{}`", f.name)).collect();
    let wanted: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
    Error::new(
        ErrorKind::Analysis,
        class,
        "21S01",
        format!(
            "Cannot write to {table}, the reason is {reason}: Table columns: {}. Data columns: {}.",
            wanted.join(", "),
            data.join(", ")
        ),
    )
    .param("tableName", table)
    .param("tableColumns", wanted.join(", "))
    .param("dataColumns", data.join(", "))
}
