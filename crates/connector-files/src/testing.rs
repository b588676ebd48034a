//! Helpers of this crate's tests: the formats by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::{csv, json, parquet};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::Result;
pub(crate) use thalweg_connector_testing::{batch, ddl, lines, read, stream_of, write_request};
use thalweg_connectors::{Connector, ConnectorRegistry, ReadRequest};
use thalweg_values::types::simple_name;

/// The connector of that name.
pub(crate) fn connector(format: &str) -> Arc<dyn Connector> {
    let connector = match format {
        "csv" => csv::connector(),
        "json" => json::connector(),
        _ => parquet::connector(),
    };
    ConnectorRegistry::default().with(Arc::new(connector)).unwrap().get(format).unwrap()
}

/// Names and types, such as `a int, b string`.
pub(crate) fn types(schema: &SchemaRef) -> String {
    let one = |f: &Arc<Field>| format!("{} {}", f.name(), simple_name(f.data_type()));
    schema.fields().iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Runs SQL over the table that the request reads, named `t`.
pub(crate) async fn query(format: &str, request: ReadRequest, sql: &str) -> Result<Vec<RecordBatch>> {
    thalweg_connector_testing::query(connector(format).as_ref(), request, sql).await
}

/// The rows of `SELECT * FROM t`, or the class of the error.
pub(crate) async fn rows(format: &str, request: ReadRequest) -> Vec<String> {
    thalweg_connector_testing::rows(connector(format).as_ref(), request).await
}

/// Inferred names and types, or the class of the error.
pub(crate) async fn inferred(format: &str, request: ReadRequest) -> String {
    match connector(format).table(request).await {
        Ok(table) => types(&table.schema()),
        Err(e) => e.class().to_owned(),
    }
}
