//! `INSERT INTO` and `INSERT OVERWRITE`: the query's columns are fitted to the table's by Spark's
//! store assignment, then appended or put in place of all rows.

use super::write::write_rows;
use crate::session::{Output, Session};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::WriteMode;
use thalweg_sql::ir;
use thalweg_sql::types::StructType;

/// Runs an INSERT.
pub async fn run(session: &Session, insert: ir::Insert, text: Option<Arc<str>>) -> Result<Output> {
    let (_, definition) = session.catalog.definition(&insert.table)?;
    let node = ir::RelationNode::Table { name: insert.table.clone(), options: vec![], streaming: false };
    let target = session.resolve(&ir::Relation::new(node), None).await?.schema();
    let given = session.resolve(&insert.query, text.clone()).await?.schema();
    let fitted = fit(&insert, &given, &target)?;
    let resolved = session.resolve(&fitted, text).await?;
    let mode = if insert.overwrite { WriteMode::Overwrite } else { WriteMode::Append };
    write_rows(session, &definition, mode, resolved).await?;
    Ok(Output::nothing())
}

/// The query with the table's column names, order and types.
fn fit(insert: &ir::Insert, given: &StructType, target: &StructType) -> Result<ir::Relation> {
    let names: Vec<String> = if insert.by_name {
        given.fields.iter().map(|f| f.name.clone()).collect()
    } else if insert.columns.is_empty() {
        target.fields.iter().map(|f| f.name.clone()).collect()
    } else {
        insert.columns.clone()
    };
    if names.len() != given.fields.len() {
        return Err(wrong_arity(insert, &names, given));
    }
    let renamed = ir::RelationNode::ToDf { input: insert.query.clone(), names: names.clone() };
    let missing = target.fields.iter().filter(|f| !names.iter().any(|n| n.eq_ignore_ascii_case(&f.name)));
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
    let schema = target.clone();
    Ok(ir::Relation::new(ir::RelationNode::ToSchema { input: Box::new(relation), schema }))
}

fn wrong_arity(insert: &ir::Insert, names: &[String], given: &StructType) -> Error {
    let (class, reason) = if given.fields.len() < names.len() {
        ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
    } else {
        ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
    };
    let table = crate::catalog::name::quoted(&insert.table);
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
